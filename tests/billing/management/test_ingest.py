"""``manage.py ingest``: files go in once, whatever is in them and however often it is run."""

import gzip
import json
import os
import re
import signal
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing import catalogue
from billing.management import loading
from billing.management.loading import Stop, load
from billing.metering import files
from billing.models import DeadLetter, UsageEvent
from ledger import balances
from ledger.models import Account
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book():
    """A book with a customer of three subjects, whose tokens are counted."""
    book = factories.book()
    customer = factories.customer(book=book)
    for subject in ("ann", "bob", "eve"):
        catalogue.map_subject(book=book, key=subject, customer=customer, at=NOON)
    catalogue.create_meter(
        book=book,
        key="tokens",
        event_type="call",
        aggregation="sum",
        value_path="$.n",
        unit=factories.asset(code="token", kind="unit", scale=0),
        at=NOON,
    )
    return book


@pytest.fixture
def ingest(book):
    """Return a function that runs the command and returns what it printed."""

    def ingest(*arguments, **options):
        printed = StringIO()
        call_command("ingest", *map(str, arguments), book=book.key, stdout=printed, **options)
        return printed.getvalue()

    return ingest


def event(number, subject="ann", tokens=1, **others):
    said = {"id": str(number), "source": "t", "type": "call", "subject": subject}
    return json.dumps({**said, "time": "2025-06-15T11:00:00Z", "data": {"n": tokens}, **others})


def written(tmp_path, *lines, name="events.ndjson"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def consumed(book):
    """Return the tokens that the ledger says were used."""
    accounts = Account.objects.filter(book=book, purpose="consumed_units")
    present = balances.now(accounts.values_list("pk", flat=True))
    return sum((balance.settled for balance in present.values()), Decimal(0))


def test_events_are_taken_once_however_often_it_is_run(tmp_path, book, ingest):
    path = written(tmp_path, *(event(n, tokens=n) for n in range(1, 6)))

    assert "accepted" in ingest(path)
    again = ingest(path)

    assert "duplicate" in again
    assert UsageEvent.objects.count() == 5
    assert consumed(book) == 15


def test_gzip_and_plain_files_go_in_one_run(tmp_path, book, ingest):
    packed = tmp_path / "more.ndjson.gz"
    packed.write_bytes(gzip.compress(event(2).encode()))

    ingest(written(tmp_path, event(1)), packed)

    assert consumed(book) == 2


def test_several_workers_take_what_one_would(tmp_path, book, ingest):
    subjects = ["ann", "bob", "eve"]
    path = written(tmp_path, *(event(n, subjects[n % 3], n) for n in range(5000)), "no event")

    printed = ingest(path, workers=3)

    assert UsageEvent.objects.count() == 5000
    assert consumed(book) == sum(range(5000))
    assert "events.ndjson:5001: malformed" in printed


def test_csv_goes_in_by_its_columns(tmp_path, book, ingest):
    path = written(tmp_path, "at;who;GeneratedTokens", "2025-06-15 12:00;ann;7", name="log.csv")

    ingest(
        path,
        map=["time=at", "subject=who"],
        data=["n=GeneratedTokens"],
        type="call",
        zone="Europe/Berlin",
        delimiter=";",
    )

    found = UsageEvent.objects.get()
    assert (found.source, found.external_id, found.data) == ("log.csv", "1", {"n": "7"})
    assert found.occurred_at.hour == 10
    assert consumed(book) == 7


def test_refused_rows_are_named_by_line_and_kept(tmp_path, ingest):
    path = written(tmp_path, event(1), "{", event(2, tokens="many"), event(1, tokens=9))

    printed = ingest(path)

    assert "events.ndjson:2: malformed" in printed
    assert "events.ndjson:3: invalid_value" in printed
    assert "events.ndjson:4: conflict" in printed
    assert DeadLetter.objects.count() == 3


def test_only_the_first_refused_rows_are_named(tmp_path, ingest):
    path = written(tmp_path, *(f"broken {n}" for n in range(30)))

    printed = ingest(path)

    assert printed.count(": malformed: ") == 20
    assert "and 10 more" in printed


def test_strict_runs_fail_when_a_row_is_refused(tmp_path, ingest):
    path = written(tmp_path, event(1), "{")

    with pytest.raises(CommandError, match="1 rows were refused"):
        ingest(path, strict=True)

    assert UsageEvent.objects.count() == 1


def test_a_damaged_file_gives_what_is_before_the_damage(tmp_path, ingest):
    path = tmp_path / "events.gz"
    whole = gzip.compress("\n".join(event(n) for n in range(3000)).encode())
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CommandError, match="damaged after line"):
        ingest(path)

    assert 0 < UsageEvent.objects.count() < 3000


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"map": ["colour=a"]}, "no such attribute"),
        ({"map": ["subject"]}, "NAME=COLUMN"),
        ({"map": ["subject=who"]}, "where the type is"),
        ({"map": ["subject=nobody"], "type": "call"}, "nobody"),
        ({"map": ["subject=who"], "type": "call", "zone": "Mars/Base"}, "no such time zone"),
    ],
)
def test_a_wrong_mapping_is_explained(tmp_path, ingest, options, complaint):
    path = written(tmp_path, "who,n", "ann,1", name="log.csv")

    with pytest.raises(CommandError, match=complaint):
        ingest(path, **options)


def test_a_file_that_is_not_there_is_named(ingest):
    with pytest.raises(CommandError, match="nowhere"):
        ingest("nowhere.ndjson")


def test_an_interrupted_run_says_how_far_it_came_and_goes_on_next_time(
    tmp_path, book, ingest, monkeypatch
):
    path = written(tmp_path, *(event(n) for n in range(15_000)))

    def interrupting_clock():  # when the first batch asks the time
        os.kill(os.getpid(), signal.SIGINT)
        patched.undo()
        return timezone.now()

    with monkeypatch.context() as patched:
        patched.setattr(loading, "now", interrupting_clock)
        with pytest.raises(CommandError) as stopped:
            ingest(path)

    [line] = re.findall(r"after line ([\d,]+)", str(stopped.value))
    assert stopped.value.returncode == 130
    assert UsageEvent.objects.count() == int(line.replace(",", "")) < 15_000
    ingest(path)
    assert consumed(book) == 15_000


def test_memory_does_not_grow_with_duplicates(book):
    seen = []
    records = (files.Record(n, event(1).encode()) for n in range(6000))

    tally = load(book=book, records=records, stop=Stop(), each=lambda t: seen.append(t.records))

    assert seen == sorted(seen)
    assert seen[-1] == 6000
    assert (tally.accepted, tally.duplicate, tally.refused) == (1, 5999, [])
