"""
Who waits for whom: the payer first, then its documents by id, then balances.

One at a time moves a payer's money. What issues and voids documents locks them by id before
balances, too, so that neither waits for the other in a circle.
"""

from __future__ import annotations

from collections.abc import Collection

from billing.models import Invoice, Unapplied
from billing.payments.errors import DocumentStateError
from billing.payments.policies import Open
from ledger.errors import NotFoundError
from ledger.models import Customer

NOT_PAYABLE = frozenset(
    {Invoice.State.DRAFT, Invoice.State.APPROVED, Invoice.State.DISCARDED, Invoice.State.VOID}
)


def payer(customer_id: int) -> Customer:
    """Lock whose money is moved, until the transaction ends."""
    customers = Customer.objects.select_for_update(no_key=True, of=("self",))
    return customers.select_related("book", "clock").get(pk=customer_id)


def documents(ids: Collection[int]) -> dict[int, Invoice]:
    """
    Lock documents by id and return them.

    Raises:
        NotFoundError: there is none of that id.
    """
    rows = Invoice.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    found = {row.pk: row for row in rows}
    if missing := set(ids) - found.keys():
        raise NotFoundError(invoice=min(missing))
    return found


def owed_by(payer_id: int, asset_id: int) -> dict[int, Invoice]:
    """Lock what a payer owes in a currency, and what was written off of it."""
    rows = Invoice.objects.select_for_update(no_key=True).filter(payer=payer_id, asset=asset_id)
    rows = rows.exclude(kind=Invoice.Kind.CREDIT_NOTE).exclude(state__in=NOT_PAYABLE)
    found = rows.filter(open__gt=0) | rows.filter(written_off__gt=0)
    return {row.pk: row for row in found.order_by("pk")}


def source(unapplied_id: int) -> Unapplied:
    """Read money once its payer is locked, which is what guards it."""
    return Unapplied.objects.select_related("asset", "payment", "note").get(pk=unapplied_id)


def as_open(invoice: Invoice) -> Open:
    """Return a document as policies see it."""
    return Open(
        id=invoice.pk,
        number=invoice.number,
        open=invoice.open,
        written_off=invoice.written_off,
        due_date=invoice.due_date,
    )


def check_payable(invoice: Invoice, *, payer_id: int, asset_id: int) -> None:
    """
    Hold a document to being one that this payer's money of this currency may settle.

    Raises:
        DocumentStateError: it is not issued, is void, a credit note, or somebody else's.
    """
    is_theirs = (invoice.payer_id, invoice.asset_id) == (payer_id, asset_id)
    if invoice.kind == Invoice.Kind.CREDIT_NOTE or invoice.state in NOT_PAYABLE or not is_theirs:
        remedy = "name an issued invoice of the same payer and currency"
        raise DocumentStateError(
            invoice=invoice.number or invoice.pk, state=invoice.state, remedy=remedy
        )
