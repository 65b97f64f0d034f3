"""
Taxes of a document: rounded once per jurisdiction, category and rate (pure).

A tax is rounded where the tax office adds it up (BR-CO-17 of EN 16931), a half away from zero, and
given back to the lines by largest remainder: lines add up to the document, to the cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.money import ZERO, add, multiply, round_half_away, split, subtract, total

_HUNDRED: Final = Decimal(100)
_PERCENT: Final = Decimal("0.01")
_HALF: Final = Fraction(1, 2)


class Group(NamedTuple):
    """What is rounded together."""

    jurisdiction: str
    category: str
    percentage: Decimal


@dataclass(frozen=True, slots=True)
class Taxable:
    """
    What a line brings to a document's taxes: an amount already rounded to the currency's places.

    ``is_inclusive``: the amount holds its tax; else tax comes on top.
    """

    group: Group
    amount: Decimal
    is_inclusive: bool = False


class LineTax(NamedTuple):
    """A line's base and tax."""

    base: Decimal
    tax: Decimal


def compute(lines: Sequence[Taxable], exponent: int) -> list[LineTax]:
    """
    Return base and tax of each of a document's lines, in their order.

    >>> german = Group("DE", "S", Decimal(19))
    >>> lines = [Taxable(german, Decimal("0.05")), Taxable(german, Decimal("0.05"))]
    >>> [str(line.tax) for line in compute(lines, 2)]
    ['0.01', '0.01']
    >>> compute([Taxable(german, Decimal("119.00"), is_inclusive=True)], 2)
    [LineTax(base=Decimal('100.00'), tax=Decimal('19.00'))]
    """
    places: dict[Group, list[int]] = {}
    for place, line in enumerate(lines):
        places.setdefault(line.group, []).append(place)
    taxed = [LineTax(ZERO, ZERO)] * len(lines)
    for group, held in places.items():
        members = [lines[place] for place in held]
        taxes = _taxes(members, group.percentage, exponent)
        for place, line, tax in zip(held, members, taxes, strict=True):
            base = subtract(line.amount, tax) if line.is_inclusive else line.amount
            taxed[place] = LineTax(base, tax)
    return taxed


def given_back(
    *,
    tax: Decimal,
    whole: Decimal,
    before: Decimal,
    back_before: Decimal,
    now: Decimal,
    exponent: int,
) -> Decimal:
    """
    Return the tax of a part of a line that is given back, at the rate the line bore.

    ``whole`` is what the line was taxed on, ``before`` what of it was given back earlier, with
    ``back_before`` of its ``tax``. Parts given back add up to the line's tax whatever they are.

    >>> parts = [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    >>> before = back = Decimal(0)
    >>> for now in parts:
    ...     given = given_back(tax=Decimal("1.90"), whole=Decimal(10), before=before,
    ...                        back_before=back, now=now, exponent=2)
    ...     before, back = before + now, back + given
    >>> back
    Decimal('1.90')
    """
    if not whole or not tax:
        return ZERO
    share = Fraction(tax) * Fraction(add(before, now)) / Fraction(whole)
    return subtract(_half_away(share, exponent), back_before)


def _taxes(lines: Sequence[Taxable], percentage: Decimal, exponent: int) -> list[Decimal]:
    """Return what each line bears of the tax that they come to together."""
    if not percentage:
        return [ZERO] * len(lines)
    whole = _rounded(lines, percentage, exponent)
    if len(lines) == 1:
        return [whole]
    # The exact tax of each line, times what they have in common.
    weights = [
        multiply(line.amount, _HUNDRED if line.is_inclusive else add(_HUNDRED, percentage))
        for line in lines
    ]
    if min(weights) >= 0:
        return split(whole, weights, exponent)
    return _split_both_ways(whole, lines, weights, percentage, exponent)


def _split_both_ways(
    whole: Decimal,
    lines: Sequence[Taxable],
    weights: Sequence[Decimal],
    percentage: Decimal,
    exponent: int,
) -> list[Decimal]:
    """Give the tax back where some lines lower it: what is below zero is rounded by itself."""
    lowering = [line for line in lines if line.amount < 0]
    below = _rounded(lowering, percentage, exponent)
    downs = split(below, [-weight if weight < 0 else 0 for weight in weights], exponent)
    if len(lowering) == len(lines):
        return downs
    above = subtract(whole, below)
    ups = split(above, [max(weight, ZERO) for weight in weights], exponent)
    return [add(up, down) for up, down in zip(ups, downs, strict=True)]


def _rounded(lines: Sequence[Taxable], percentage: Decimal, exponent: int) -> Decimal:
    on_top = total(line.amount for line in lines if not line.is_inclusive)
    held = total(line.amount for line in lines if line.is_inclusive)
    if not held:
        return round_half_away(multiply(multiply(on_top, percentage), _PERCENT), exponent)
    rate = Fraction(percentage)
    exact = Fraction(on_top) * rate / 100 + Fraction(held) * rate / (100 + rate)
    return _half_away(exact, exponent)


def _half_away(exact: Fraction, exponent: int) -> Decimal:
    units = int(abs(exact) * 10**exponent + _HALF)
    return Decimal(units if exact >= 0 else -units).scaleb(-exponent)
