"""An event taken back or replaced: the meter becomes what it is without it."""

from decimal import Decimal

import pytest

from billing.metering.aggregations import Reading, value_of
from billing.models import Accrual, UniqueValue
from ledger.models import Entry, Period, Transaction
from tests.billing.scene import DAY, HOUR, LATER, event, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db

KINDS = ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
VALUES = [4, 7, 7, 2, "5.5", 2]


@pytest.fixture
def scene():
    return new_scene()


def readings(values):
    """Return what a meter reads of events e0, e1, …, an hour apart."""
    return {
        f"e{n}": Reading(Decimal(value), str(value), NOON + n * HOUR, f"gateway\ne{n}")
        for n, value in enumerate(values)
    }


def sent(scene, values):
    for n, value in enumerate(values):
        scene.send(event(value, id=f"e{n}", at=NOON + n * HOUR), at=NOON + DAY)


def check(scene, aggregation, standing):
    """Hold everything that says a meter's value to what the standing readings give."""
    value = value_of(aggregation, standing.values(), 2)
    assert scene.units(aggregation.replace("_", "-")) == value
    assert scene.revenue == value * 3
    assert scene.holds("cost_of_revenue") == value
    accrual = Accrual.objects.get()
    assert (accrual.quantity, accrual.amount, accrual.cost) == (value, value * 3, value)
    assert accrual.events == len(standing)


# --- The meter's value ------------------------------------------------------------------


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1), [3, 1, 5, 2, 0, 4]])
@pytest.mark.parametrize("aggregation", KINDS)
def test_voiding_leaves_what_the_others_give(scene, aggregation, order):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, VALUES)
    standing = readings(VALUES)

    for n in order:
        scene.void(f"e{n}")
        del standing[f"e{n}"]
        check(scene, aggregation, standing)

    assert scene.unbilled == 0
    assert not UniqueValue.objects.exists()


@pytest.mark.parametrize("aggregation", KINDS)
def test_amending_gives_what_the_events_give_as_amended(scene, aggregation):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, VALUES)
    standing = readings(VALUES)

    for n, value in [(1, 9), (0, 1), (2, 7), (5, 30), (5, 3)]:
        name = f"e{n}"
        scene.amend(event(value, id=name, at=NOON + n * HOUR))
        standing[name] = standing[name]._replace(value=Decimal(value), text=str(value))
        check(scene, aggregation, standing)


@pytest.mark.parametrize("aggregation", KINDS)
def test_usage_goes_on_as_if_a_voided_event_had_never_been(scene, aggregation):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, [9, 4])
    scene.void("e0")

    scene.send(event(6, id="e2", at=NOON + 2 * HOUR))

    standing = readings([9, 4, 6])
    del standing["e0"]
    check(scene, aggregation, standing)


def test_void_of_the_latest_of_two_at_one_time_brings_back_the_other(scene):
    scene.meter("latest")
    scene.send(event(1, id="a"), event(2, id="b"), event(3, id="c"))

    scene.void("c")

    assert scene.units("latest") == 2
    scene.void("a")
    assert scene.units("latest") == 2


def test_only_its_own_month_counts_when_a_maximum_goes(scene):
    scene.meter("max")
    scene.send(event(9, at=NOON - 30 * DAY), event(5), event(8, id="top"), event(7, at=LATER))

    scene.void("top")

    assert scene.units("max") == 9 + 7


def test_void_reaches_every_meter_that_counted_the_event(scene):
    scene.meter("sum", price=2)
    scene.meter("count", price=5)
    scene.meter("max", price=None)
    scene.send(event(3, id="one"), event(2))

    scene.void("one")

    assert [scene.units(key) for key in ("sum", "count", "max")] == [2, 1, 2]
    assert scene.revenue == 9


def test_void_of_unmetered_usage_is_recorded_and_moves_nothing(scene):
    scene.send(event(1, id="one"))

    correction = scene.void("one")

    assert correction.transaction_ids == []
    assert not Entry.objects.exists()


def test_difference_is_effective_when_the_event_happened(scene):
    scene.meter()
    scene.send(event(4, id="one"))

    correction = scene.void("one")

    entries = list(Entry.objects.of(*correction.transaction_ids))
    assert {entry.effective_at for entry in entries} == {NOON}
    assert {entry.source_id for entry in entries} == {correction.event_id}


def test_difference_is_booked_in_the_open_month_when_its_own_is_closed(scene):
    scene.meter()
    scene.send(event(4, id="one"))
    Period.objects.update(state="closed")

    correction = scene.void("one")

    posted = Transaction.objects.get(pk=correction.transaction_ids[0])
    assert posted.period.starts_at > NOON
    assert {entry.effective_at for entry in Entry.objects.of(posted)} == {NOON}
