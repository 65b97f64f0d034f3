"""``manage.py replay_trace``: a trace goes in once, and the books say what it cost."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.management import trace
from billing.metering import usage
from billing.models import Meter, UsageEvent
from billing.reports import overview
from ledger.models import Book, Customer, Transaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def replay(tmp_path):
    """Return a function that replays 500 requests of 1,000 tokens in and 100 out."""
    path = tmp_path / "trace_code.csv"
    rows = [f"2023-11-16 18:{n % 60:02}:03.9799600,1000,100" for n in range(500)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))

    def replay(**options):
        printed = StringIO()
        call_command("replay_trace", str(path), stdout=printed, **options)
        return printed.getvalue()

    return replay


def test_tables_end_with_what_verify_says(replay):
    printed = replay()

    for expected in ("accepted", "Wallets", "Postpaid accounts", "code", "Trial balance"):
        assert expected in printed
    assert "the ledger agrees with itself" in printed


def test_revenue_is_tokens_by_price(replay):
    replay()

    sent, received = overview.margins(book=Book.objects.get(key="trace"))

    assert {sent.model, received.model} == {"code"}
    assert sent.revenue == 500 * 1000 * Decimal(3) / 1_000_000
    assert received.revenue == 500 * 100 * Decimal(15) / 1_000_000
    assert sent.cost == 500 * 1000 * Decimal("1.8") / 1_000_000
    assert received.cost == 500 * 100 * Decimal(9) / 1_000_000


def test_running_it_again_changes_nothing(replay):
    replay()
    posted = Transaction.objects.count()

    printed = replay()

    assert "duplicate" in printed
    assert UsageEvent.objects.count() == 500
    assert Transaction.objects.count() == posted


def test_requests_are_spread_over_customers_the_same_way_each_time(replay):
    replay(book="first")
    replay(book="second")
    spread = []
    for key in ("first", "second"):
        book = Book.objects.get(key=key)
        page = usage.query(
            book=book,
            meter=Meter.objects.get(book=book, key="requests"),
            starts_at=trace._LONG_AGO,
            ends_at=trace._MID_TRACE.replace(year=2024),
            group_by=["customer"],
        )
        spread.append({row.group["customer"]: row.value for row in page.rows})

    assert spread[0] == spread[1]
    assert sum(spread[0].values()) == 500
    users = {party.key for party in trace.PARTIES if party.uses}
    assert spread[0].keys() == users
    assert Customer.objects.filter(book__key="first", parent__parent__isnull=False).exists()


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(CommandError, match="nowhere"):
        call_command("replay_trace", "nowhere.csv")
