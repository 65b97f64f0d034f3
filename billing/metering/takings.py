"""
Where the money of a series came from, in order, so that it can go back last in first out (pure).

A stack of (account, amount), the latest on top; what the account on top gives adds to it, so that
it is as long as lots have changed, not as usage is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ledger.money import ZERO, add, subtract, text

Part = tuple[int, Decimal]
_SEPARATOR: Final = ","


class Takings:
    """The stack of one series."""

    __slots__ = ("_parts",)

    def __init__(self, written: str = "") -> None:
        """Read what ``str`` wrote."""
        self._parts: list[Part] = []
        for part in written.split(_SEPARATOR) if written else ():
            account_id, _, amount = part.partition(":")
            self._parts.append((int(account_id), Decimal(amount)))

    def __str__(self) -> str:
        return _SEPARATOR.join([f"{account}:{text(amount)}" for account, amount in self._parts])

    def push(self, account_id: int, amount: Decimal) -> None:
        """Note that an account gave an amount."""
        parts = self._parts
        if parts and parts[-1][0] == account_id:
            parts[-1] = (account_id, add(parts[-1][1], amount))
        else:
            parts.append((account_id, amount))

    def pop(self, amount: Decimal) -> tuple[list[Part], Decimal]:
        """
        Take an amount from the top, and return what goes where, and what nothing was there for.

        >>> takings = Takings("1:3,2:2")
        >>> takings.pop(Decimal(4)), str(takings)
        (([(2, Decimal('2')), (1, Decimal('2'))], Decimal('0')), '1:1')
        """
        returned: list[Part] = []
        while amount > ZERO and self._parts:
            account_id, held = self._parts.pop()
            part = min(held, amount)
            if part < held:
                self._parts.append((account_id, subtract(held, part)))
            returned.append((account_id, part))
            amount = subtract(amount, part)
        return returned, amount

    def remove(self, account_id: int, amount: Decimal) -> Decimal:
        """Take up to an amount of one account out, topmost first; return how much was there."""
        missing = amount
        for place in range(len(self._parts) - 1, -1, -1):
            account, held = self._parts[place]
            if account != account_id or missing <= ZERO:
                continue
            part = min(held, missing)
            self._parts[place] = (account, subtract(held, part))
            missing = subtract(missing, part)
        self._parts = [part for part in self._parts if part[1] > ZERO]
        return subtract(amount, missing)
