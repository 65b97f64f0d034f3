"""Flat price: one amount, whatever is used; and none at all (pure)."""

from dataclasses import dataclass
from decimal import Decimal

from billing.rating import part
from billing.rating.part import Part
from ledger.money import ZERO


@dataclass(frozen=True, slots=True)
class Free:
    """
    Costs nothing.

    >>> Free().amount(Decimal(1500))
    Decimal('0')
    """

    def amount(self, _quantity: Decimal, /) -> Decimal:
        """Return nothing."""
        return ZERO

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return the units, which cost nothing."""
        return [part.usage(quantity, ZERO)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """
    An amount per period, or once.

    >>> Flat(price=Decimal("10")).amount(Decimal(1500))
    Decimal('10')
    """

    price: Decimal

    def amount(self, _quantity: Decimal, /) -> Decimal:
        """Return the amount, due from the start."""
        return self.price

    def parts(self, _quantity: Decimal, /) -> list[Part]:
        """Return the one part it has."""
        return [part.flat(self.price)]
