"""
Invoices by themselves: of books that say who sells, for payers who live by the real time.

Each turn drafts what has fallen due and issues what needs no person, chunk by chunk; what fails for
one payer keeps nobody else waiting and is tried again by the next turn. Runs that were begun by
somebody are gone on with. Safe to be called late, again, or by several at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from billing.invoicing import advancing, making, running
from billing.models import Run, Supplier
from ledger.halving import halved
from ledger.models import Book

CAUSE: Final = "schedule"


@dataclass(slots=True, kw_only=True)
class Turn:
    """What a turn did."""

    drafted: int = 0
    issued: int = 0
    overdue: int = 0
    failures: dict[int, Exception] = field(default_factory=dict)  # by payer


def invoice(*, at: datetime) -> Turn:
    """Draft and issue what is due by now, and note what is overdue."""
    turn = Turn()
    sellers = Supplier.objects.values("book")
    for book in Book.objects.filter(pk__in=sellers).order_by("pk"):
        _of(book, turn, at)
    advanced = advancing.advance(at=at, by=CAUSE)
    turn.issued += advanced.issued
    turn.overdue += advanced.overdue
    return turn


def work_on_runs(*, at: datetime) -> int:
    """Go on with the runs that are under way, and return how many there are."""
    runs = Run.objects.filter(state=Run.State.RUNNING).select_related("book").order_by("pk")
    found = list(runs)
    for run in found:
        running.work(run=run, at=at)
    return len(found)


def _of(book: Book, turn: Turn, at: datetime) -> None:
    payers = running.payers_due(book=book, until=at, at=at)
    make = partial(_make, book, at)
    for start in range(0, len(payers), running.PART):
        done = halved(payers[start : start + running.PART], make)
        turn.failures |= done.errors
        turn.drafted += sum(made.drafted for made in done.results)
        turn.issued += sum(made.issued for made in done.results)


def _make(book: Book, at: datetime, payer_ids: Sequence[int]) -> making.Made:
    return making.make(book=book, payer_ids=payer_ids, until=at, at=at, by=CAUSE)
