"""Late, early, timeless and disordered usage."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from billing.metering import unattributed, usage
from billing.models import Accrual
from ledger import clocks
from ledger.models import Entry, Period, Transaction
from tests import factories
from tests.billing.scene import (
    DAY,
    HOUR,
    LATER,
    event,
    new_scene,
    rows,
)
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def test_usage_without_a_time_happened_when_it_was_received(scene):
    scene.meter()

    scene.send(event(1, id="timeless", at=None))

    assert scene.find("timeless").occurred_at == LATER


@pytest.fixture
def clock(scene):
    """A test clock that the scene's customer lives by."""
    clock = clocks.create(book=scene.book, key="clock", now_at=NOON - 400 * DAY, at=LATER)
    clocks.attach(customer=scene.customer, clock=clock)
    return clock


def test_usage_without_a_time_happens_where_the_customers_test_clock_stands(scene, clock):
    scene.meter()
    other = factories.customer(book=scene.book)
    catalogue.map_subject(book=scene.book, key="other", customer=other, at=NOON)

    scene.send(event(1, id="first", at=None), event(1, id="others", at=None, subject="other"))
    clocks.advance(clock=clock, to=NOON - 300 * DAY)
    scene.send(event(1, id="second", at=None), event(1, id="timed", at=NOON))
    again = scene.send(event(1, id="second", at=None), at=LATER + HOUR)

    assert scene.find("first").occurred_at == NOON - 400 * DAY
    assert scene.find("second").occurred_at == NOON - 300 * DAY
    assert scene.find("others").occurred_at == LATER
    assert scene.find("timed").occurred_at == NOON
    assert again.duplicate == 1


def test_usage_kept_without_a_time_takes_the_test_clocks_when_it_is_posted(scene, clock):
    scene.meter()
    scene.send(event(1, id="early", at=None, subject="new"))

    catalogue.map_subject(book=scene.book, key="new", customer=scene.customer, at=LATER)
    unattributed.post_mapped(book=scene.book, at=LATER)

    assert scene.find("early").occurred_at == NOON - 400 * DAY


def test_a_book_without_test_clocks_asks_for_none(scene):
    scene.meter()
    scene.send(event(1))

    with CaptureQueriesContext(connection) as timed:
        scene.send(event(1))
    with CaptureQueriesContext(connection) as timeless:
        scene.send(event(1, at=None))

    assert len(timeless) == len(timed)


def test_clocks_may_run_ahead_as_far_as_the_setting_says(scene, settings):
    scene.meter()
    ahead = LATER + timedelta(seconds=settings.METERBOOK_EVENT_CLOCK_SKEW_SECONDS)

    assert scene.send(event(1, at=ahead)).accepted == 1
    outcome = scene.send(event(1, at=ahead + timedelta(microseconds=1)))

    assert rows(outcome) == [(0, "rejected", "in_the_future")]
    assert scene.units("sum") == 1


def test_usage_from_before_2000_is_refused(scene):
    scene.meter()

    outcome = scene.send(event(1, at="1999-12-31T23:59:59Z"), event(1, at="2000-01-01T00:00:00Z"))

    assert rows(outcome) == [(0, "rejected", "too_old")]


def test_late_usage_is_counted_in_the_month_it_happened(scene):
    scene.meter("max")

    scene.send(event(5, at=NOON))
    scene.send(event(3, at=NOON - 40 * DAY))

    assert sorted(Accrual.objects.values_list("period_start__month", "quantity")) == [
        (5, 3),
        (6, 5),
    ]
    assert scene.units("max") == 8


def test_a_month_begins_at_midnight_of_the_book():
    scene = new_scene(time_zone="America/New_York")
    scene.meter("count")

    scene.send(event(at="2025-06-01T03:59:59Z"), event(at="2025-06-01T04:00:00Z"))

    assert list(Accrual.objects.order_by("period_start").values_list("events", flat=True)) == [1, 1]


def test_latest_reading_is_the_latest_that_happened_not_that_arrived(scene):
    scene.meter("latest")

    scene.send(event(7, at=NOON + HOUR))
    scene.send(event(3, at=NOON))

    assert scene.units("latest") == 7


def test_of_two_readings_at_one_time_the_greater_name_is_the_latest(scene):
    scene.meter("latest")
    names = ["a", "b", "c", "d"]

    for name, value in zip(["c", "a", "d", "b"], [3, 1, 4, 2], strict=True):
        scene.send(event(value, id=name))

    assert scene.units("latest") == 1 + names.index("d")
    assert value_now(scene, "latest") == 4


def value_now(scene, meter):
    """Ask the usage query, which reads events by itself."""
    page = usage.query(
        book=scene.book,
        meter=scene.meters[meter],
        starts_at=NOON - DAY,
        ends_at=NOON + DAY,
        window=None,
        zone=UTC,
    )
    return page.rows[0].value


def test_closed_month_takes_no_late_usage_but_keeps_its_time(scene):
    scene.meter()
    scene.send(event(1, at=NOON))
    close(scene, NOON)

    scene.send(event(5, at=NOON + HOUR), at=NOON + 30 * DAY)

    late = Transaction.objects.latest("pk")
    assert late.period.starts_at > NOON
    assert {entry.effective_at for entry in Entry.objects.of(late)} == {NOON + HOUR}
    assert scene.units("sum") == 6
    assert Accrual.objects.get().quantity == 6


def close(scene, at):
    """Close the month of an instant."""
    period = Period.objects.get(book=scene.book, starts_at__lte=at, ends_at__gt=at)
    Period.objects.filter(pk=period.pk).update(state="closed")
