"""
Taking an issued document back: its posting is reversed, its sources can be billed again.

What documents have said of a source adds up, one after another; so only the last of them can be
taken back. What others build on is credited instead.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection

from billing import credit_limits
from billing.models import Invoice, InvoiceLine, Supplier
from ledger import bulk, posting
from ledger.ids import is_house
from ledger.models import Entry, Period, Transaction


def why_not(invoice: Invoice) -> str:
    """Say why an issued document cannot be taken back; empty: it can, if nothing is settled."""
    if Supplier.objects.filter(book=invoice.book_id, may_void=False).exists():
        return "its book credits what was issued, and voids nothing"
    if invoice.corrections.exclude(state__in=[*_WITHOUT_NUMBER, Invoice.State.VOID]).exists():
        return "a credit or debit note corrects it"
    if invoice.lines.filter(kind=InvoiceLine.Kind.RETURNED).exists():
        return "money was taken back from the bank: record what comes again, or write it off"
    if _is_built_on(invoice):
        return "a later document builds on it"
    if _is_closed(invoice):
        return "its month is closed"
    return ""


def lock(invoice: Invoice) -> None:
    """Lock what a document is about, as issuing does."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [invoice.pk])


def take_back(invoice: Invoice, *, by: str, at: datetime) -> int | None:
    """
    Reverse what a document posted, and have its sources billed as they were before it.

    What it was about was owed already: no credit limit keeps it from standing unbilled again.
    Returns the transaction; none if it had none. What it is about must be locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNBILL, [invoice.pk])
    if invoice.transaction_id is None:
        return None
    posted = Transaction.objects.get(pk=invoice.transaction_id)
    whose = {invoice.payer_id, *invoice.lines.values_list("consumer_id", flat=True)} - {None}
    bulk.lock({*_moved(posted), *credit_limits.accounts_of(whose)})
    credit_limits.lift(whose)
    reversal = posting.reverse(
        transaction=posted, key=f"invoice:{invoice.pk}:void", effective_at=at, cause=by
    )
    credit_limits.follow(whose)
    return reversal.pk


def _moved(posted: Transaction) -> set[int]:
    """Return the accounts of customers that a transaction moved."""
    rows = Entry.objects.of(posted.pk).values_list("debit_account_id", "credit_account_id")
    return {number for row in rows for number in row if not is_house(number)}


def _is_built_on(invoice: Invoice) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_BUILT_ON, [invoice.pk, invoice.pk])
        return bool(cursor.fetchone()[0])


def _is_closed(invoice: Invoice) -> bool:
    if invoice.transaction_id is None:
        return False
    period = Transaction.objects.values_list("period_id", flat=True).get(pk=invoice.transaction_id)
    return not Period.objects.filter(pk=period, state=Period.State.OPEN).exists()


_WITHOUT_NUMBER: Final = (Invoice.State.DRAFT, Invoice.State.APPROVED, Invoice.State.DISCARDED)
_LOCK: Final = """
    SELECT b.id FROM billing_billable b WHERE b.id IN (
        SELECT l.billable_id FROM billing_invoiceline l WHERE l.invoice_id = %s)
    ORDER BY b.accrual_id, b.charge_id FOR NO KEY UPDATE
"""
_BUILT_ON: Final = """
    SELECT EXISTS (
        SELECT 1 FROM billing_invoiceline l JOIN billing_billable b ON b.id = l.billable_id
        LEFT JOIN billing_invoiceline last ON last.id = b.last_line_id
        WHERE l.invoice_id = %s AND l.upto IS NOT NULL AND last.invoice_id IS DISTINCT FROM %s)
"""
# Its lines of one source are a chain: the one that no other ends at is where it began.
_UNBILL: Final = """
    UPDATE billing_billable b SET billed = f.before, cut = f.cut_from, settled_at = NULL,
        last_line_id = (
            SELECT max(p.id)
            FROM billing_invoiceline p JOIN billing_invoice i ON i.id = p.invoice_id
            WHERE p.billable_id = b.id AND p.upto = f.before AND p.invoice_id <> f.invoice_id
              AND i.number <> '' AND i.state <> 'void')
    FROM billing_invoiceline f
    WHERE f.invoice_id = %s AND f.billable_id = b.id AND f.upto IS NOT NULL
      AND NOT EXISTS (
          SELECT 1 FROM billing_invoiceline o WHERE o.invoice_id = f.invoice_id
             AND o.billable_id = f.billable_id AND o.upto = f.before AND o.id <> f.id)
"""
