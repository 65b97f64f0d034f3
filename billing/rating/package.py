"""Package price: units are sold by the package, and a started one counts as a whole (pure)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from billing.rating import part
from billing.rating.part import Part
from ledger.money import MAX_DIGITS, ONE, WIDE

# Rounded up twice, to 76 digits and to an integer, is rounded up once.
_UP: Final = Context(prec=2 * MAX_DIGITS, rounding=ROUND_CEILING)
_multiply: Final = WIDE.multiply


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """
    So much for every package of the cumulative quantity, however it was split.

    >>> price = Package(price=Decimal(5), size=Decimal(1000))
    >>> price.amount(Decimal(1400)), price.amount(Decimal(2700))
    (Decimal('10'), Decimal('15'))
    """

    price: Decimal  # of a package
    size: Decimal

    def amount(self, quantity: Decimal, /) -> Decimal:
        """Return the price of the packages that ``quantity`` needs."""
        return _multiply(self.price, self._packages(quantity))

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return the packages."""
        return [part.usage(self._packages(quantity), self.price)]

    def _packages(self, quantity: Decimal) -> Decimal:
        return _UP.divide(quantity, self.size).quantize(ONE, context=_UP)
