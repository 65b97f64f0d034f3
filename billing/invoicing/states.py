"""
The life of a document: which state may follow which, and what may be done in each (pure).

Once issued, a document's state follows from what is paid of it and from the calendar; actions
only bring that about. The database refuses what this table does not allow (``0010_invoicing.sql``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ledger.money import ZERO

CREDIT_NOTE: Final = "credit_note"  # a kind
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
    is_settled: bool = False  # something is paid, credited, written off, refunded
    not_void_because: str = ""  # of its book, its month, or what builds on it


def settled_state(facts: Facts) -> str:
    """Return the state of an issued document by what is settled of it."""
    if facts.open == ZERO:
        return UNCOLLECTIBLE if facts.written_off else PAID
    if facts.due_date is not None and facts.due_date < facts.today:
        return OVERDUE
    return PARTIALLY_PAID if facts.open != facts.due else ISSUED


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """
    Something that may be done with a document: in which states, and where it leads.

    ``needs`` is what a person must be allowed (of ``billing``); who offers it asks ``why_not``
    whether this document is in the way.
    """

    name: str
    label: str
    before: frozenset[str]
    results: tuple[str, ...]  # one of them; none: the state stays
    needs: str
    why_not: Callable[[Facts], str] = lambda _: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An action that may be taken now, and the state it leads to (several: by the amount)."""

    name: str
    label: str
    results: tuple[str, ...]
    needs: str


def _settled(facts: Facts) -> str:
    """Say why something that is partly settled cannot be undone; empty if nothing is."""
    return "something is paid, credited or written off of it" if facts.is_settled else ""


def _blocked(facts: Facts) -> str:
    return "a critical problem has to be solved first" if facts.is_blocked else ""


def _not_late(facts: Facts) -> str:
    late = facts.due_date is not None and facts.due_date < facts.today and facts.open > ZERO
    return "" if late else "it is not due yet"


def _not_void(facts: Facts) -> str:
    return _settled(facts) or facts.not_void_because


def _nothing_open(facts: Facts) -> str:
    return "" if facts.open > ZERO else "nothing of it is open"


def _no_money_comes(facts: Facts) -> str:
    return "money goes out by it" if facts.kind == CREDIT_NOTE else _nothing_open(facts)


def _no_invoice(facts: Facts) -> str:
    return "it is a credit note itself" if facts.kind == CREDIT_NOTE else ""


_PERSON_DRAFTS: Final = "draft_invoice"
_PERSON_APPROVES: Final = "approve_invoice"
_PERSON_COLLECTS: Final = "record_payment"
_SENT_OUT: Final = OWED | {PAID}

ACTIONS: Final = (
    Action(
        name="refresh",
        label="Draft again",
        before=frozenset({DRAFT}),
        results=(DRAFT,),
        needs=_PERSON_DRAFTS,
    ),
    Action(
        name="approve",
        label="Approve",
        before=frozenset({DRAFT}),
        results=(APPROVED,),
        needs=_PERSON_APPROVES,
        why_not=_blocked,
    ),
    Action(
        name="unapprove",
        label="Take the approval back",
        before=frozenset({APPROVED}),
        results=(DRAFT,),
        needs=_PERSON_APPROVES,
    ),
    Action(
        name="issue",
        label="Issue",
        before=PENDING,
        results=(ISSUED, PAID),
        needs=_PERSON_APPROVES,
        why_not=_blocked,
    ),
    Action(
        name="discard",
        label="Discard",
        before=PENDING,
        results=(DISCARDED,),
        needs=_PERSON_DRAFTS,
    ),
    Action(
        name="send",
        label="Note as sent",
        before=_SENT_OUT,
        results=(),
        needs=_PERSON_APPROVES,
    ),
    Action(
        name="pay",
        label="Record a payment",
        before=OWED | {UNCOLLECTIBLE},
        results=(PARTIALLY_PAID, PAID),
        needs=_PERSON_COLLECTS,
        why_not=lambda facts: "" if facts.state == UNCOLLECTIBLE else _no_money_comes(facts),
    ),
    Action(
        name="mark_overdue",
        label="Mark as overdue",
        before=frozenset({ISSUED, PARTIALLY_PAID}),
        results=(OVERDUE,),
        needs=_PERSON_APPROVES,
        why_not=_not_late,
    ),
    Action(
        name="credit",
        label="Credit",
        before=_SENT_OUT,
        results=(ISSUED, PARTIALLY_PAID, OVERDUE, PAID),
        needs="credit_invoice",
        why_not=_no_invoice,
    ),
    Action(
        name="write_off",
        label="Write off",
        before=OWED,
        results=(UNCOLLECTIBLE,),
        needs=_PERSON_COLLECTS,
        why_not=_no_money_comes,
    ),
    Action(
        name="void",
        label="Void",
        before=frozenset({ISSUED, OVERDUE, PAID}),
        results=(VOID,),
        needs="void_invoice",
        why_not=_not_void,
    ),
)


def available(facts: Facts) -> list[Offered]:
    """Return what may be done with a document now, and where that leads."""
    return [
        Offered(name=one.name, label=one.label, results=_results(one, facts), needs=one.needs)
        for one in ACTIONS
        if not why_not(one.name, facts)
    ]


def needs(name: str) -> str:
    """Return what a person must be allowed (of ``billing``) to take an action."""
    return next(one.needs for one in ACTIONS if one.name == name)


def why_not(name: str, facts: Facts) -> str:
    """Say why an action cannot be taken now; empty: it can."""
    action = next(one for one in ACTIONS if one.name == name)
    if facts.state not in action.before:
        return f"it is {facts.state.replace('_', ' ')}"
    return action.why_not(facts)


def _results(action: Action, facts: Facts) -> tuple[str, ...]:
    if action.name == "issue":
        return (ISSUED,) if facts.due > ZERO else (PAID,)
    return action.results
