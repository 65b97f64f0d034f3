"""A receipt for credit that was bought, in a reader's words, ready to be set (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.invoicing.documents.presenting import breakable, party_shown
from billing.invoicing.documents.printable import PrintedParty
from billing.invoicing.documents.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedReceipt:
    """All that a receipt says, in no language; it is no tax invoice."""

    seller: PrintedParty
    buyer: PrintedParty
    buyer_key: str
    number: str
    payment: str  # as the rail calls it
    paid_on: date
    credit: Decimal
    credit_unit: str
    price: Decimal
    given_back: Decimal
    currency: str
    exponent: int
    is_taxed_when_used: bool


def present_receipt(printed: PrintedReceipt, words: Wording) -> dict[str, Any]:
    """Return what the template of receipts shows, as JSON can carry it."""
    said = words.group("receipt")

    def money(amount: Decimal) -> str:
        return words.money(amount, printed.currency, printed.exponent)

    facts = [
        (words["number"], printed.number),
        (said["paid_on"], words.date(printed.paid_on)),
        (said["payment"], printed.payment),
        (words["customer"], printed.buyer_key),
    ]
    bought = said["credit"].format(amount=words.number(printed.credit), unit=printed.credit_unit)
    rows = [[bought, money(printed.price)]]
    if printed.given_back:
        rows.append([said["given_back"], money(printed.given_back.copy_negate())])
    notes = [said["no_invoice"]] + ([said["taxed_later"]] if printed.is_taxed_when_used else [])
    return {
        "language": words.language,
        "title": said["title"],
        "number": printed.number,
        "words": {"bill_to": words["customer"], "description": words["description"],
                  "amount": words["amount"]},
        "page": words["page"],
        "seller": party_shown(printed.seller, words),
        "buyer": party_shown(printed.buyer, words),
        "facts": [[label, breakable(value)] for label, value in facts if value],
        "due": {"label": said["paid"], "amount": money(printed.price)},
        "rows": rows,
        "notes": notes,
    }  # fmt: skip
