"""Terms that break a rule are refused by the field and the rule; all of them at once."""

from decimal import Decimal
from typing import Any

import pytest

from billing.rating import terms
from billing.rating.problems import InvalidTermsError
from ledger.errors import InvalidInputError

UNIT = {"type": "unit", "amount": "0.1"}
FLAT = {"type": "flat", "amount": "5"}
PERCENT = {"type": "percentage", "rate": "2.9"}
TABLE = {
    "type": "rate_table",
    "dimensions": ["model", "token"],
    "rates": [{"match": {"model": "a"}, "amount": "1"}],
}


def tiered(*tiers: Any, kind: str = "graduated") -> dict[str, Any]:
    return {"price": {"type": kind, "tiers": list(tiers)}}


def ending(at: object) -> dict[str, Any]:
    return {"up_to_amount": at, "unit_price": UNIT}


def converted(**changes: Any) -> dict[str, Any]:
    config = {"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"}
    return {"price": UNIT, "unit_config": config | changes}


def table(**changes: Any) -> dict[str, Any]:
    return {"price": TABLE | changes}


OPEN = {"unit_price": UNIT}

REFUSED = [
    # The document itself
    (None, "", "not_an_object"),
    ([], "", "not_an_object"),
    ("price", "", "not_an_object"),
    ({}, "price", "required"),
    ({"price": None}, "price", "required"),
    ({"price": "free"}, "price", "not_an_object"),
    ({"price": UNIT, "priec": UNIT}, "priec", "unknown_field"),
    ({"price": {"amount": "1"}}, "price.type", "required"),
    ({"price": {"type": "gratis"}}, "price.type", "unknown_choice"),
    ({"price": {"type": ["unit"]}}, "price.type", "unknown_choice"),
    ({"price": UNIT | {"tiers": []}}, "price.tiers", "unknown_field"),
    ({"price": {"type": "free", "amount": "1"}}, "price.amount", "unknown_field"),
    # Numbers
    ({"price": {"type": "unit"}}, "price.amount", "required"),
    ({"price": UNIT | {"amount": None}}, "price.amount", "required"),
    ({"price": UNIT | {"amount": "-0.01"}}, "price.amount", "negative"),
    ({"price": FLAT | {"amount": "-1"}}, "price.amount", "negative"),
    ({"price": UNIT | {"amount": 0.1}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": 1}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": True}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": Decimal("0.1")}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "NaN"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "Infinity"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1e9"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1e999999999"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": ""}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": " 1"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1\n"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1,5"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1_000"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "١"}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "9" * 100}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": {"value": "1"}}}, "price.amount", "not_a_number"),
    ({"price": UNIT | {"amount": "1" + "0" * 18}}, "price.amount", "too_large"),
    ({"price": UNIT | {"amount": "0.0000000000001"}}, "price.amount", "too_many_places"),
    # Tiers
    ({"price": {"type": "volume"}}, "price.tiers", "required"),
    ({"price": {"type": "volume", "tiers": {}}}, "price.tiers", "not_a_list"),
    ({"price": {"type": "volume", "tiers": []}}, "price.tiers", "empty"),
    (tiered(*[OPEN] * 1001), "price.tiers", "too_many"),
    (tiered("open"), "price.tiers[0]", "not_an_object"),
    (tiered(ending("10"), ending("5"), OPEN), "price.tiers[1].up_to_amount", "tiers_not_ascending"),
    (tiered(ending("10"), ending("10"), OPEN), "price.tiers[1].up_to_amount", "tiers_overlap"),
    (tiered(ending("10"), ending("10.0"), OPEN), "price.tiers[1].up_to_amount", "tiers_overlap"),
    (tiered(ending("0"), OPEN), "price.tiers[0].up_to_amount", "tiers_not_ascending"),
    (tiered(ending("-5"), OPEN), "price.tiers[0].up_to_amount", "negative"),
    (tiered(ending("many"), OPEN), "price.tiers[0].up_to_amount", "not_a_number"),
    (tiered(ending(10), OPEN), "price.tiers[0].up_to_amount", "not_a_number"),
    (tiered(OPEN, OPEN), "price.tiers[0].up_to_amount", "open_before_last"),
    (tiered(ending("10")), "price.tiers[0].up_to_amount", "last_not_open"),
    (tiered(ending("10"), ending("20")), "price.tiers[1].up_to_amount", "last_not_open"),
    (tiered(OPEN | {"from_amount": "0"}), "price.tiers[0].from_amount", "unknown_field"),
    (tiered(OPEN | {"rate": "1"}), "price.tiers[0].rate", "unknown_field"),
    (tiered({}), "price.tiers[0]", "tier_without_price"),
    (tiered({"unit_price": "1"}), "price.tiers[0].unit_price", "not_an_object"),
    (tiered({"unit_price": FLAT}), "price.tiers[0].unit_price.type", "unknown_choice"),
    (tiered({"unit_price": {"type": "unit"}}), "price.tiers[0].unit_price.amount", "required"),
    (
        tiered({"flat_price": FLAT | {"amount": "-1"}}),
        "price.tiers[0].flat_price.amount",
        "negative",
    ),
    (tiered({"flat_price": FLAT | {"x": 1}}), "price.tiers[0].flat_price.x", "unknown_field"),
    (
        tiered(OPEN | {"rate": "1"}, kind="graduated_percentage"),
        "price.tiers[0].unit_price",
        "unknown_field",
    ),
    (tiered({"rate": "101"}, kind="graduated_percentage"), "price.tiers[0].rate", "over_100"),
    (tiered({"rate": "-1"}, kind="graduated_percentage"), "price.tiers[0].rate", "negative"),
    # Package, dynamic
    (
        {"price": {"type": "package", "amount": "1", "quantity_per_package": "0"}},
        "price.quantity_per_package",
        "not_positive",
    ),
    (
        {"price": {"type": "package", "amount": "1", "quantity_per_package": "-5"}},
        "price.quantity_per_package",
        "negative",
    ),
    ({"price": {"type": "package", "amount": "1"}}, "price.quantity_per_package", "required"),
    ({"price": {"type": "dynamic", "basis": "cost"}}, "price.multiplier", "required"),
    ({"price": {"type": "dynamic", "multiplier": "1"}}, "price.basis", "required"),
    (
        {"price": {"type": "dynamic", "multiplier": "1", "basis": "margin"}},
        "price.basis",
        "unknown_choice",
    ),
    # Percentage
    ({"price": {"type": "percentage"}}, "price.rate", "required"),
    ({"price": PERCENT | {"rate": "100.01"}}, "price.rate", "over_100"),
    ({"price": PERCENT | {"rate": "2.9 %"}}, "price.rate", "not_a_number"),
    ({"price": PERCENT | {"free_events": 101}}, "price.free_events", "out_of_range"),
    ({"price": PERCENT | {"free_events": -1}}, "price.free_events", "out_of_range"),
    ({"price": PERCENT | {"free_events": "3"}}, "price.free_events", "not_an_integer"),
    ({"price": PERCENT | {"free_events": 1.5}}, "price.free_events", "not_an_integer"),
    ({"price": PERCENT | {"free_events": True}}, "price.free_events", "not_an_integer"),
    ({"price": PERCENT | {"fixed_fee": "-0.3"}}, "price.fixed_fee", "negative"),
    (
        {"price": PERCENT | {"minimum_per_event": "2", "maximum_per_event": "1"}},
        "price.minimum_per_event",
        "minimum_above_maximum",
    ),
    (
        {"price": PERCENT | {"free_amount": "5", "free_events": 1}},
        "price.free_amount",
        "order_dependent",
    ),
    (
        {"price": PERCENT | {"free_amount": "5", "maximum_per_event": "1"}},
        "price.free_amount",
        "order_dependent",
    ),
    (
        {"price": PERCENT | {"minimum_per_event": "1"}, "discounts": {"usage": "5"}},
        "discounts.usage",
        "order_dependent",
    ),
    (
        converted() | {"price": PERCENT | {"minimum_per_event": "1"}},
        "unit_config.rounding",
        "order_dependent",
    ),
    # Rate table
    (table(dimensions=[]), "price.dimensions", "empty"),
    (table(dimensions="model"), "price.dimensions", "not_a_list"),
    (table(dimensions=["model", 7]), "price.dimensions[1]", "not_a_text"),
    (table(dimensions=["model", "model"]), "price.dimensions[1]", "repeated"),
    (table(dimensions=["model", "colour"]), "price.dimensions[1]", "unknown_dimension"),
    (table(rates=[]), "price.rates", "empty"),
    (table(rates=["a"]), "price.rates[0]", "not_an_object"),
    (table(rates=[{"amount": "1"}]), "price.rates[0].match", "required"),
    (table(rates=[{"match": {}, "amount": "1"}]), "price.rates[0].match", "not_an_object"),
    (table(rates=[{"match": ["a"], "amount": "1"}]), "price.rates[0].match", "not_an_object"),
    (
        table(rates=[{"match": {"model": 4}, "amount": "1"}]),
        "price.rates[0].match.model",
        "not_a_text",
    ),
    (
        table(rates=[{"match": {"region": "eu"}, "amount": "1"}]),
        "price.rates[0].match.region",
        "unknown_dimension",
    ),
    (table(rates=TABLE["rates"] * 2), "price.rates[1].match", "repeated"),
    (table(rates=[{"match": {"model": "a"}}]), "price.rates[0].amount", "required"),
    (table(default="-1"), "price.default", "negative"),
    (table() | {"discounts": {"usage": "5"}}, "discounts.usage", "order_dependent"),
    (converted() | table(), "unit_config.rounding", "order_dependent"),
    # Unit conversion
    ({"price": UNIT, "unit_config": "GB"}, "unit_config", "not_an_object"),
    (converted(conversion_factor="0"), "unit_config.conversion_factor", "not_positive"),
    (converted(conversion_factor="-2"), "unit_config.conversion_factor", "negative"),
    (converted(conversion_factor=None), "unit_config.conversion_factor", "required"),
    (converted(operation="add"), "unit_config.operation", "unknown_choice"),
    (converted(operation=None), "unit_config.operation", "required"),
    (converted(rounding="bankers"), "unit_config.rounding", "unknown_choice"),
    (converted(rounding="none", conversion_factor="3"), "unit_config.rounding", "endless_division"),
    (converted(rounding=None, conversion_factor="1.1"), "unit_config.rounding", "endless_division"),
    (converted(precision=13), "unit_config.precision", "out_of_range"),
    (converted(precision=-1), "unit_config.precision", "out_of_range"),
    (converted(precision="2"), "unit_config.precision", "not_an_integer"),
    (converted(display_unit=5), "unit_config.display_unit", "not_a_text"),
    (converted(display_unit="G\0B"), "unit_config.display_unit", "not_a_text"),
    (converted(display_unit="G" * 101), "unit_config.display_unit", "too_long"),
    (converted(factor="5"), "unit_config.factor", "unknown_field"),
    (converted() | {"price": {"type": "free"}}, "unit_config", "not_for_this_price"),
    (converted() | {"price": FLAT}, "unit_config", "not_for_this_price"),
    # Discounts
    ({"price": UNIT, "discounts": 10}, "discounts", "not_an_object"),
    ({"price": UNIT, "discounts": {"percent": 10}}, "discounts.percent", "unknown_field"),
    ({"price": UNIT, "discounts": {"percentage": 101}}, "discounts.percentage", "over_100"),
    ({"price": UNIT, "discounts": {"percentage": "100.5"}}, "discounts.percentage", "over_100"),
    ({"price": UNIT, "discounts": {"percentage": 1e300}}, "discounts.percentage", "not_a_number"),
    ({"price": UNIT, "discounts": {"percentage": -1}}, "discounts.percentage", "negative"),
    (
        {"price": UNIT, "discounts": {"percentage": float("nan")}},
        "discounts.percentage",
        "not_a_number",
    ),
    (
        {"price": UNIT, "discounts": {"percentage": float("inf")}},
        "discounts.percentage",
        "not_a_number",
    ),
    ({"price": UNIT, "discounts": {"percentage": True}}, "discounts.percentage", "not_a_number"),
    ({"price": UNIT, "discounts": {"usage": "-1"}}, "discounts.usage", "negative"),
    ({"price": UNIT, "discounts": {"usage": 100}}, "discounts.usage", "not_a_number"),
    ({"price": FLAT, "discounts": {"usage": "1"}}, "discounts.usage", "not_for_this_price"),
    # Commitments
    ({"price": UNIT, "commitments": []}, "commitments", "not_an_object"),
    ({"price": UNIT, "commitments": {"minimum": "1"}}, "commitments.minimum", "unknown_field"),
    (
        {"price": UNIT, "commitments": {"minimum_amount": "-1"}},
        "commitments.minimum_amount",
        "negative",
    ),
    (
        {"price": UNIT, "commitments": {"minimum_amount": "2", "maximum_amount": "1"}},
        "commitments.minimum_amount",
        "minimum_above_maximum",
    ),
    (
        {"price": FLAT, "commitments": {"minimum_amount": "1"}},
        "commitments",
        "not_for_this_price",
    ),
    (
        {"price": {"type": "free"}, "commitments": {"maximum_amount": "1"}},
        "commitments",
        "not_for_this_price",
    ),
]


@pytest.mark.parametrize(("document", "field", "code"), REFUSED)
def test_it_is_refused_by_its_field_and_its_rule(document, field, code):
    found = terms.problems(document, scale=0, dimensions=["model", "token"], aggregation="sum")

    assert [(each.field, each.code) for each in found] == [(field, code)]
    assert found[0].message.endswith(".")
    with pytest.raises(InvalidTermsError) as refused:
        terms.parse(document, scale=0, dimensions=["model", "token"], aggregation="sum")
    assert refused.value.problems == tuple(found)


@pytest.mark.parametrize(
    ("document", "field", "scale", "kept"),
    [
        ({"price": UNIT | {"amount": "0.0000000001"}}, "price.amount", 3, 12),
        ({"price": UNIT}, "price.amount", 12, 12),
        ({"price": UNIT}, "price.amount", 2, 2),
        ({"price": UNIT | {"amount": "1"}}, "price.amount", 3, 2),
        (
            {"price": UNIT | {"amount": "0.0000000001"}, "discounts": {"percentage": "12.5"}},
            "price.amount",
            0,
            12,
        ),
        (
            {"price": UNIT | {"amount": "0.00000001"}, "discounts": {"usage": "0.00001"}},
            "price.amount",
            0,
            12,
        ),
        (
            converted(rounding="none", conversion_factor="1000000000000"),
            "price.amount",
            0,
            12,
        ),
        (converted(precision=12), "price.amount", 0, 12),
        (
            tiered({"up_to_amount": "0.5", "unit_price": UNIT}, {"flat_price": FLAT}),
            "price.tiers[0].unit_price.amount",
            0,
            1,
        ),
        ({"price": FLAT | {"amount": "0.123"}}, "price.amount", 0, 2),
        ({"price": PERCENT}, "price.rate", 10, 12),
        ({"price": PERCENT | {"fixed_fee": "0.05"}}, "price.fixed_fee", 0, 1),
        (table(default="0.01"), "price.default", 11, 12),
        (
            {"price": UNIT, "commitments": {"maximum_amount": "0.125"}},
            "commitments.maximum_amount",
            0,
            2,
        ),
    ],
)
def test_what_would_need_rounding_is_refused(document, field, scale, kept):
    found = terms.problems(document, scale=scale, kept=kept)

    assert (field, "too_many_places") in {(each.field, each.code) for each in found}
    assert {each.code for each in found} == {"too_many_places"}


@pytest.mark.parametrize("aggregation", ["max", "min", "avg", "latest", "unique_count"])
@pytest.mark.parametrize(
    "price", [TABLE, PERCENT | {"fixed_fee": "1"}, PERCENT | {"free_events": 1}]
)
def test_prices_of_single_events_need_a_meter_that_adds_up(aggregation, price):
    [found] = terms.problems({"price": price}, scale=0, aggregation=aggregation)

    assert (found.field, found.code) == ("price.type", "aggregation_not_supported")
    assert found.attributes["aggregation"] == aggregation
    assert not terms.problems({"price": price}, scale=0, aggregation="count")


def test_all_problems_are_told_at_once():
    document = {
        "price": {"type": "volume", "tiers": [{"up_to_amount": "x"}, {"unit_price": UNIT}]},
        "unit_config": {"operation": "divide", "conversion_factor": "0"},
        "discounts": {"percentage": 200},
        "commitments": {"minimum_amount": "-1"},
        "colour": "red",
    }

    found = terms.problems(document, scale=0)

    assert {each.field for each in found} == {
        "colour",
        "price.tiers[0].up_to_amount",
        "price.tiers[0]",
        "unit_config.conversion_factor",
        "discounts.percentage",
        "commitments.minimum_amount",
    }


def test_the_error_names_field_value_and_remedy():
    document = tiered(ending("10"), ending("5"), OPEN)

    with pytest.raises(InvalidInputError, match="ascend") as refused:
        terms.parse(document, scale=0)

    assert refused.value.field == "price.tiers[1].up_to_amount"
    assert refused.value.value == "5"
