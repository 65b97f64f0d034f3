"""
Where the money of a series came from, in order, so that it can go back last in first out (pure).

A stack of (account, amount), the latest on top; what the account on top gives adds to it, so that
it is as long as lots have changed, not as usage is. An amount below zero is what the account gave
back though nothing had come from anywhere: what comes next goes there first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ledger.money import ZERO, add, negate, subtract, text

Part = tuple[int, Decimal]
_SEPARATOR: Final = ","


class Takings:
    """The stack of one series. All but its top stays text until somebody goes below it."""

    __slots__ = ("_below", "_top")

    def __init__(self, written: str = "") -> None:
        """Read what ``str`` wrote."""
        self._below, _, top = written.rpartition(_SEPARATOR)
        self._top = _part(top) if top else None

    def __str__(self) -> str:
        if self._top is None:
            return ""
        top = f"{self._top[0]}:{text(self._top[1])}"
        return f"{self._below}{_SEPARATOR}{top}" if self._below else top

    def push(self, account_id: int, amount: Decimal) -> None:
        """Note that an account gave an amount."""
        top = self._top
        if top is None:
            self._top = (account_id, amount)
        elif top[0] == account_id:
            if together := add(top[1], amount):
                self._top = (account_id, together)
            else:
                self._write(self._read()[:-1])
        else:
            self._below = str(self)
            self._top = (account_id, amount)

    def pop(self, amount: Decimal) -> tuple[list[Part], Decimal]:
        """
        Take an amount from the top, and return what goes where, and what nothing was there for.

        >>> takings = Takings("1:3,2:2")
        >>> takings.pop(Decimal(4)), str(takings)
        (([(2, Decimal('2')), (1, Decimal('2'))], Decimal('0')), '1:1')
        """
        parts, returned = self._read(), list[Part]()
        while amount > ZERO and parts and parts[-1][1] > ZERO:
            account_id, held = parts.pop()
            part = min(held, amount)
            if part < held:
                parts.append((account_id, subtract(held, part)))
            returned.append((account_id, part))
            amount = subtract(amount, part)
        self._write(parts)
        return returned, amount

    def remove(self, account_id: int, amount: Decimal) -> Decimal:
        """Take up to an amount of one account out, topmost first; return how much was there."""
        missing, parts = amount, self._read()
        for place in range(len(parts) - 1, -1, -1):
            account, held = parts[place]
            if account != account_id or missing <= ZERO or held <= ZERO:
                continue
            part = min(held, missing)
            parts[place] = (account, subtract(held, part))
            missing = subtract(missing, part)
        self._write([part for part in parts if part[1]])
        return subtract(amount, missing)

    @property
    def parts(self) -> list[Part]:
        """Return what each account gave, the latest last."""
        return self._read()

    @property
    def accounts(self) -> set[int]:
        """Return who gave something that may go back."""
        return {account_id for account_id, _ in self._read()}

    @property
    def is_owing(self) -> bool:
        """Whether an account gave back what nothing has come for yet."""
        return self._top is not None and self._top[1] < ZERO

    @property
    def owing(self) -> Decimal:
        """Return how much was given back that nothing has come for yet."""
        return negate(self._top[1]) if self._top is not None and self._top[1] < ZERO else ZERO

    def owed_to(self, account_id: int) -> Decimal:
        """Return how much an account gave back that nothing has come for yet."""
        top = self._top
        return (
            negate(top[1]) if top is not None and top[0] == account_id and top[1] < ZERO else ZERO
        )

    def _read(self) -> list[Part]:
        return [_part(written) for written in str(self).split(_SEPARATOR) if written]

    def _write(self, parts: list[Part]) -> None:
        self._below, self._top = "", None
        for account_id, amount in parts:
            self.push(account_id, amount)


def _part(written: str) -> Part:
    account_id, _, amount = written.partition(":")
    return int(account_id), Decimal(amount)
