"""Unit price: every unit costs the same (pure)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from billing.rating import part
from billing.rating.part import Part
from ledger.money import WIDE

_multiply: Final = WIDE.multiply


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """
    So much per unit.

    >>> Unit(unit_price=Decimal("0.003")).amount(Decimal(1500))
    Decimal('4.500')
    """

    unit_price: Decimal  # in the rate card's currency

    def amount(self, quantity: Decimal, /) -> Decimal:
        """Return the price of ``quantity`` units."""
        return _multiply(self.unit_price, quantity)

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return the one part it has."""
        return [part.usage(quantity, self.unit_price)]
