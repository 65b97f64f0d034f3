"""What lines and their steps are called, so that the one who pays can follow."""

from decimal import Decimal

import pytest

from billing.invoicing.documents.content import printable
from billing.invoicing.documents.presenting import present, step_text
from billing.invoicing.documents.printable import Step
from billing.invoicing.documents.wording import wording
from tests.billing.invoicing.drafting.billed import billed

pytestmark = pytest.mark.django_db

PACKAGE = {"type": "package", "amount": "0.40", "quantity_per_package": "1000"}
UNIT = {"type": "unit", "amount": "0.40"}
THOUSANDS = {
    "operation": "divide", "conversion_factor": "1000", "rounding": "ceiling",
    "display_unit": "thousand calls",
}  # fmt: skip


def shown(price, used, **more):
    """Return the lines of January's invoice as a reader gets them."""
    shop = billed()
    meter = shop.agreed.scene.meter("sum", key="calls", price=None)
    shop.agreed.usage(meter, price, key="calls", **more)
    shop.use(used, "2024-01-10")
    shop.draft("2024-02-01")
    [section] = present(printable(shop.only), wording("en"))["sections"]
    return [
        (
            *(line[name] for name in ("text", "quantity", "unit", "price", "amount")),
            [tuple(step.values()) for step in line["steps"]],
        )
        for line in section["lines"]
    ]


def test_packages_stand_in_a_step_of_their_own():
    [line] = shown(PACKAGE, 525)

    step = ("Packages of 1000", "1", "0.40", "0.40")
    assert line == ("Calls", "525", "things", "", "0.40", [step])


def test_converted_units_stand_in_a_step_with_their_name():
    [line] = shown(UNIT, 525, unit_config=THOUSANDS)

    step = ("Usage (thousand calls)", "1", "0.40", "0.40")
    assert line == ("Calls", "525", "things", "", "0.40", [step])


def test_a_price_for_what_is_measured_stands_on_the_line():
    [line] = shown(UNIT, 1)

    assert line == ("Calls", "1", "thing", "0.40", "0.40", [])


def test_a_discount_is_a_share_not_a_thing():
    [line] = shown(UNIT, 100, discounts={"percentage": "10"})

    assert line[-1] == [("Usage", "100", "0.40", "40.00"), ("Discount of 10 %", "", "", "−4.00")]


def test_steps_add_up_to_their_line():
    [line] = shown({"type": "unit", "amount": "0.0025"}, 483.76, discounts={"percentage": "50"})

    assert line[4] == "0.60"
    assert [step[-1] for step in line[-1]] == ["1.21", "−0.61"]


def test_steps_keep_their_figures_in_other_languages():
    german = wording("de")
    said = {
        "discount": "Discount of 10 %",
        "maximum": "Above the maximum of 50",
        "commitment": "Up to the minimum of 20.5",
    }
    found = [step_text(Step(kind=kind, text=text), german) for kind, text in said.items()]

    assert found == ["Rabatt (10\xa0%)", "Höchstbetrag (50)", "Mindestbetrag (20,5)"]
    assert "(thousand calls)" in step_text(Step(text="Usage (thousand calls), tier 2"), german)


def test_a_minimum_says_that_it_is_one():
    usage, minimum = shown(UNIT, 10, commitments={"minimum_amount": "20"})

    assert usage[0] == "Calls"
    assert minimum[0] == "Calls: minimum for the period"
    assert (minimum[1], minimum[3], minimum[4]) == ("1", "", "16.00")


def test_what_is_free_says_so():
    [line] = shown(UNIT, 150, discounts={"usage": "100"})

    assert line[-1] == [("Free units", "100", "0.00", "0.00"), ("Usage", "50", "0.40", "20.00")]
    assert Decimal(line[4]) == 20
