"""Terms are read from documents as they are meant, and remembered."""

from decimal import Decimal
from typing import Any

import pytest

from billing.rating import terms

UNIT = {"type": "unit", "amount": "0.1"}
TABLE = {
    "type": "rate_table",
    "dimensions": ["model", "token"],
    "rates": [{"match": {"model": "a"}, "amount": "1"}],
}


def test_what_is_null_is_as_if_left_out():
    tiers: list[dict[str, Any]] = [
        {"up_to_amount": "10", "unit_price": UNIT},
        {"unit_price": UNIT},
    ]
    document: dict[str, Any] = {"price": {"type": "graduated", "tiers": tiers}}
    bare = terms.parse(document, scale=0)
    document["price"]["tiers"][1] |= {"up_to_amount": None, "flat_price": None}
    nulls = {"unit_config": None, "discounts": None, "commitments": None}

    assert terms.parse(document | nulls, scale=0) == bare
    assert (
        terms.parse(document | {"discounts": {"usage": None, "percentage": None}}, scale=0) == bare
    )


@pytest.mark.parametrize("percentage", [12.5, "12.5", Decimal("12.5"), Decimal("1.25e1")])
def test_a_percentage_may_be_a_json_number(percentage):
    rated = terms.parse({"price": UNIT, "discounts": {"percentage": percentage}}, scale=0)

    assert rated.amount(Decimal(100)) == Decimal("8.75")


def test_without_a_meter_its_dimensions_and_aggregation_are_not_checked():
    assert not terms.problems({"price": TABLE | {"dimensions": ["model", "colour"]}}, scale=0)
    assert not terms.problems({"price": TABLE}, scale=0, dimensions=["model", "token"])


def test_terms_are_remembered_by_their_text_and_meter():
    document = {"price": UNIT}

    assert terms.parse(document, scale=0) is terms.parse(dict(document), scale=0)
    assert terms.parse(document, scale=0) is not terms.parse(document, scale=1)


def test_terms_without_end_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(terms, "_REMEMBERED", 10)
    for number in range(100):
        terms.parse({"price": UNIT | {"amount": f"{number}"}}, scale=0)

    assert len(terms._parsed) <= 10
