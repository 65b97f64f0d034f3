"""Write off what will not be paid, and the tax on it; take that back when money comes after all."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from django.db import transaction

from billing.invoicing import labels
from billing.models import Allocation, Invoice, InvoiceTax
from billing.payments import locking, writing
from billing.payments.errors import AllocationExceedsError
from billing.payments.writing import Accounts, Leg, Part
from billing.tax.computing import given_back
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.money import ZERO, exact, subtract, total
from wallets.topups.pricing import places_of

Kind = Allocation.Kind
_BAD: Final = "bad_debt"


def write_off(
    *,
    invoice: Invoice,
    amount: Decimal | None = None,
    reason: str,
    by: str,
    key: str,
    at: datetime,
    relieves_tax: bool = True,
) -> Allocation:
    """
    Say that a document, or an amount of it, will not be paid; none: all that is open.

    The net of it is bad debt; its tax is not owed to the state any more unless the country does
    not allow that (``relieves_tax``). The same key again changes nothing.

    Raises:
        InvalidInputError: no reason, or an amount not above zero.
        DocumentStateError: it is not issued, is void, or a credit note.
        AllocationExceedsError: less is open.
        IdempotencyConflictError: the key stands for something else.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    with refusals(), transaction.atomic():
        payer = locking.payer(invoice.payer_id)
        first = Allocation.objects.filter(book=payer.book_id, key=key).order_by("pk").first()
        if first is not None:
            if (first.kind, first.invoice_id) != (Kind.WRITE_OFF, invoice.pk):
                raise IdempotencyConflictError(key=key)
            return first
        invoice = locking.documents([invoice.pk])[invoice.pk]
        locking.check_payable(invoice, payer_id=payer.pk, asset_id=invoice.asset_id)
        amount = invoice.open if amount is None else exact(amount, places_of(invoice.asset))
        if amount > invoice.open:
            raise AllocationExceedsError(invoice=invoice.number, amount=amount, open=invoice.open)
        if amount <= ZERO:
            remedy = "write off more than zero of a document that is open"
            raise InvalidInputError(field="amount", value=amount, remedy=remedy)
        return _write_off(
            invoice, amount, payer=payer, reason=reason, by=by, key=key, at=at,
            relieves_tax=relieves_tax,
        )  # fmt: skip


def recover(*, invoice: Invoice, amount: Decimal, payer: Customer, by: str, at: datetime) -> None:
    """
    Take back so much of what was written off that ``amount`` can be given to the document.

    The last write-off first; of one that is more than is needed, the rest is written off anew.
    """
    missing = subtract(amount, invoice.open)
    if missing <= ZERO:
        return
    rows = invoice.allocations.filter(kind=Kind.WRITE_OFF, reverses=None, reversal=None)
    for row in rows.order_by("-pk"):
        if missing <= ZERO:
            return
        part = writing.mirror(row, reason="Paid after all")
        writing.write(
            [part],
            payer=payer,
            asset_id=invoice.asset_id,
            kind="write_off",
            posting_key=f"write_off:{invoice.pk}:{row.pk}:recovered",
            cause=by,
            at=at,
        )
        missing = subtract(missing, row.amount)
        if missing < ZERO:
            invoice.refresh_from_db()
            _write_off(
                invoice, missing.copy_negate(), payer=payer, reason=row.reason, by=by, key="",
                at=at, relieves_tax=bool(row.tax),
            )  # fmt: skip
    invoice.refresh_from_db()


def _write_off(
    invoice: Invoice,
    amount: Decimal,
    *,
    payer: Customer,
    reason: str,
    by: str,
    key: str,
    at: datetime,
    relieves_tax: bool,
) -> Allocation:
    accounts = Accounts(payer, invoice.asset_id, at)
    taxes = _taxes(invoice, amount) if relieves_tax else []
    tax = total(share for _, share in taxes)
    legs: list[Leg] = [accounts.leg(_BAD, "receivable", subtract(amount, tax))]
    legs += [accounts.leg(f"tax_payable:{label}", "receivable", share) for label, share in taxes]
    count = Allocation.objects.filter(invoice=invoice, kind=Kind.WRITE_OFF).count()
    part = Part(
        kind=Kind.WRITE_OFF,
        amount=amount,
        tax=tax,
        invoice_id=invoice.pk,
        reason=reason,
        legs=legs,
    )
    return writing.write(
        [part],
        payer=payer,
        asset_id=invoice.asset_id,
        kind="write_off",
        posting_key=f"write_off:{invoice.pk}:{count + 1}",
        key=key,
        cause=by,
        at=at,
        memo=reason,
    )[0]


def _taxes(invoice: Invoice, amount: Decimal) -> list[tuple[str, Decimal]]:
    """Return the tax in an amount of a document by accounts: in all of it, all of it."""
    before, found = invoice.written_off, []
    for row in InvoiceTax.objects.filter(invoice=invoice, tax__gt=0).order_by("pk"):
        share = partial(
            given_back, tax=row.tax, whole=invoice.total, before=before,
            exponent=places_of(invoice.asset),
        )  # fmt: skip
        label = labels.of_tax(row.jurisdiction, row.category, row.percentage)
        found.append((label, share(now=amount, back_before=share(now=ZERO, back_before=ZERO))))
    return found
