"""A unit price costs the same in any split, and is never rounded."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.price import charge, places_of
from billing.rating.unit import Unit

prices = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False)
quantities = st.decimals(min_value=-(10**12), max_value=10**12, places=3, allow_nan=False)


@given(prices, st.lists(quantities, min_size=1))
def test_charges_along_any_path_sum_to_the_amount_where_it_ends(unit_price, path):
    price = Unit(unit_price=unit_price)
    steps = zip([Decimal(0), *path], path, strict=False)

    charged = sum(Fraction(charge(price, before, after)) for before, after in steps)

    assert charged == Fraction(unit_price) * Fraction(path[-1])


@given(st.integers(-(10**9), 10**9), st.integers(0, 30), st.integers(0, 9))
def test_places_are_those_a_number_needs(digits, places, zeros):
    number = Decimal(f"{digits}E-{places}")
    needed = places_of(number)

    assert Fraction(number) * 10**needed == int(Fraction(number) * 10**needed)
    assert needed == 0 or Fraction(number) * 10 ** (needed - 1) % 1
    assert places_of(Decimal(f"{digits}{'0' * zeros}E-{places + zeros}")) == needed


def test_usage_taken_back_gives_its_price_back():
    assert charge(Unit(unit_price=Decimal("0.25")), Decimal(10), Decimal(4)) == Decimal("-1.50")
