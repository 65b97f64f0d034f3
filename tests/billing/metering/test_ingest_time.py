"""Late, early, timeless and disordered usage."""

from datetime import UTC, timedelta

import pytest

from billing.metering import usage
from billing.models import Accrual
from ledger.models import Entry, Period, Transaction
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
