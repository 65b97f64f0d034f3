"""Taxes of drafts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.invoicing.composing import credit_of
from billing.invoicing.facts import Draft, DraftTax, Totals
from ledger.models import Book
from ledger.money import ZERO, add, subtract, total


def tax(*, drafts: Sequence[Draft], book: Book, at: datetime) -> list[Draft]:
    """Return drafts with their taxes and sums: outside the scope of tax, all of them."""
    for draft in drafts:
        _untaxed(draft)
    return list(drafts)


def _untaxed(draft: Draft) -> None:
    for line in draft.lines:
        line.category = line.category or "O"
        line.taxable = subtract(line.amount, credit_of(line, draft.paid_credit))
    taxable = total(line.taxable for line in draft.lines)
    prepaid = ZERO
    if draft.paid_credit == "as_payment":
        prepaid = total(line.paid for line in draft.lines)
    subtotal = total(line.amount for line in draft.lines)
    draft.totals = Totals(
        subtotal=subtotal,
        credit=subtract(subtotal, taxable),
        taxable=taxable,
        total=add(taxable, ZERO),
        prepaid=prepaid,
        due=subtract(taxable, prepaid),
    )
    draft.taxes = []
    if draft.lines:
        draft.taxes = [
            DraftTax(jurisdiction="", category="O", percentage=ZERO, base=taxable, tax=ZERO)
        ]
