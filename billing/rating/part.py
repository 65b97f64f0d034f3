"""What a price is made of at a quantity: the lines of a document, before it is one (pure)."""

from decimal import Decimal
from typing import Final, NamedTuple

from ledger.money import multiply

USAGE: Final = "usage"
FLAT: Final = "flat"


class Part(NamedTuple):
    """
    So many at so much.

    Parts of two quantities are told apart by ``kind``, ``tier``, ``name`` and ``unit_price``:
    what a document shows for the way from one to the other is the difference of each.
    """

    kind: str
    tier: int | None  # counted from 1
    quantity: Decimal
    unit_price: Decimal | None  # None where no single price made the amount
    exact: Decimal
    name: str = ""  # of what was used, where one price has several


def usage(quantity: Decimal, unit_price: Decimal, tier: int | None = None) -> Part:
    """
    Return the part of units that cost the same.

    >>> usage(Decimal(3), Decimal("0.5")).exact
    Decimal('1.5')
    """
    return Part(USAGE, tier, quantity, unit_price, multiply(quantity, unit_price))


def flat(amount: Decimal, tier: int | None = None) -> Part:
    """Return the part of an amount that is due once."""
    return Part(FLAT, tier, Decimal(1), None, amount)
