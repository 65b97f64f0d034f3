"""Usage that is priced by a table says what it used at which rate."""

from decimal import Decimal

import pytest

from ledger.money import total
from tests.billing.invoicing.drafting.billed import billed, rows

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = {
    "type": "rate_table",
    "dimensions": ["model", "kind"],
    "rates": [
        {"match": {"model": "big", "kind": "input"}, "amount": "0.333"},
        {"match": {"model": "small"}, "amount": "0.003"},
        {"match": {"kind": "input"}, "amount": "0.001"},
    ],
    "default": "1",
}


@pytest.fixture
def shop():
    made = billed()
    meter = made.agreed.scene.meter(
        "sum", key="tokens", price=None, dimensions={"model": "$.model", "kind": "$.kind"}
    )
    made.agreed.usage(meter, TABLE, key="tokens")
    return made


def steps(line):
    return [
        (one["description"], one["quantity"], one["unit_price"], one["amount"])
        for one in line.arithmetic
    ]


def test_a_line_says_what_each_rate_priced_and_they_add_up(shop):
    shop.use(10, "2024-01-10", model="big", kind="input")
    shop.use(5, "2024-01-11", model="small", kind="output")
    shop.use(4, "2024-01-11", model="small")
    shop.use(3, "2024-01-12", model="new", id="void")
    shop.use(2, "2024-01-12", model="new")
    shop.agreed.scene.void("void")

    [january] = shop.issue("2024-02-01")

    [line] = rows(january)
    assert steps(line) == [
        ("Usage: big, input", "10", "0.333", "3.33"),
        ("Usage: small, —", "9", "0.003", "0.03"),
        ("Usage: other", "2", "1", "2"),
    ]
    assert line.amount == Decimal("5.36")


def test_what_rounding_rates_leaves_goes_to_the_largest_remainders(shop):
    for model in ("small", "new"):
        shop.use("1.8" if model == "small" else "5.4", "2024-01-10", model=model, kind="input")

    [january] = shop.issue("2024-02-01")

    [line] = rows(january)
    assert [step[3] for step in steps(line)] == ["0.01", "0"]
    assert total(Decimal(step[3]) for step in steps(line)) == line.amount


def test_late_usage_and_corrections_name_their_rates_only(shop):
    shop.use(10, "2024-01-10", model="big", kind="input", id="wrong")
    shop.use(5, "2024-01-11", model="small")
    shop.issue("2024-02-01")
    shop.use(1000, "2024-01-20", received="2024-02-03", model="small")
    shop.agreed.scene.void("wrong")

    shop.draft("2024-02-04")

    [line] = rows(shop.only)
    assert sorted(step[:2] for step in steps(line)) == [
        ("Usage: big, input", "10"),  # of a credit note: given back
        ("Usage: small, —", "-1000"),
    ]
    assert total(Decimal(step[3]) for step in steps(line)) == line.amount
