"""What usage costs us, event by event: by feature, by model, and of models nobody knows."""

from decimal import Decimal

import pytest

from billing.models import CostPrice, UnknownModel
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, HOUR, START, entries, event, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db

LLM = {
    "type": "llm",
    "provider_property": "provider",
    "model_property": "model",
    "token_type_property": "kind",
}
DIMENSIONS = {"provider": "$.provider", "model": "$.model", "kind": "$.kind"}


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def llm(scene):
    """A book in which tokens of acme's models cost something, and are given away."""
    scene.llm = scene.meter("sum", price=None, dimensions=DIMENSIONS)
    scene.feature(scene.llm, unit_cost=LLM)
    return scene


def listed(scene, model="nova", *, since=START, currency="USD", **prices):
    """Put a price of the book's own into its price book."""
    return CostPrice.objects.create(
        book=scene.book,
        provider="acme",
        model=model,
        currency=currency,
        source="manual",
        effective_from=since,
        created_at=START,
        **{f"{kind}_per_token": Decimal(price) for kind, price in prices.items()},
    )


def used(tokens, model="nova", kind="input", **more):
    return event(tokens, provider="acme", model=model, kind=kind, **more)


def costs(scene):
    return scene.holds("cost_of_revenue"), -scene.holds("accrued_provider_cost")


def test_each_kind_of_token_has_its_cost_though_nothing_prices_it(llm):
    listed(llm, input="0.25", output="2", cache_read="0.01")

    llm.send(used(100), used(10, kind="response"), used(50, kind="cache_read"))

    assert llm.revenue == 0
    assert llm.holds("cost_of_revenue", "acme/nova") == Decimal("45.5")
    assert costs(llm) == (Decimal("45.5"), Decimal("45.5"))
    assert sound() == []


def test_cost_stands_beside_revenue_in_the_same_transaction(llm):
    listed(llm, input="0.25")
    llm.rate(llm.llm, 1)

    llm.send(used(4))

    assert [(debit, credit, amount) for debit, credit, amount, _ in entries()] == [
        ("consumed_units", "metered_units", 4),
        ("unbilled", "usage_revenue", 4),
        ("cost_of_revenue", "accrued_provider_cost", 1),
    ]


def test_cost_is_that_of_the_time_of_usage(llm):
    listed(llm, input="1", since=START)
    listed(llm, input="2", since=NOON)

    llm.send(used(10, at=NOON - HOUR), used(10, at=NOON))

    assert costs(llm) == (30, 30)


def test_an_unknown_model_is_listed_and_never_guessed(llm):
    listed(llm, input="1")

    llm.send(used(10, model="mystery"), used(5, model="mystery", at=NOON + HOUR), used(1))
    llm.send(used(2, model="mystery", at=NOON - DAY), used(3, kind="video"))

    assert costs(llm) == (1, 1)
    assert [
        (row.provider, row.model, row.token_type, row.events, row.units)
        for row in UnknownModel.objects.order_by("model")
    ] == [("acme", "mystery", "input", 3, 17), ("acme", "nova", "video", 1, 3)]
    seen = UnknownModel.objects.get(model="mystery")
    assert (seen.first_seen_at, seen.last_seen_at) == (NOON - DAY, NOON + HOUR)


def test_usage_that_names_no_model_is_listed_as_such(llm):
    llm.send(event(7))

    [row] = UnknownModel.objects.all()
    assert (row.provider, row.model, row.token_type, row.units) == ("", "", "", 7)


def test_prices_in_another_currency_are_no_prices(llm):
    listed(llm, input="1", currency="EUR")

    llm.send(used(10))

    assert costs(llm) == (0, 0)
    assert UnknownModel.objects.get().model == "nova"


def test_a_void_gives_back_what_the_event_cost_whatever_it_costs_now(llm):
    old = listed(llm, input="1")
    llm.send(used(10, id="old"), used(3, id="other"))
    old.removed_at = NOON
    old.save()
    listed(llm, input="7")

    llm.send(used(1, id="new"))
    assert costs(llm) == (20, 20)
    llm.void("old")
    assert costs(llm) == (10, 10)
    llm.amend(used(2, id="other"))
    assert costs(llm) == (7 + 14, 7 + 14)
    assert sound() == []


def test_a_void_tells_the_costs_of_two_meters_apart(llm):
    second = llm.meter("sum", key="second", price=None, path="$.m", dimensions=DIMENSIONS)
    llm.feature(second, unit_cost=LLM)
    listed(llm, input="1")
    llm.send(used(10, id="both", m=5), used(1, m=2))

    llm.void("both")

    assert costs(llm) == (3, 3)
    assert sound() == []


def test_a_negative_value_lowers_what_is_owed(llm):
    listed(llm, input="1")
    llm.send(used(10), used(-4, id="less"))
    assert costs(llm) == (6, 6)

    llm.void("less")
    assert costs(llm) == (10, 10)
    assert sound() == []


def test_a_cost_too_fine_for_the_ledger_is_rounded_event_by_event(llm):
    listed(llm, input="0.0000000000015")  # 13 places; the meter has 2 more

    llm.send(used(1), used(3, id="three"))
    assert costs(llm)[0] == Decimal("0.000000000006")  # 0.0…02 and 0.0…04, half-even
    llm.void("three")
    assert costs(llm)[0] == Decimal("0.000000000002")
    assert sound() == []


def test_a_multiple_of_cost_is_what_usage_costs(llm):
    listed(llm, input="0.5")
    llm.price(llm.llm, {"type": "dynamic", "basis": "cost", "multiplier": "1.2"})

    llm.send(used(10, id="ten"), used(5), used(100, model="mystery"))
    assert (llm.revenue, costs(llm)[0]) == (9, Decimal("7.5"))

    llm.void("ten")
    assert (llm.revenue, costs(llm)[0]) == (3, Decimal("2.5"))
    assert sound() == []


def test_a_features_own_cost_is_named_by_what_is_sold(scene):
    meter = scene.meter(price=1, dimensions={"model": "$.model"})
    scene.rate(meter, 2, match={"model": "big"})
    scene.feature(meter, unit_cost={"type": "manual", "amount": "0.5"})

    scene.send(event(10), event(10, model="big"))

    assert scene.holds("cost_of_revenue", "sum") == 5
    assert scene.holds("cost_of_revenue", "sum/big") == 5
    assert sound() == []


def test_the_feature_of_most_filtered_dimensions_says_the_cost(scene):
    meter = scene.meter(price=None, dimensions={"model": "$.model"})
    big = {"model": {"eq": "big"}}
    scene.feature(meter, unit_cost={"type": "manual", "amount": "3"}, filters=big)
    scene.feature(meter, unit_cost={"type": "manual", "amount": "1"})

    scene.send(event(10), event(10, model="big"))

    assert costs(scene) == (40, 40)


def test_a_rates_own_cost_comes_before_any_features(scene):
    meter = scene.meter(price=1, cost=2)
    scene.feature(meter, unit_cost={"type": "manual", "amount": "9"})

    scene.send(event(1))

    assert costs(scene) == (2, 2)


def test_a_falling_value_costs_less(scene):
    meter = scene.meter("latest", price=None)
    scene.feature(meter, unit_cost={"type": "manual", "amount": "2"})

    scene.send(event(9, at=NOON), event(4, id="low", at=NOON + HOUR))
    assert costs(scene) == (8, 8)
    scene.void("low")
    assert costs(scene) == (18, 18)
    assert sound() == []


def test_a_maximum_has_no_cost_by_filter_or_model(scene):
    meter = scene.meter("max", price=None, dimensions=DIMENSIONS)
    some = {"model": {"eq": "nova"}}
    scene.feature(meter, unit_cost={"type": "manual", "amount": "2"}, filters=some)
    scene.feature(meter, unit_cost=LLM)

    scene.send(used(9))

    assert costs(scene) == (0, 0)
    assert not UnknownModel.objects.exists()
