"""Usage under terms costs what one calculation over all of it says, however it arrives."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import checks, price_checks
from billing.models import Accrual, CostPrice
from billing.rating import terms
from billing.rating.free_events import EventState
from tests.billing.scene import START, event, new_scene
from tests.factories import NOON
from tests.properties.test_usage_in_any_batches import QUICKLY, RECEIVED, both, told

pytestmark = pytest.mark.django_db


def tier(amount, up_to=None):
    said = {"unit_price": {"type": "unit", "amount": amount}}
    return said | ({"up_to_amount": up_to} if up_to else {})


AROUND = {
    "discounts": {"percentage": "12.5", "usage": "2"},
    "commitments": {"maximum_amount": "40"},
    "unit_config": {"operation": "divide", "conversion_factor": "3", "rounding": "ceiling"},
}
TIERS = [tier("2", "3"), tier("1.5", "8"), tier("0.5")]
FEES = {"rate": "2.5", "fixed_fee": "0.3"}
BOUNDS = {"minimum_per_event": "0.5", "maximum_per_event": "0.7"}
TABLE = {
    "dimensions": ["model"],
    "rates": [{"match": {"model": "big"}, "amount": "3"}],
    "default": "1",
}
# Under each aggregation, terms that it may have.
SOLD = {
    "max": {"price": {"type": "graduated", "tiers": TIERS}, **AROUND},
    "latest": {"price": {"type": "volume", "tiers": TIERS}, **AROUND},
    "avg": {"price": {"type": "graduated", "tiers": TIERS}, "discounts": {"usage": "1"}},
    "unique_count": {"price": {"type": "package", "amount": "5", "quantity_per_package": "2"}},
}
ADDED_UP = {
    "tiers": {"price": {"type": "graduated", "tiers": TIERS}, **AROUND},
    "volume": {"price": {"type": "volume", "tiers": TIERS}, "commitments": AROUND["commitments"]},
    "fees": {"price": {"type": "percentage", **FEES}, "discounts": {"percentage": "10"}},
    "bounds": {"price": {"type": "percentage", **FEES, **BOUNDS, "free_events": 2}},
    "table": {"price": {"type": "rate_table", **TABLE}, "commitments": AROUND["commitments"]},
    "cost": {"price": {"type": "dynamic", "basis": "cost", "multiplier": "1.3"}},
}


def every_price(scene):
    """Sell every model of price, and have a cost for the bigger models."""
    scene.child("team")
    for aggregation, document in SOLD.items():
        scene.price(scene.meter(aggregation, price=None), **document)
    for key, document in ADDED_UP.items():
        meter = scene.meter("sum", key=key, price=None, dimensions={"model": "$.model"})
        scene.price(meter, **document)
        scene.feature(
            meter,
            unit_cost={
                "type": "llm",
                "provider": "acme",
                "model_property": "model",
                "token_type": "input",
            },
        )
    CostPrice.objects.create(
        book=scene.book,
        provider="acme",
        model="big",
        input_per_token=Decimal("0.0125"),
        source="manual",
        effective_from=START,
        created_at=START,
    )
    return []


def unsound():
    every = [
        checks.quantities_were_posted,
        checks.amounts_were_posted,
        checks.takings_add_up,
        price_checks.amounts_are_priced,
        price_checks.costs_were_posted,
    ]
    return [found for check in every for found in check(book_id=None)]


@QUICKLY
@given(both)
def test_any_delivery_costs_the_same(deliveries):
    first, second = deliveries

    assert told(first, every_price) == told(second, every_price)
    assert unsound() == []


usage = st.lists(
    st.tuples(
        st.integers(-500, 3000),
        st.integers(0, 4),
        st.sampled_from([None, "big", "small"]),
        st.sampled_from(["stays", "is voided", "is amended"]),
    ),
    min_size=1,
    max_size=8,
)


@QUICKLY
@given(usage, st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_stands_costs_what_one_calculation_says(events, random, size):
    scene = new_scene()
    every_price(scene)
    sent = [
        (f"e{n:02}", Decimal(cents).scaleb(-2), hour, model, fate)
        for n, (cents, hour, model, fate) in enumerate(events)
    ]
    random.shuffle(sent)
    written = [
        event(value, id=name, at=at(hour), **named(model)) for name, value, hour, model, _ in sent
    ]
    for start in range(0, len(written), size):
        scene.send(*written[start : start + size], at=RECEIVED)
    standing = [one[:4] for one in sent if one[4] != "is voided"]
    for name, value, hour, model, fate in sent:
        if fate == "is voided":
            scene.void(name)
        elif fate == "is amended":
            standing.remove((name, value, hour, model))
            standing.append((name, value + 1, 4 - hour, "big"))
            scene.amend(event(value + 1, id=name, at=at(4 - hour), model="big"))

    found = dict(Accrual.objects.filter(meter__book=scene.book).values_list("meter__key", "amount"))
    for key, document in ADDED_UP.items():
        assert found.get(key, 0) == (at_once(document, standing) if standing else 0), key
    assert unsound() == []


def at(hour):
    return NOON.replace(hour=12 + hour)


def named(model):
    return {"model": model} if model else {}


def at_once(document, standing):
    """Price what stands in one go, without a ledger."""
    rated = terms.parse(document, scale=2, dimensions=["model"], aggregation="sum")
    events = EventState(rated.free_events)
    if rated.basis == "events":
        for name, value, hour, model in standing:
            cost = value * Decimal("0.0125") if model == "big" else None
            contribution = rated.contribution(value, {"model": model}, cost)
            events.add(at(hour), f"gateway\n{name}", contribution)
    return rated.amount(sum(one[1] for one in standing), events.contributed)
