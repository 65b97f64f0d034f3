"""Drafting for one payer because somebody asks, not because it is time."""

from __future__ import annotations

from datetime import datetime

from billing import collection, due
from billing.invoicing import drafting, edits
from billing.invoicing.drafting import Drafted
from billing.models import Invoice
from ledger.errors import InvalidInputError
from ledger.models import Customer


def draft(*, payer: Customer, until: datetime, at: datetime, by: str) -> Drafted:
    """
    Charge what is due for all that a customer pays for, then draft it; again changes nothing.

    ``at`` is the payer's present.

    Raises:
        InvalidInputError: an instant that lies ahead.
        TransientError: nothing was drafted; the same call may be made again.
    """
    if until > at:
        remedy = f"name an instant up to {at.isoformat()}, or ask for a preview"
        raise InvalidInputError(field="until", value=until.isoformat(), remedy=remedy)
    _charge(payer, until)
    return drafting.draft(book=payer.book, payers=[payer.pk], until=until, at=at, cause=by)


def again(*, invoice: Invoice, at: datetime, by: str) -> Drafted:
    """
    Charge what is due up to where a draft goes, then draft it again; again changes nothing.

    Raises:
        InvoiceStateError: it is no draft, or one made by hand.
        TransientError: nothing was drafted; the same call may be made again.
    """
    edits.check_state(invoice)
    _charge(invoice.payer, invoice.until or at)
    return edits.refresh(invoice=invoice, at=at, by=by)


def _charge(payer: Customer, until: datetime) -> None:
    """Have charged what is due for all that a customer pays for."""
    found = collection.consumers_of(book=payer.book, payer_ids=[payer.pk])[payer.pk]
    consumers = Customer.objects.filter(pk__in=found).select_related("book", "clock")
    due.run_all(customers=list(consumers.order_by("pk")), until=until, makes_invoices=False)
