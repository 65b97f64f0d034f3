"""A unit price costs the same in any split, and is never rounded."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.price import charge, check_precision, places_of
from billing.rating.unit import Unit
from ledger.errors import PrecisionError
from ledger.money import exact

prices = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False)
quantities = st.decimals(min_value=-(10**12), max_value=10**12, places=3, allow_nan=False)


@given(prices, st.lists(quantities, min_size=1))
def test_charges_along_any_path_sum_to_the_amount_where_it_ends(unit_price, path):
    price = Unit(unit_price=unit_price)
    steps = zip([Decimal(0), *path], path, strict=False)

    charged = sum(Fraction(charge(price, before, after)) for before, after in steps)

    assert charged == Fraction(unit_price) * Fraction(path[-1])


@given(prices, st.decimals(min_value=0, max_value=10**12, places=3, allow_nan=False))
def test_what_passes_the_precision_check_is_kept_exactly(unit_price, quantity):
    check_precision(unit_price, 3)

    exact(Unit(unit_price=unit_price).amount(quantity))


@pytest.mark.parametrize(
    ("unit_price", "quantity_scale"), [("0.001", 10), ("1E-13", 0), ("NaN", 0), ("Infinity", 0)]
)
def test_a_price_whose_products_the_ledger_cannot_keep_is_refused(unit_price, quantity_scale):
    with pytest.raises(PrecisionError):
        check_precision(Decimal(unit_price), quantity_scale)


@pytest.mark.parametrize(("unit_price", "quantity_scale"), [("0.0010", 9), ("1E+3", 12), ("0", 12)])
def test_zeros_at_the_end_of_a_price_are_no_places(unit_price, quantity_scale):
    check_precision(Decimal(unit_price), quantity_scale)


@given(st.integers(-(10**9), 10**9), st.integers(0, 30), st.integers(0, 9))
def test_places_are_those_a_number_needs(digits, places, zeros):
    number = Decimal(f"{digits}E-{places}")
    needed = places_of(number)

    assert Fraction(number) * 10**needed == int(Fraction(number) * 10**needed)
    assert needed == 0 or Fraction(number) * 10 ** (needed - 1) % 1
    assert places_of(Decimal(f"{digits}{'0' * zeros}E-{places + zeros}")) == needed


def test_usage_taken_back_gives_its_price_back():
    assert charge(Unit(unit_price=Decimal("0.25")), Decimal(10), Decimal(4)) == Decimal("-1.50")
