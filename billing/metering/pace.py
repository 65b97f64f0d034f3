"""
How many events a transaction takes: fewer where callers hold credit of the same customers.

Who sets credit aside waits for the balances that a batch has locked. Large transactions are
cheaper; small ones are over sooner.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

MANY: Final = 2000
FEW: Final = 200
_REMEMBERED: Final = timedelta(minutes=1)

_met: dict[int, datetime] = {}  # by book: when a batch last met credit that was set aside


def meet_holds(book_id: int, *, at: datetime) -> None:
    """Note that a batch has met credit that was set aside."""
    _met[book_id] = at


def events(book_id: int, *, at: datetime) -> int:
    """Return how many events of a book a transaction may take."""
    met = _met.get(book_id)
    return FEW if met is not None and abs(at - met) <= _REMEMBERED else MANY


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _met.clear()
