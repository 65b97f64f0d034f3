"""Rebates for volume: what comes back of what was spent."""

from decimal import Decimal

import pytest

from billing.charging import rebates
from ledger.errors import InvalidInputError

TIERS = [{"above": "100", "percentage": "5"}, {"above": "1000", "percentage": "10"}]


def back(spent, basis, exponent=2):
    agreed = rebates.parse({"basis": basis, "tiers": TIERS})
    return agreed.amount(Decimal(spent), exponent)


@pytest.mark.parametrize(
    ("spent", "volume", "graduated"),
    [
        ("0", "0", "0"),
        ("100", "0", "0"),
        ("100.01", "5.00", "0.00"),
        ("1000", "50", "45"),
        ("1000.01", "100.00", "45.00"),
        ("3000", "300", "245"),
        ("-5", "0", "0"),
    ],
)
def test_a_tier_is_reached_above_its_edge(spent, volume, graduated):
    assert back(spent, "volume") == Decimal(volume)
    assert back(spent, "graduated") == Decimal(graduated)


def test_it_is_rounded_once_to_the_currency():
    assert back("1001", "graduated", exponent=0) == 45
    assert back("123.45", "volume", exponent=2) == Decimal("6.17")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"basis": "monthly", "tiers": TIERS}, "rebates.basis"),
        ({"tiers": []}, "rebates.tiers"),
        ({}, "rebates.tiers"),
        ({"tiers": [{"above": "1"}]}, "rebates.tiers.0"),
        ({"tiers": [{"above": "x", "percentage": "1"}]}, "rebates.tiers.0.above"),
        ({"tiers": [{"above": "-1", "percentage": "1"}]}, "rebates.tiers.0.above"),
        ({"tiers": [{"above": "1", "percentage": "0"}]}, "rebates.tiers.0.percentage"),
        ({"tiers": [{"above": "1", "percentage": "101"}]}, "rebates.tiers.0.percentage"),
        ({"tiers": [TIERS[1], TIERS[0]]}, "rebates.tiers.1.above"),
    ],
)
def test_what_cannot_be_agreed_is_named(document, field):
    with pytest.raises(InvalidInputError) as caught:
        rebates.parse(document)

    assert caught.value.field == field


def test_what_is_kept_reads_as_what_was_agreed():
    agreed = rebates.parse({"basis": "graduated", "tiers": TIERS})

    assert rebates.parse(agreed.document()) == agreed
    assert rebates.parse(None) is None
