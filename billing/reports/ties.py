"""
What a report says of an account against what the trial balance says: they must be the same.

Amounts are debits less credits, as in the trial balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger import balances
from ledger.models import Book
from ledger.money import ZERO, add, subtract, text
from ledger.verification import Disagreement

Place = tuple[str, str]  # purpose, asset

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. What was posted to these accounts"
    " past charging, wallets and invoices is listed by their statements of account."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One account of a report, and the same in the trial balance."""

    report: str
    purpose: str
    asset: str
    said: Decimal
    trial_balance: Decimal

    @property
    def difference(self) -> Decimal:
        """Return by how much the report misses the trial balance: zero, or something is wrong."""
        return subtract(self.said, self.trial_balance)


def held(book: Book, at: datetime | None) -> dict[Place, Decimal]:
    """Return what the trial balance says of each purpose and asset before an instant."""
    rows = balances.trial_balance(book=book, effective_at=at)
    found: dict[Place, Decimal] = {}
    for row in rows:
        place = row.purpose, row.asset
        found[place] = add(found.get(place, ZERO), row.closing)
    return found


def tie(
    report: str,
    said: Mapping[Place, Decimal],
    trial_balance: Mapping[Place, Decimal],
    purposes: Iterable[str],
) -> list[Tie]:
    """Hold what a report says of some purposes against the trial balance."""
    wanted = frozenset(purposes)
    places = {place for place in trial_balance if place[0] in wanted} | said.keys()
    return [
        Tie(
            report=report,
            purpose=purpose,
            asset=asset,
            said=said.get((purpose, asset), ZERO),
            trial_balance=trial_balance.get((purpose, asset), ZERO),
        )
        for purpose, asset in sorted(places)
    ]


def disagreements(book: Book, ties: Iterable[Tie]) -> Iterator[Disagreement]:
    """Name the accounts that a report misses."""
    for one in ties:
        if one.difference:
            detail = f"says {text(one.said)}, the trial balance {text(one.trial_balance)}"
            subject = f"{one.purpose} in {one.asset}, book {book.key}"
            yield Disagreement(one.report, subject, detail, _REMEDY)
