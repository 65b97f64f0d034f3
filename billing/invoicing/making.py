"""Drafting and issuing in one transaction, for runs, test clocks and who asks for one payer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.invoicing import drafting, issuing, states
from billing.models import Invoice, Run, Supplier
from ledger.models import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many documents were drafted (anew or otherwise than before) and issued."""

    drafted: int = 0
    issued: int = 0
    lines: int = 0


def is_on(book_id: int) -> bool:
    """Whether a book makes invoices by itself: once it is said who sells."""
    return Supplier.objects.filter(book=book_id).exists()


def make(
    *,
    book: Book,
    payer_ids: Sequence[int],
    until: datetime,
    at: datetime,
    by: str,
    run: Run | None = None,
) -> Made:
    """
    Draft for payers what is due, and issue what needs no person; errors as theirs.

    All or none, in one transaction. A run may leave it at drafts.
    """
    with transaction.atomic():
        drafted = drafting.draft(book=book, payers=payer_ids, until=until, at=at, run=run, cause=by)
        issued = 0
        if run is None or run.issues:
            numbers = _ready(drafted.open, at)
            if numbers:
                issued = len(issuing.issue(invoice_ids=numbers, at=at, by=by).numbers)
    return Made(drafted=len(drafted.new) + len(drafted.changed), issued=issued, lines=drafted.lines)


def _ready(invoice_ids: Sequence[int], at: datetime) -> list[int]:
    ready = Invoice.objects.filter(
        pk__in=invoice_ids, state=states.DRAFT, is_blocked=False, issue_after__lte=at
    )
    return list(ready.order_by().values_list("pk", flat=True))
