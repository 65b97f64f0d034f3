"""Amounts are exact or refused, and written as PostgreSQL writes them."""

from decimal import Context, Decimal, getcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import PrecisionError
from ledger.money import exact, exactly, multiply, round_half_away, split, text

amounts = st.decimals(
    min_value=Decimal("-1e25"), max_value=Decimal("1e25"), places=12, allow_nan=False
)


def plain(value: Decimal) -> str:
    """Write a decimal from its digits alone, as trim_scale(value)::text is defined."""
    ratio = Fraction(value)
    scaled = abs(ratio) * 10**40
    assert scaled.denominator == 1
    whole, part = divmod(int(scaled), 10**40)
    digits = f"{part:040d}".rstrip("0")
    sign = "-" if ratio < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


WIDE_ENOUGH = Context(prec=100)


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda v: -40 < v.adjusted() < 40))
def test_text_is_plain_and_trimmed(value):
    value = (
        value.quantize(Decimal("1e-30"), context=WIDE_ENOUGH)
        if value.as_tuple().exponent < -30
        else value
    )
    assert text(value) == plain(value)


@given(amounts, st.integers(0, 8))
def test_text_does_not_depend_on_trailing_zeros(value, zeros):
    assert text(Decimal(f"{value:f}" + "0" * zeros)) == text(value)
    assert Decimal(text(value)) == value


@given(amounts)
def test_exact_returns_the_same_number(value):
    assert exact(value) == value
    assert not exact(value * 0).is_signed()


@pytest.mark.parametrize(
    "refused",
    ["1e-13", "0.1234567890123", "1e26", "-1e26", "1e400", "1e-400", "NaN", "sNaN", "Infinity"],
)
def test_what_the_ledger_cannot_keep_is_refused(refused):
    with pytest.raises(PrecisionError):
        exact(Decimal(refused))


def test_the_largest_and_the_finest_amount_are_kept():
    largest = Decimal("9" * 26 + "." + "9" * 12)
    assert exact(largest) is largest
    assert exact(Decimal("1e-12")) == Decimal("0.000000000001")
    assert exact(Decimal("0.5000000000000000"), scale=1) == Decimal("0.5")
    with pytest.raises(PrecisionError):
        exact(Decimal("0.05"), scale=1)


def test_whole_numbers_may_be_ints():
    assert exact(7) == 7
    with pytest.raises(PrecisionError):
        exact(10**26)


@given(amounts, amounts)
def test_multiplication_never_rounds(a, b):
    assert Fraction(multiply(a, b)) == Fraction(a) * Fraction(b)


def test_a_product_beyond_76_digits_is_refused():
    with pytest.raises(PrecisionError):
        multiply(Decimal("9" * 39), Decimal("9" * 39))


@given(amounts, amounts)
def test_operators_are_exact_in_an_exact_block(a, b):
    with exactly():
        assert Fraction(a + b) == Fraction(a) + Fraction(b)
        assert Fraction(a - b) == Fraction(a) - Fraction(b)
    assert getcontext().prec == 28


@given(amounts, st.integers(0, 12))
def test_rounding_moves_an_amount_by_half_a_unit_at_most(value, exponent):
    rounded = round_half_away(value, exponent)
    unit = Fraction(1, 10**exponent)
    away = abs(Fraction(rounded)) - abs(Fraction(value))
    assert -unit / 2 < away <= unit / 2
    assert Fraction(rounded) / unit == int(Fraction(rounded) / unit)
    assert round_half_away(-value, exponent) == -rounded


def test_rounding_gives_no_negative_zero():
    assert str(round_half_away(Decimal("-0.004"), 2)) == "0.00"


weights = st.lists(
    st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False), min_size=1, max_size=30
)


@given(st.integers(-(10**20), 10**20), weights, st.sampled_from([0, 2, 3, 12]))
def test_shares_sum_to_the_whole_and_stay_within_a_unit_of_fair(units, shares, exponent):
    unit = Fraction(1, 10**exponent)
    with exactly():
        total = Decimal(units).scaleb(-exponent)
        parts = split(total, shares, exponent)
        assert sum(parts) == total
    ratios = [Fraction(share) for share in shares]
    whole = sum(ratios)
    if whole:
        fair = [Fraction(total) * ratio / whole for ratio in ratios]
        assert all(abs(Fraction(p) - f) < unit for p, f in zip(parts, fair, strict=True))
        assert all(p == 0 for p, ratio in zip(parts, ratios, strict=True) if not ratio)


@given(st.integers(0, 10**9), weights)
def test_a_credit_is_split_as_the_charge_was(units, shares):
    total = Decimal(units).scaleb(-2)
    assert split(-total, shares, 2) == [-part for part in split(total, shares, 2)]


def test_the_largest_remainders_get_the_cents_left_over():
    assert split(Decimal("1.00"), [1, 2, 3], 2) == [
        Decimal("0.17"),
        Decimal("0.33"),
        Decimal("0.50"),
    ]


def test_without_weights_shares_are_alike():
    assert split(Decimal("0.03"), [0, 0], 2) == [Decimal("0.02"), Decimal("0.01")]


def test_a_total_finer_than_its_unit_cannot_be_split():
    with pytest.raises(PrecisionError):
        split(Decimal("0.005"), [1, 1], 2)
