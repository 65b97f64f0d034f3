"""Periods close in order; what comes late is booked in the open and keeps its own time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import Reopening
from ledger import closing
from ledger.errors import PeriodStateError
from ledger.models import Outbox, Period, Transaction
from ledger.moves import Move
from tests.factories import NOON
from tests.ledger import journal

pytestmark = pytest.mark.django_db

MAY = NOON - timedelta(days=31)
AFTER = datetime(2025, 8, 1, tzinfo=UTC)


@pytest.fixture
def scene():
    scene = journal.scene()
    scene.top_up(1000)
    return scene


def reopen(period):
    """Open a period again, and say so: the database asks for that."""
    Reopening.objects.create(period=period, reopened_at=AFTER, reopened_by="ann", reason="x")
    return closing.reopen(period=period, at=AFTER)


def june(scene):
    return Period.objects.get(book=scene.book, starts_at__lte=NOON, ends_at__gt=NOON)


def test_a_period_is_named_by_the_days_of_its_book(scene):
    period = june(scene)
    assert str(period) == "2025-06-01 – 2025-06-30 (open)"

    period.book.time_zone = "America/New_York"
    assert str(period) == "2025-05-31 – 2025-06-30 (open)"


def test_late_facts_are_booked_in_the_next_period(scene):
    closing.close(period=june(scene), at=AFTER)
    late = scene.use(1)

    assert late.effective_at == NOON
    assert late.period.starts_at == june(scene).ends_at


def test_a_closing_period_takes_adjustments_only(scene):
    closing.begin(period=june(scene), at=AFTER)
    move = Move(scene.clearing.pk, scene.lot.pk, 5)

    assert scene.post([move], kind="adjustment").period == june(scene)
    assert scene.use(1).period != june(scene)


def test_a_closed_period_takes_nothing_even_past_the_application(scene):
    period = closing.close(period=june(scene), at=AFTER)
    posted = Transaction.objects.get()

    with (
        pytest.raises(IntegrityError, match="post into the open one"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO ledger_transaction (book_id, kind, key, fingerprint, effective_at,"
            " period_id) VALUES (%s, 'adjustment', 'x', %s, %s, %s)",
            [posted.book_id, posted.fingerprint, NOON, period.pk],
        )


def test_a_period_that_has_not_ended_stays_open(scene):
    for move in (closing.begin, closing.close):
        with pytest.raises(PeriodStateError, match="ends only at 2025-07-01"):
            move(period=june(scene), at=NOON)


def test_periods_close_in_order(scene):
    scene.top_up(1, at=MAY)
    may = Period.objects.get(book=scene.book, ends_at=june(scene).starts_at)
    with pytest.raises(PeriodStateError, match="close that first"):
        closing.close(period=june(scene), at=AFTER)

    closing.close(period=may, at=AFTER)
    assert closing.close(period=june(scene), at=AFTER).state == "closed"


def test_periods_reopen_from_the_last(scene):
    scene.top_up(1, at=MAY)
    may = Period.objects.get(book=scene.book, ends_at=june(scene).starts_at)
    for period in (may, june(scene)):
        closing.close(period=period, at=AFTER)
    with pytest.raises(PeriodStateError, match="reopen that first"):
        closing.reopen(period=may, at=AFTER)

    reopened = reopen(june(scene))
    assert (reopened.state, reopened.closed_at) == ("open", None)
    assert scene.use(1).period == june(scene)


def test_doing_it_again_changes_nothing(scene):
    closing.begin(period=june(scene), at=AFTER)
    closing.begin(period=june(scene), at=AFTER + timedelta(hours=1))
    closing.close(period=june(scene), at=AFTER)
    again = closing.close(period=june(scene), at=AFTER + timedelta(hours=1))

    assert again.closed_at == AFTER
    with pytest.raises(PeriodStateError, match="reopen it first"):
        closing.begin(period=june(scene), at=AFTER)


def test_each_step_is_told(scene):
    period = june(scene)
    closing.begin(period=period, at=AFTER)
    closing.close(period=period, at=AFTER)
    reopen(period)

    topics = ["period.closing", "period.closed", "period.reopened"]
    assert list(Outbox.objects.order_by("pk").values_list("topic", flat=True)) == topics


def test_the_application_may_close_but_not_move_a_periods_bounds(scene):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        closing.close(period=june(scene), at=AFTER)
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            cursor.execute("UPDATE ledger_period SET ends_at = ends_at + interval '1 day'")
