"""Usage under terms: tiers, discounts, caps and prices of single events, upwards and downwards."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import checks, price_checks
from billing.models import Accrual
from tests.billing.scene import HOUR, event, left, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def tier(price, up_to=None, flat=None):
    said = {"unit_price": {"type": "unit", "amount": price}}
    if up_to:
        said["up_to_amount"] = up_to
    if flat:
        said["flat_price"] = {"type": "flat", "amount": flat}
    return said


GRADUATED = {"type": "graduated", "tiers": [tier("2", "10"), tier("1")]}
VOLUME = {"type": "volume", "tiers": [tier("2", "10"), tier("1")]}
OFF = {"discounts": {"percentage": "10"}, "commitments": {"maximum_amount": "27"}}


@pytest.fixture
def scene():
    return new_scene()


def sound():
    """Return what the checks of usage find, to be nothing."""
    every = [
        checks.quantities_were_posted,
        checks.amounts_were_posted,
        price_checks.amounts_are_priced,
        checks.takings_add_up,
        price_checks.costs_were_posted,
    ]
    return [found for check in every for found in check(book_id=None)]


def test_tiers_discount_and_cap_hold_whatever_the_batches(scene):
    scene.sell("sum", GRADUATED, **OFF)

    paid = []
    for value in (4, 7, 5, 20, 3):  # 8, 21, 26, 46, 49 before 10 % and the cap of 27
        scene.send(event(value))
        paid.append(scene.revenue)

    assert paid == [Decimal("7.2"), Decimal("18.9"), Decimal("23.4"), 27, 27]
    assert sound() == []


def test_what_falls_below_the_cap_is_given_back(scene):
    lot = scene.grant(100)
    scene.sell("sum", GRADUATED, **OFF)
    scene.send(event(4), event(31, id="big"))  # 45 × 0.9, capped
    assert (scene.revenue, left(lot)) == (27, 73)

    scene.send(event(-20))  # 15 units: 25 × 0.9
    assert (scene.revenue, left(lot)) == (Decimal("22.5"), Decimal("77.5"))

    scene.void("big")  # nothing is left, and less
    assert (scene.revenue, left(lot)) == (0, 100)
    assert sound() == []


def test_a_cheaper_tier_for_all_units_gives_money_back(scene):
    lot = scene.grant(100)
    scene.sell("sum", VOLUME, **OFF)

    left_in_lot = []
    for value in (10, 1, 9):  # 20, then 11 for all of it, then 20, less 10 %
        scene.send(event(value))
        left_in_lot.append(left(lot))

    assert left_in_lot == [82, Decimal("90.1"), 82]
    assert sound() == []


def test_a_cheaper_tier_gives_back_to_whom_paid(scene):
    scene.limit(12)
    scene.sell("sum", VOLUME)
    scene.send(event(10))  # 20: 12 on account, 8 beyond
    assert (scene.unbilled, scene.overdraft) == (12, 8)

    scene.send(event(1))

    assert (scene.unbilled, scene.overdraft) == (11, 0)
    assert sound() == []


def test_a_void_may_cost_more(scene):
    scene.sell("sum", VOLUME)
    scene.send(event(10), event(1, id="one"))
    assert scene.revenue == 11

    scene.void("one")

    assert scene.revenue == 20
    assert sound() == []


@pytest.mark.parametrize("aggregation", ["latest", "avg", "max"])
def test_a_shrinking_value_goes_down_the_tiers(scene, aggregation):
    scene.sell(aggregation, GRADUATED, **OFF)
    scene.send(event(40, id="forty", at=NOON), event(2, at=NOON + HOUR))
    highest = {"latest": Decimal("3.6"), "avg": 27, "max": 27}[aggregation]
    assert scene.revenue == highest

    scene.void("forty")

    assert scene.revenue == Decimal("3.6")  # of 2 units
    assert sound() == []


def test_a_first_tiers_flat_price_comes_with_the_first_usage_of_a_month(scene):
    scene.sell("sum", {"type": "graduated", "tiers": [tier("1", "10", flat="5"), tier("2")]})

    scene.send(event(0, id="none"))
    assert scene.revenue == 5
    scene.send(event(3, id="three"))
    assert scene.revenue == 8
    assert sound() == []

    scene.void("three")
    assert scene.revenue == 5
    scene.void("none")
    assert scene.revenue == 0
    assert sound() == []


def test_a_fee_is_due_for_an_event_that_changes_nothing(scene):
    scene.sell("sum", {"type": "percentage", "rate": "2.9", "fixed_fee": "0.30"})

    scene.send(event(100), event(0, id="zero"))
    assert scene.revenue == Decimal("3.50")

    scene.void("zero")
    assert scene.revenue == Decimal("3.20")
    assert sound() == []


def test_bounds_per_event_are_kept_and_given_back(scene):
    price = {"type": "percentage", "rate": "10", "minimum_per_event": "1", "maximum_per_event": "5"}
    scene.sell("sum", price)

    scene.send(event(2, id="small"), event(20, id="middle"), event(900, id="large"))
    assert scene.revenue == 1 + 2 + 5

    scene.void("large")
    scene.amend(event(30, id="middle"))
    assert scene.revenue == 1 + 3
    assert sound() == []


def test_a_table_prices_each_event_by_its_dimensions(scene):
    price = {
        "type": "rate_table",
        "dimensions": ["model", "kind"],
        "rates": [
            {"match": {"model": "big"}, "amount": "3"},
            {"match": {"model": "big", "kind": "cached"}, "amount": "1"},
        ],
        "default": "0.5",
    }
    scene.sell("sum", price, dimensions={"model": "$.model", "kind": "$.kind"})

    scene.send(
        event(2, model="big"),
        event(2, id="cached", model="big", kind="cached"),
        event(2, model="small"),
        event(2, id="plain"),
    )
    assert scene.revenue == 6 + 2 + 1 + 1

    scene.void("cached")
    scene.amend(event(2, id="plain", model="big"))
    assert scene.revenue == 6 + 1 + 6
    assert sound() == []


def fee_but_for(free):
    return {"type": "percentage", "rate": "0", "fixed_fee": "1", "free_events": free}


def test_the_first_events_are_free_whenever_they_arrive(scene):
    scene.sell("sum", {"type": "percentage", "rate": "10", "free_events": 2})

    scene.send(event(10, id="c", at=NOON + 2 * MINUTE), event(20, id="d", at=NOON + 3 * MINUTE))
    assert scene.revenue == 0
    scene.send(event(30, id="e", at=NOON + 4 * MINUTE))
    assert scene.revenue == 3
    scene.send(event(40, id="b", at=NOON + MINUTE))  # takes the place of the 20
    assert scene.revenue == 3 + 2
    assert sound() == []


def test_when_a_free_event_goes_the_next_becomes_free(scene):
    scene.sell("sum", {"type": "percentage", "rate": "10", "free_events": 2})
    for place, name in enumerate("abcd"):
        scene.send(event(10 * (place + 1), id=name, at=NOON + place * MINUTE))
    assert scene.revenue == 3 + 4

    scene.void("d")
    assert scene.revenue == 3
    scene.void("a")
    assert scene.revenue == 0
    scene.send(event(50, id="late", at=NOON - MINUTE))
    assert scene.revenue == 3
    assert sound() == []


def test_an_amendment_may_move_an_event_among_the_free(scene):
    scene.sell("sum", fee_but_for(1))
    scene.send(event(1, id="a", at=NOON), event(1, id="b", at=NOON + MINUTE))
    scene.amend(event(1, id="a", at=NOON + HOUR))

    [accrual] = Accrual.objects.all()
    assert scene.revenue == 1
    assert [held[1] for held in accrual.state["priced"]["free"]] == ["gateway\nb"]
    assert sound() == []


def test_conversion_rounds_the_total_and_not_its_parts(scene):
    started = {"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"}
    scene.sell("sum", {"type": "unit", "amount": "1"}, unit_config=started)

    scene.send(event(1400))
    scene.send(event(1300))

    assert scene.revenue == 3
    assert sound() == []


def test_each_month_starts_its_tiers_anew(scene):
    scene.sell("sum", GRADUATED)

    scene.send(event(15, at=NOON), event(15, at=NOON - 31 * 24 * HOUR))

    assert scene.revenue == 2 * 25
    assert sound() == []


def test_more_than_the_ledger_keeps_is_set_aside_and_the_rest_taken(scene):
    scene.sell("sum", {"type": "unit", "amount": "999999999999999999"}, **OFF)
    scene.sell("max", {"type": "unit", "amount": "999999999999999999"}, path="$.m")

    outcome = scene.send(event(1, m=1), event(1, id="huge", m="9" * 26))

    assert (outcome.accepted, outcome.rejected) == (1, 1)
