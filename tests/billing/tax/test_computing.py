"""Rounding of taxes: once per rate on a document, given back to its lines."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.tax.computing import Group, Taxable, compute, given_back
from ledger.money import ZERO, total

PLACES = st.sampled_from([0, 2, 3])
RATES = st.sampled_from(["19", "7", "8.1", "20", "0", "9.975"]).map(Decimal)


def groups():
    return st.builds(Group, st.sampled_from(["DE", "FR"]), st.just("S"), RATES)


@st.composite
def documents(draw, *, signs=(1,)):
    exponent = draw(PLACES)
    units = st.integers(0, 10**9)
    lines = draw(
        st.lists(
            st.builds(
                lambda group, amount, sign, held: Taxable(
                    group, Decimal(sign * amount).scaleb(-exponent), held
                ),
                groups(),
                units,
                st.sampled_from(signs),
                st.booleans(),
            ),
            min_size=1,
            max_size=12,
        )
    )
    return lines, exponent


def exact_tax(lines: list[Taxable]) -> Fraction:
    tax = Fraction(0)
    for line in lines:
        rate = Fraction(line.group.percentage)
        tax += Fraction(line.amount) * rate / (100 + (rate if line.is_inclusive else 0))
    return tax


@given(documents(signs=(1, -1)))
def test_the_lines_of_a_rate_add_up_to_its_exact_tax_rounded_once(made):
    lines, exponent = made
    taxed = compute(lines, exponent)
    for group in {line.group for line in lines}:
        of = [place for place, line in enumerate(lines) if line.group == group]
        printed = total(taxed[place].tax for place in of)
        exact = exact_tax([lines[place] for place in of])
        assert abs(Fraction(printed) - exact) <= Fraction(1, 2 * 10**exponent)


@given(documents())
def test_no_line_bears_a_unit_more_or_less_than_its_own_tax(made):
    lines, exponent = made
    for line, result in zip(lines, compute(lines, exponent), strict=True):
        assert abs(Fraction(result.tax) - exact_tax([line])) < Fraction(1, 10**exponent) * 3 / 2
        assert result.tax >= 0


@given(documents(signs=(1, -1)))
def test_a_line_with_its_tax_in_it_is_split_and_any_other_keeps_its_base(made):
    lines, exponent = made
    for line, result in zip(lines, compute(lines, exponent), strict=True):
        whole = result.base + result.tax if line.is_inclusive else result.base
        assert whole == line.amount


@given(documents(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_the_tax_of_a_document(made, random):
    lines, exponent = made
    shuffled = lines[:]
    random.shuffle(shuffled)
    taxes = (compute(lines, exponent), compute(shuffled, exponent))
    first, second = (total(line.tax for line in each) for each in taxes)
    assert first == second


@given(documents())
def test_a_document_of_the_opposite_sign_bears_the_opposite_tax(made):
    lines, exponent = made
    mirrored = [Taxable(line.group, -line.amount, line.is_inclusive) for line in lines]
    for line, back in zip(compute(lines, exponent), compute(mirrored, exponent), strict=True):
        assert (back.base, back.tax) == (-line.base, -line.tax)


def test_a_hundred_small_lines_bear_what_their_sum_does():
    german = Group("DE", "S", Decimal(19))
    taxed = compute([Taxable(german, Decimal("0.03"))] * 100, 2)
    assert total(line.tax for line in taxed) == Decimal("0.57")  # each by itself would make 1.00


def test_halves_are_rounded_away_from_zero():
    half = Group("DE", "S", Decimal(10))
    assert compute([Taxable(half, Decimal("0.05"))], 2)[0].tax == Decimal("0.01")
    assert compute([Taxable(half, Decimal("-0.05"))], 2)[0].tax == Decimal("-0.01")


def test_currencies_without_places_are_rounded_whole():
    japanese = Group("JP", "S", Decimal(10))
    assert compute([Taxable(japanese, Decimal(1234))], 0)[0].tax == 123


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    st.integers(0, 10**6),
    PLACES,
)
def test_what_is_given_back_in_any_parts_is_the_tax_of_the_line(parts, tax, exponent):
    amounts = [Decimal(part).scaleb(-exponent) for part in parts]
    whole, held = total(amounts), Decimal(tax).scaleb(-exponent)
    before = back = ZERO
    for now in amounts:
        back += given_back(
            tax=held, whole=whole, before=before, back_before=back, now=now, exponent=exponent
        )
        before += now
    assert back == held


@pytest.mark.parametrize(("whole", "tax"), [("0", "0"), ("0", "1.00"), ("5.00", "0")])
def test_nothing_comes_back_of_no_tax(whole: str, tax: str):
    given = given_back(
        tax=Decimal(tax),
        whole=Decimal(whole),
        before=ZERO,
        back_before=ZERO,
        now=Decimal("1.00"),
        exponent=2,
    )
    assert given == 0
