"""How accounts are named that belong to a tax (pure)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ledger.money import text

_LONGEST: Final = 200  # of the name of an account


def of_tax(jurisdiction: str, category: str, percentage: Decimal) -> str:
    """
    Name the account of a rate of tax.

    >>> of_tax("DE", "S", Decimal("19.000000"))
    'DE:S:19'
    """
    return f"{jurisdiction}:{category}:{text(percentage)}"[:_LONGEST]
