"""Debit notes: what is charged on top of a document that was issued, taxed as of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing import collection
from billing.charging import own
from billing.charging.reading import exponent_of
from billing.invoicing import issuing, pending, writing
from billing.invoicing.errors import BlockedDraftError
from billing.invoicing.facts import Draft, DraftLine
from billing.models import Invoice, InvoiceLine
from billing.payments import locking
from billing.taxation import applying
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.money import ZERO, exact, multiply, round_half_away

SERIES: Final = "DN"
_KIND: Final = Invoice.Kind.DEBIT_NOTE
_MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A line of a debit note; ``product`` names the account of revenue it belongs to."""

    description: str
    unit_price: Decimal
    quantity: Decimal = Decimal(1)
    product: str = ""
    tax_code: str = ""


def charge(
    *,
    invoice: Invoice,
    lines: Sequence[Extra],
    reason: str,
    by: str,
    key: str,
    at: datetime,
) -> Invoice:
    """
    Issue a debit note over a document, once per key.

    Raises:
        InvalidInputError: no reason, no line, one that comes to nothing, or an unknown tax code.
        DocumentStateError: the document is not issued, is void, or is a credit note.
        BlockedDraftError: its tax cannot be decided.
        IdempotencyConflictError: the key stands for another document.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    with refusals(), transaction.atomic():
        payer = locking.payer(invoice.payer_id)
        note = Invoice.objects.filter(book=payer.book_id, key=key).first()
        if note is not None and (note.corrects_id, note.kind) != (invoice.pk, _KIND):
            raise IdempotencyConflictError(key=key)
        if note is None:
            locking.documents([invoice.pk])
            invoice = Invoice.objects.select_related("asset").get(pk=invoice.pk)
            locking.check_payable(invoice, payer_id=payer.pk, asset_id=invoice.asset_id)
            note = _draft(invoice, payer, lines, reason=reason, key=key, at=at)
            issuing.issue(invoice_ids=[note.pk], at=at, by=by)
    return Invoice.objects.select_related("payer", "asset", "book", "corrects").get(pk=note.pk)


def _draft(
    invoice: Invoice,
    payer: Customer,
    lines: Sequence[Extra],
    *,
    reason: str,
    key: str,
    at: datetime,
) -> Invoice:
    draft = Draft(
        kind=_KIND,
        payer_id=payer.pk,
        asset_id=invoice.asset_id,
        exponent=exponent_of(invoice.asset),
        series_key=SERIES,
        lines=_lines(lines, payer, exponent_of(invoice.asset)),
        corrects_id=invoice.pk,
    )
    applying.tax(drafts=[draft], book=payer.book, at=at)
    if codes := [problem.code for problem in draft.problems if problem.is_critical]:
        raise BlockedDraftError(document=invoice.number, problems=codes)
    more: dict[str, Any] = {
        "corrects": invoice,
        "key": key,
        "purchase_order": invoice.purchase_order,
        "cost_centre": invoice.cost_centre,
    }
    return write(draft, payer=payer, reason=reason, at=at, **more)


def write(
    draft: Draft,
    *,
    payer: Customer,
    reason: str,
    at: datetime,
    is_due_now: bool = False,
    **more: Any,
) -> Invoice:
    """Write a debit note as a draft, taxed already; ``more`` are columns of it."""
    profile = collection.profiles_of(book=payer.book, customer_ids=[payer.pk])[payer.pk]
    note = Invoice.objects.create(
        book_id=payer.book_id,
        kind=_KIND,
        payer=payer,
        asset_id=draft.asset_id,
        reason=reason,
        series_key=SERIES,
        until=at,
        profile_id=profile.id,
        supplier=pending.supplier(payer.book),
        party=pending.parties({payer.pk})[payer.pk],
        tax_decision=draft.tax_decision,
        payment_terms="" if is_due_now else profile.payment_terms,
        drafted_at=at,
        **{name: getattr(draft.totals, name) for name in writing.TOTALS},
        **more,
    )
    writing.insert_lines([(note.pk, draft, writing.line_rows(draft))])
    return note


def _lines(lines: Sequence[Extra], payer: Customer, exponent: int) -> list[DraftLine]:
    if not 0 < len(lines) <= _MOST:
        remedy = f"give 1 to {_MOST} lines"
        raise InvalidInputError(field="lines", value=len(lines), remedy=remedy)
    return [_line(line, payer, exponent) for line in lines]


def _line(line: Extra, payer: Customer, exponent: int) -> DraftLine:
    amount = round_half_away(multiply(exact(line.quantity), exact(line.unit_price)), exponent)
    if amount <= ZERO:
        raise InvalidInputError(field="lines", value=amount, remedy="charge more than zero")
    return DraftLine(
        kind=InvoiceLine.Kind.MANUAL,
        consumer_id=payer.pk,
        description=inputs.name("description", line.description, longest=500),
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=amount,
        due=amount,
        product=inputs.slug("product", line.product) if line.product else "",
        tax_code=own.tax_code(payer, line.tax_code),
    )
