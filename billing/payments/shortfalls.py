"""
What a bank or card network takes back of a payment whose money had left already: refunded, say.

The payer owes it again, by a debit note that is due at once and has no tax on it, since nothing is
sold. It stands on the receivable, so that it is aged, dunned, paid and written off as all else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.charging.reading import exponent_of
from billing.invoicing import debit_notes, issuing
from billing.invoicing.facts import Draft, DraftLine, DraftTax, Totals
from billing.models import Allocation, Dispute, Invoice, InvoiceLine, Unapplied
from billing.payments import writing
from billing.payments.writing import Part
from billing.tax.facts import VATEX, Category
from ledger.models import Customer

REASON: Final = "payment_returned"
_NOTE: Final = "A payment that was taken back: outside the scope of tax."


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """By whom and why money is taken back, and the account that it leaves to."""

    payer: Customer  # locked
    against: str
    reason: str
    by: str
    at: datetime
    key: str = ""
    dispute: Dispute | None = None


def charge(money: Unapplied, amount: Decimal, told: TakenBack) -> Allocation:
    """Charge a payer what has left."""
    note = debit_notes.write(
        _draft(money, amount, told.against),
        payer=told.payer,
        reason=told.reason,
        at=told.at,
        is_due_now=True,
        reason_code=REASON,
    )
    issuing.issue(invoice_ids=[note.pk], at=told.at, by=told.by)
    part = Part(
        kind=Allocation.Kind.SHORTFALL,
        amount=amount,
        source_id=money.pk,
        invoice_id=note.pk,
        dispute=told.dispute,
        reason=told.reason,
    )
    return write(part, money, told)


def write(part: Part, money: Unapplied, told: TakenBack, *, posting_key: str = "") -> Allocation:
    """Write a row of what is taken back, and post it where it moves something."""
    return writing.write(
        [part],
        payer=told.payer,
        asset_id=money.asset_id,
        kind="payment",
        posting_key=posting_key,
        key=told.key,
        cause=told.by,
        at=told.at,
        memo=told.reason,
    )[0]


def _draft(money: Unapplied, amount: Decimal, against: str) -> Draft:
    category = Category.OUTSIDE
    line = DraftLine(
        kind=InvoiceLine.Kind.RETURNED,
        consumer_id=money.payer_id,
        description=f"Payment {money} was taken back",
        details={"taken_from": against},
        quantity=Decimal(1),
        unit_price=amount,
        amount=amount,
        due=amount,
        category=category.value,
        taxable=amount,
    )
    tax = DraftTax(
        jurisdiction="",
        category=category.value,
        percentage=Decimal(0),
        base=amount,
        tax=Decimal(0),
        code=VATEX[category],
        note=_NOTE,
    )
    return Draft(
        kind=Invoice.Kind.DEBIT_NOTE,
        payer_id=money.payer_id,
        asset_id=money.asset_id,
        exponent=exponent_of(money.asset),
        series_key=debit_notes.SERIES,
        lines=[line],
        taxes=[tax],
        totals=Totals(subtotal=amount, taxable=amount, total=amount, due=amount),
    )
