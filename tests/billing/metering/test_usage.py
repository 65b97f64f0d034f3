"""Usage as it is asked for, from what ingest wrote, before and after folding."""

import json
from datetime import timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, transaction

from billing import catalogue
from billing.metering import corrections, ingest, rollups, usage
from billing.metering.decode import lines
from billing.metering.windows import Window
from billing.models import Accrual, UsageEvent, UsageRollup
from ledger.errors import InvalidInputError
from tests import factories
from tests.factories import NOON
from tests.polling import eventually

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def meters():
    """A meter of each kind that counts what the others count."""
    book = factories.book()
    return {
        kind: catalogue.create_meter(
            book=book,
            key=kind.replace("_", "-"),
            event_type="call",
            aggregation=kind,
            value_path={"count": "", "unique_count": "$.who"}.get(kind, "$.n"),
            dimensions={"model": "$.model"},
            unit=factories.asset(code="thing", kind="unit", scale=2),
            at=NOON,
        )
        for kind in ("sum", "count", "max", "min", "avg", "latest", "unique_count")
    }


@pytest.fixture
def customer(meters):
    found = factories.customer(book=meters["sum"].book)
    catalogue.map_subject(book=found.book, key="ann", customer=found, at=NOON)
    return found


@pytest.fixture
def send(customer):
    """Return a function that takes readings in: (minutes before noon, number, model, who)."""

    def send(*readings):
        events = [
            {
                "id": factories.name("e"),
                "source": "test",
                "type": "call",
                "subject": "ann",
                "time": (NOON - timedelta(minutes=minutes)).isoformat(),
                "data": {"n": n, "model": model, "who": who},
            }
            for minutes, n, model, who in readings
        ]
        sent = lines(json.dumps(event).encode() for event in events)
        outcome = ingest.ingest(book=customer.book, sent=sent, received_at=NOON)
        assert outcome.accepted == len(readings), outcome

    return send


@pytest.fixture
def ask(customer):
    """Return a function that asks for a meter's usage of the two hours before noon."""

    def ask(meter, **question):
        question = {"starts_at": NOON - 2 * HOUR, "ends_at": NOON, **question}
        return usage.query(book=customer.book, meter=meter, **question).rows

    return ask


def fold_all():
    """Fold until nothing is left; another database's transactions may be in the way a while."""
    eventually(lambda: rollups.fold() >= 0 and _is_folded(), why="other transactions go on")


def _is_folded():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM billing_usagebatch b, ledger_watermark w"
            " WHERE w.name = 'rollups' AND (b.xid, b.id) > (w.xid::text::xid8, w.position))"
        )
        return cursor.fetchone()[0]


READINGS = [(90, 5, "a", "x"), (61, 2, "b", "y"), (59, "7.25", "a", "x"), (1, 2, "a", "z")]


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("sum", "16.25"),
        ("count", "4"),
        ("max", "7.25"),
        ("min", "2"),
        ("avg", "4.06"),
        ("latest", "2"),
        ("unique_count", "3"),
    ],
)
def test_usage_is_what_the_ledger_counts(meters, send, ask, kind, value, is_folded):
    send(*READINGS)
    if is_folded:
        fold_all()

    [row] = ask(meters[kind])

    assert (row.value, row.events) == (Decimal(value), 4)
    assert Accrual.objects.get(meter=meters[kind]).quantity == row.value


def test_windows_and_groups_are_rows_of_their_own(meters, send, ask):
    send(*READINGS)
    fold_all()

    rows = ask(meters["sum"], window=Window.HOUR, group_by=["model"])

    assert [(row.window_start, row.group["model"], row.value) for row in rows] == [
        (NOON - 2 * HOUR, "a", 5),
        (NOON - 2 * HOUR, "b", 2),
        (NOON - HOUR, "a", Decimal("9.25")),
    ]
    assert {row.window_end - row.window_start for row in rows} == {HOUR}


def test_filters_leave_out_what_they_do_not_name(meters, send, ask):
    send(*READINGS, (30, 4, None, "x"))

    assert [row.value for row in ask(meters["sum"], filters={"model": ["b"]})] == [2]
    assert [row.value for row in ask(meters["sum"], filters={"model": ["b", None]})] == [6]
    assert ask(meters["sum"], filters={"model": []}) == []
    assert ask(meters["sum"], subjects=["nobody"]) == []


def test_folding_twice_changes_nothing(meters, send):
    send(*READINGS)
    fold_all()
    before = list(UsageRollup.objects.order_by("pk").values())

    assert rollups.fold() == 0
    assert list(UsageRollup.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("is_folded_between", [False, True])
def test_a_voided_event_is_no_usage_before_or_after_folding(meters, send, ask, is_folded_between):
    send(*READINGS)
    if is_folded_between:
        fold_all()
    event = UsageEvent.objects.get(data__n="7.25")
    corrections.void(book=event.book, event=event, key="void", at=NOON)

    unfolded = [ask(meter)[0].value for meter in meters.values()]
    fold_all()

    assert [ask(meter)[0].value for meter in meters.values()] == unfolded
    assert ask(meters["sum"])[0].value == 9
    assert ask(meters["max"])[0].value == 5


def test_labels_longer_than_an_index_takes_are_folded(meters, send, ask):
    long = "".join(chr(0x4E00 + place * 7 % 20_000) for place in range(1000))
    send((30, 1, long, "x"), (29, 2, long, "y"))
    fold_all()

    [row] = ask(meters["sum"], group_by=["model"])

    assert (row.group["model"], row.value) == (long, 3)


def test_only_one_folds_at_a_time(meters, send):
    send(*READINGS)
    found = []

    def fold():
        found.append(rollups.fold())
        connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing_rollups'), 0)")
        other = Thread(target=fold)
        other.start()
        other.join()

    assert found == [0]


def test_what_a_running_transaction_may_still_precede_is_not_folded(meters, send, ask):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")  # older than the batch that follows
        writer = Thread(target=lambda: (send(*READINGS), connection.close()))
        writer.start()
        writer.join()

        assert rollups.fold_some() == 0
        assert [row.value for row in ask(meters["count"])] == [4]
    fold_all()
    assert [row.value for row in ask(meters["count"])] == [4]


def test_a_query_is_two_statements(meters, customer, send, django_assert_num_queries):
    send(*READINGS)
    fold_all()

    with django_assert_num_queries(2):
        usage.query(
            book=customer.book,
            meter=meters["sum"],
            starts_at=NOON - HOUR,
            ends_at=NOON,
            customers=[customer],
            include_descendants=True,
            group_by=["customer"],
        )


@pytest.mark.parametrize(
    "question",
    [
        {"ends_at": NOON - 2 * HOUR},
        {"group_by": ["colour"]},
        {"group_by": ["model", "model"]},
        {"filters": {"customer": ["x"]}},
        {"limit": 0},
        {"cursor": "nonsense"},
        {"cursor": "W10="},
        {"cursor": "WyIyMDI1LTA2LTE1IiwgW11d"},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(meters, ask, question):
    with pytest.raises(InvalidInputError):
        ask(meters["sum"], **question)


def test_another_books_meter_or_customer_is_refused(meters, ask):
    with pytest.raises(InvalidInputError):
        ask(meters["sum"], customers=[factories.customer()])
    with pytest.raises(InvalidInputError):
        usage.query(book=factories.book(), meter=meters["sum"], starts_at=NOON - HOUR, ends_at=NOON)
