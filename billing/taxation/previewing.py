"""What a sale would bear, before anything is sold."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from billing.invoicing.facts import Draft, DraftLine
from billing.models import InvoiceLine, TaxCode
from billing.taxation import applying
from ledger.errors import NotFoundError
from ledger.models import Customer
from ledger.money import ONE


def preview(
    *, customer: Customer, tax_code: str, at: datetime, on: date | None = None
) -> dict[str, Any]:
    """
    Return the decision that a draft for the customer would come to, with its problems.

    Raises:
        NotFoundError: a tax code that the book does not have.
    """
    book = customer.book
    if tax_code and not TaxCode.objects.filter(book=book, key=tax_code).exists():
        raise NotFoundError(tax_code=tax_code)
    line = DraftLine(
        kind=InvoiceLine.Kind.MANUAL,
        consumer_id=customer.pk,
        description="",
        amount=ONE,
        due=ONE,
        tax_code=tax_code,
    )
    draft = Draft(
        kind="invoice", payer_id=customer.pk, asset_id=0, exponent=2, lines=[line], tax_date=on
    )
    (made,) = applying.tax(drafts=[draft], book=book, at=at)
    (decision,) = made.tax_decision["decisions"]
    return {**decision, "problems": [asdict(problem) for problem in made.problems]}
