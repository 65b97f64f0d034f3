"""
A price is a function of cumulative quantity (pure).

``amount(q)`` is what the period's first ``q`` units cost, exact and unrounded. An event that
takes the quantity from ``before`` to ``after`` costs the difference. So any split of the same
usage costs the same, in any order, and whatever lowers a quantity gives back
what the last units cost.

Each model of price is a file beside this one whose class has ``amount``; what it needs beyond
the quantity (tiers, package size, a multiplier) it carries.
"""

from decimal import Decimal
from typing import Protocol

from billing.rating.part import Part
from ledger.errors import PrecisionError
from ledger.money import subtract, text


class Price(Protocol):
    """What a quantity costs."""

    def amount(self, quantity: Decimal, /) -> Decimal:
        """Return the price of the period's first ``quantity`` units, exactly."""


class Itemised(Price, Protocol):
    """A price that also says what it is made of."""

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return parts whose exact amounts sum to ``amount(quantity)``."""


def charge(price: Price, before: Decimal, after: Decimal) -> Decimal:
    """
    Return what it costs to go from one cumulative quantity to another; negative if back.

    >>> from billing.rating.unit import Unit
    >>> charge(Unit(unit_price=Decimal("0.25")), Decimal(10), Decimal(14))
    Decimal('1.00')
    """
    return subtract(price.amount(after), price.amount(before))


def places_of(number: Decimal) -> int:
    """
    Count the places after the point that a number needs.

    >>> [places_of(Decimal(number)) for number in ("0.0030", "12", "1E+3")]
    [3, 0, 0]
    """
    if not number.is_finite():
        raise PrecisionError(number=number)
    return len(text(number).partition(".")[2])
