"""
The life of a document: which state may follow which, and what may be done in each (pure).

Once issued, a document's state follows from what is paid of it and from the calendar; actions
only bring that about. The database refuses what this table does not allow (``0010_invoicing.sql``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ledger.money import ZERO

DRAFT: Final = "draft"
APPROVED: Final = "approved"
DISCARDED: Final = "discarded"
ISSUED: Final = "issued"
PARTIALLY_PAID: Final = "partially_paid"
PAID: Final = "paid"
OVERDUE: Final = "overdue"
UNCOLLECTIBLE: Final = "uncollectible"
VOID: Final = "void"

PENDING: Final = frozenset({DRAFT, APPROVED})
OWED: Final = frozenset({ISSUED, PARTIALLY_PAID, OVERDUE})

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    DRAFT: frozenset({APPROVED, DISCARDED, ISSUED, PAID}),
    APPROVED: frozenset({DRAFT, DISCARDED, ISSUED, PAID}),
    ISSUED: frozenset({PARTIALLY_PAID, PAID, OVERDUE, UNCOLLECTIBLE, VOID}),
    PARTIALLY_PAID: frozenset({ISSUED, PAID, OVERDUE, UNCOLLECTIBLE}),
    OVERDUE: frozenset({ISSUED, PARTIALLY_PAID, PAID, UNCOLLECTIBLE, VOID}),
    PAID: frozenset({ISSUED, PARTIALLY_PAID, OVERDUE, UNCOLLECTIBLE, VOID}),
    UNCOLLECTIBLE: frozenset({ISSUED, PARTIALLY_PAID, OVERDUE, PAID}),
    DISCARDED: frozenset(),
    VOID: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a document's state and its actions depend on."""

    kind: str
    state: str
    due: Decimal
    open: Decimal
    written_off: Decimal = ZERO
    due_date: date | None = None
    today: date
    is_blocked: bool = False  # a problem is critical
    is_settled_by_anything: bool = False  # paid, credited, written off, refunded
    may_be_voided: bool = True  # its book allows it, its month is open, nothing later builds on it


def settled_state(facts: Facts) -> str:
    """Return the state of an issued document by what is settled of it."""
    if facts.open == ZERO:
        return UNCOLLECTIBLE if facts.written_off else PAID
    if facts.due_date is not None and facts.due_date < facts.today:
        return OVERDUE
    return PARTIALLY_PAID if facts.open != facts.due else ISSUED
