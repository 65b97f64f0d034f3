"""Each price model gives what a person computes by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest

from billing.rating import terms
from billing.rating.lines import lines
from billing.rating.preview import preview
from tests.billing.rating.examples import EXAMPLES, GRADUATED, PACKAGE, VOLUME, unit


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_preview_gives_what_was_computed_by_hand(example):
    found = preview(example.case)

    assert [line["amount"] for line in found["lines"]] == example.lines
    assert (found["total"], found["exact_total"]) == (example.total, example.exact)


def rated(price, **more):
    return terms.parse({"price": price, **more}, scale=2)


def test_the_first_flat_price_is_due_from_the_start():
    assert rated(GRADUATED).starting == 5
    assert rated(VOLUME).starting == 0
    assert rated({"type": "flat", "amount": "10"}).starting == 10


def test_a_later_flat_price_is_due_when_its_tier_is_entered():
    price = rated(GRADUATED)

    assert price.amount(Decimal(1000)) == 87
    assert price.amount(Decimal("1000.01")) == Decimal("107.0005")


def test_packages_are_counted_on_the_cumulative_quantity():
    price = rated(PACKAGE)
    spent = [price.amount(Decimal(quantity)) for quantity in ("0", "0.01", "1000", "1000.01")]

    assert spent == [0, 5, 5, 10]


@pytest.mark.parametrize(
    ("rounding", "billed"),
    [
        ("ceiling", ["1", "1", "2", "3"]),
        ("floor", ["0", "0", "1", "2"]),
        ("half_up", ["0", "1", "2", "2"]),
        ("none", ["0.49", "0.5", "1.5", "2.4"]),
    ],
)
def test_units_are_rounded_as_the_conversion_says(rounding, billed):
    config = {"operation": "divide", "conversion_factor": "1000", "rounding": rounding}
    price = rated(unit("1"), unit_config=config)

    assert [price.converted(Decimal(q)) for q in (490, 500, 1500, 2400)] == [
        Decimal(units) for units in billed
    ]


def test_thirds_are_rounded_from_the_exact_quotient():
    config = {"operation": "divide", "conversion_factor": "3", "rounding": "half_up"}
    price = rated(unit("1"), unit_config=config | {"precision": 12})

    assert price.converted(Decimal("0.01")) == Decimal("0.003333333333")
    assert price.converted(Decimal("9" * 26)) == Decimal("3" * 26)


def test_a_quantity_below_zero_is_priced_as_zero():
    assert rated(unit("1")).amount(Decimal(-5)) == 0
    assert rated(GRADUATED).amount(Decimal(-5)) == 5


def test_the_minimum_is_no_part_of_the_amount():
    price = rated(unit("1"), commitments={"minimum_amount": "10", "maximum_amount": "50"})

    assert (price.amount(Decimal(3)), price.amount(Decimal(99))) == (3, 50)
    assert price.minimum == 10
    document = lines(price, Decimal(3), exponent=2)
    assert (document.commitment_charge, document.total) == (7, 10)


def test_the_most_that_terms_and_quantities_may_be_is_still_exact():
    nines = "9" * 18
    price = terms.parse(
        {
            "price": unit(nines),
            "unit_config": {"operation": "multiply", "conversion_factor": nines},
            "discounts": {"percentage": "50"},
        },
        scale=11,
    )
    quantity = Decimal("9" * 26 + "." + "9" * 11)

    assert Fraction(price.gross(quantity)) == int(nines) ** 2 * Fraction(quantity)
    assert Fraction(price.amount(quantity)) * 2 == Fraction(price.gross(quantity))


def test_costs_finer_than_the_ledger_are_rounded_event_by_event():
    price = terms.parse(
        {"price": {"type": "dynamic", "multiplier": "1.5", "basis": "cost"}}, scale=0
    )

    assert price.contribution(Decimal(1), {}, Decimal("0.000000000001")) == Decimal("2E-12")
    assert price.contribution(Decimal(1), {}, Decimal("0.000000000003")) == Decimal("4E-12")
    assert price.contribution(Decimal(1), {}, None) == 0


def test_a_refund_gives_back_its_share_and_no_fee():
    price = rated(
        {"type": "percentage", "rate": "2", "fixed_fee": "0.30", "maximum_per_event": "5"}
    )

    assert price.contribution(Decimal(100), {}) == Decimal("2.30")
    assert price.contribution(Decimal(-100), {}) == -2
    assert price.contribution(Decimal(-1000), {}) == -5


def test_the_row_that_names_most_dimensions_prices_the_first_of_equals():
    price = rated(
        {
            "type": "rate_table",
            "dimensions": ["model", "token"],
            "rates": [
                {"match": {"model": "a"}, "amount": "1"},
                {"match": {"token": "in"}, "amount": "2"},
                {"match": {"model": "a", "token": "out"}, "amount": "3"},
            ],
        }
    )

    def cost(**labels):
        return price.contribution(Decimal(1), labels)

    assert cost(model="a", token="out") == 3
    assert cost(model="a", token="in") == 1
    assert cost(model="b", token="in") == 2
    assert cost(model="b", token=None) == 0


def test_a_free_price_shows_its_units():
    [line] = lines(rated({"type": "free"}), Decimal(7), exponent=2).lines

    assert (line.quantity, line.amount) == (7, 0)


def test_what_flat_prices_are_can_be_asked():
    assert rated({"type": "flat", "amount": "1"}).is_flat
    assert not rated({"type": "free"}).is_flat
    assert rated(unit("1")).basis == "quantity"
    assert rated({"type": "percentage", "rate": "1", "fixed_fee": "1"}).basis == "events"
    assert rated({"type": "percentage", "rate": "1", "fixed_fee": "0"}).basis == "quantity"


def test_usage_that_is_written_alike_keeps_its_own_price():
    document = preview(
        {
            "price": {
                "type": "rate_table",
                "dimensions": ["model", "token"],
                "rates": [{"match": {"model": "a, b"}, "amount": "1"}],
                "default": "2",
            },
            "currency": "USD",
            "events": [
                {"value": "3", "dimensions": {"model": "a, b", "token": "c"}},
                {"value": "5", "dimensions": {"model": "a", "token": "b, c"}},
            ],
        }
    )

    assert [line["description"] for line in document["lines"]] == ["Usage: a, b, c"] * 2
    assert [line["amount"] for line in document["lines"]] == ["3", "10"]
