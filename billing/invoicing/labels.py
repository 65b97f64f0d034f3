"""How accounts are named that belong to a tax, and parts of amounts that add up (pure)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from ledger.money import WIDE, text

_LONGEST: Final = 200  # of the name of an account
_HALF: Final = Fraction(1, 2)


def of_tax(jurisdiction: str, category: str, percentage: Decimal) -> str:
    """
    Name the account of a rate of tax.

    >>> of_tax("DE", "S", Decimal("19.000000"))
    'DE:S:19'
    """
    return f"{jurisdiction}:{category}:{text(percentage)}"[:_LONGEST]


def portion(amount: Decimal, part: Decimal, whole: Decimal, exponent: int) -> Decimal:
    """
    Return an amount's share for a part of a whole, rounded half up; none may be below zero.

    It grows with the part and ends at the amount: differences of it add up.

    >>> portion(Decimal("1.90"), Decimal(5), Decimal("11.90"), 2)
    Decimal('0.80')
    """
    if not whole:
        return Decimal(0).scaleb(-exponent, WIDE)
    share = Fraction(amount) * Fraction(part) / Fraction(whole) * 10**exponent
    return Decimal(int(share + _HALF)).scaleb(-exponent, WIDE)
