"""
Credit notes that somebody grants: all of a document, some lines, or an amount; taxed as it was.

They leave alone what documents have billed, so that it is not billed again. What a note gives back
first lowers what its document leaves to be paid; the rest goes where ``disposition`` says.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from billing.charging.reading import exponent_of
from billing.invoicing import creditable, issuing, pending, writing
from billing.invoicing.creditable import Amount, Full, Given, Lines, What
from billing.invoicing.errors import NothingToCreditError
from billing.invoicing.facts import Draft, DraftLine
from billing.models import Invoice, InvoiceLine
from billing.payments import dispositions, locking
from billing.payments.errors import DocumentStateError
from billing.payments.writing import Accounts
from billing.taxation import applying
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.periods import Period
from wallets.models import Wallet

__all__ = ["Amount", "Full", "Lines", "NothingToCreditError", "What", "credit", "preview"]

SERIES: Final = "CN"
Disposition = Invoice.Disposition


def credit(
    *,
    invoice: Invoice,
    what: What,
    disposition: str,
    reason: str,
    by: str,
    key: str,
    at: datetime,
    reason_code: str = "",
    wallet: Wallet | None = None,
) -> Invoice:
    """
    Issue a credit note over a document, once per key, and say where what it gives back goes.

    It is set off against the document as far as that is open. The rest is set off against the
    payer's next ones ("offset"), is asked to be paid back ("refund"), or is unapplied cash
    ("credit_balance"), or credit of ``wallet`` if one is named.

    Raises:
        InvalidInputError: no reason, no such disposition, or amounts that cannot be.
        DocumentStateError: it is not issued, is void, or is a credit note.
        NothingToCreditError: less is left to be given back.
        IdempotencyConflictError: the key stands for another document.
    """
    inputs.choice("disposition", disposition, Disposition.values)
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    _check_wallet(invoice, disposition, wallet)
    with refusals(), transaction.atomic():
        payer = locking.payer(invoice.payer_id)
        note = Invoice.objects.filter(book=payer.book_id, key=key).first()
        if note is not None and not _is_same(note, invoice, what, disposition):
            raise IdempotencyConflictError(key=key)
        if note is None:
            invoice = _lock(invoice)
            note = _draft(
                invoice, payer, what, disposition=disposition, reason=reason,
                reason_code=reason_code, key=key, at=at,
            )  # fmt: skip
            # Numbers are taken last: what happens to the note after it has one is locked before.
            Accounts(payer, invoice.asset_id, at).lock()
            issuing.issue(invoice_ids=[note.pk], at=at, by=by)
            dispositions.settle(note, payer=payer, by=by, at=at)
    if wallet is not None:
        dispositions.to_wallet(note=note, wallet=wallet, by=by, at=at)
    return Invoice.objects.select_related("payer", "asset", "book", "corrects").get(pk=note.pk)


def preview(*, invoice: Invoice, what: What) -> list[Given]:
    """Return what a credit note would give back of each line; errors as ``credit``."""
    locking.check_payable(invoice, payer_id=invoice.payer_id, asset_id=invoice.asset_id)
    exponent = exponent_of(invoice.asset)
    return creditable.given(what, invoice.pk, exponent)


_KIND: Final = Invoice.Kind.CREDIT_NOTE


def _is_same(note: Invoice, invoice: Invoice, what: What, disposition: str) -> bool:
    said = (invoice.pk, _KIND, disposition)
    if (note.corrects_id, note.kind, note.disposition) != said:
        return False
    if isinstance(what, Amount):
        return bool(note.total == what.total)
    given = dict(note.lines.values_list("corrects_line", "due"))
    wanted = what.amounts if isinstance(what, Lines) else {}
    return all(amount in {None, given.get(line)} for line, amount in wanted.items())


def _check_wallet(invoice: Invoice, disposition: str, wallet: Wallet | None) -> None:
    if wallet is None:
        return
    if disposition != Disposition.CREDIT_BALANCE or wallet.asset_id != invoice.asset_id:
        remedy = "name a wallet in the document's currency for a credit balance"
        raise InvalidInputError(field="wallet", value=wallet.key, remedy=remedy)
    if wallet.customer.book_id != invoice.book_id or wallet.origin:
        remedy = "name a wallet of money in the document's book"
        raise InvalidInputError(field="wallet", value=wallet.key, remedy=remedy)


def _lock(invoice: Invoice) -> Invoice:
    locking.documents([invoice.pk])
    invoice = Invoice.objects.select_related("asset", "book").get(pk=invoice.pk)
    if invoice.kind == _KIND or invoice.state in locking.NOT_PAYABLE:
        remedy = "credit an issued invoice or debit note"
        raise DocumentStateError(
            invoice=invoice.number or invoice.pk, state=invoice.state, remedy=remedy
        )
    if invoice.lines.filter(kind=InvoiceLine.Kind.RETURNED).exists():
        remedy = "nothing was sold by it: write off what will not be paid"
        raise DocumentStateError(invoice=invoice.number, state=invoice.state, remedy=remedy)
    return invoice


def _draft(
    invoice: Invoice,
    payer: Customer,
    what: What,
    *,
    disposition: str,
    reason: str,
    reason_code: str,
    key: str,
    at: datetime,
) -> Invoice:
    exponent = exponent_of(invoice.asset)
    given = creditable.given(what, invoice.pk, exponent)
    draft = Draft(
        kind=_KIND,
        payer_id=payer.pk,
        asset_id=invoice.asset_id,
        exponent=exponent,
        series_key=SERIES,
        lines=_lines(given),
        corrects_id=invoice.pk,
        tax_date=invoice.tax_date,
    )
    applying.tax(drafts=[draft], book=payer.book, at=at)
    totals = {name: getattr(draft.totals, name) for name in writing.TOTALS}
    note = Invoice.objects.create(
        book_id=payer.book_id,
        kind=_KIND,
        payer=payer,
        asset=invoice.asset,
        group_key=invoice.group_key,
        corrects=invoice,
        key=key,
        reason=reason,
        reason_code=inputs.name("reason_code", reason_code, longest=40, may_be_empty=True),
        disposition=disposition,
        series_key=SERIES,
        until=at,
        period_starts_at=invoice.period_starts_at,
        period_ends_at=invoice.period_ends_at,
        profile=invoice.profile,
        supplier=pending.supplier(payer.book),
        party=pending.parties({payer.pk})[payer.pk],
        tax_decision=draft.tax_decision,
        tax_date=invoice.tax_date,
        purchase_order=invoice.purchase_order,
        cost_centre=invoice.cost_centre,
        drafted_at=at,
        **totals,
    )
    writing.insert_lines([(note.pk, draft, writing.line_rows(draft))])
    return note


def _lines(given: list[Given]) -> list[DraftLine]:
    known = InvoiceLine.objects.in_bulk([one.rest.line_id for one in given])
    return [_line(known[one.rest.line_id], one) for one in given if one.amount]


def _line(was: InvoiceLine, given: Given) -> DraftLine:
    starts_at, ends_at = was.period_starts_at, was.period_ends_at
    return DraftLine(
        kind=InvoiceLine.Kind.CREDIT,
        consumer_id=was.consumer_id,
        beneficiary_id=was.beneficiary_id,
        description=was.description,
        period=Period(starts_at, ends_at) if starts_at and ends_at else None,
        amount=given.amount,
        due=given.amount,
        corrects_line_id=was.pk,
        product=was.product,
        tax_code=was.tax_code,
        is_inclusive=was.is_inclusive,
        taxable=given.taxable,
        tax=given.tax,
    )
