"""What payers are written: in their language, in the book's words, with what they need to pay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from billing.dunning.steps import Step, filled
from billing.invoicing.documents import content
from billing.invoicing.documents.presenting import account_rows, grouped
from billing.invoicing.documents.wording import Wording, wording
from billing.models import DunningAct, Invoice
from billing.tax.ids import payment_reference
from ledger.money import ZERO

MAILED: Final = (DunningAct.Act.REMIND, DunningAct.Act.SUSPEND, DunningAct.Act.RESUME)
_TEXT: Final = "billing/mail/dunning.txt"
_HTML: Final = "billing/mail/dunning.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as text and as HTML, and who an answer goes to."""

    subject: str
    text: str
    html: str
    reply_to: str

    @property
    def document(self) -> dict[str, str]:
        """Return it as events carry it."""
        return {
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "reply_to": self.reply_to,
        }


def compose(
    *, act: str, step: Step | None, invoice: Invoice, at: datetime, language: str = ""
) -> Mail:
    """
    Write what was done about a document, in the payer's language or another.

    A step's own subject and text stand in place of the usual ones; what is open, when it was due,
    and how to pay it with which reference stands below in any case.
    """
    locale = language or str(invoice.party.get("locale") or "")
    words = wording(locale)
    spoken = locale.replace("_", "-").partition("-")[0].lower()  # own words may be in any language
    usual, values = words.group("reminders"), _values(invoice, words, at)
    own = step or Step(after_days=1, act=act)
    subject = filled(own.own("subject", spoken) or usual[act], values)
    body = filled(own.own("text", spoken) or usual[f"{act}_text"], values)
    greeting = usual["hello" if values["name"] else "hello_all"]
    context = {
        "language": words.language,
        "subject": subject,
        "greeting": filled(greeting, values),
        "paragraphs": [part for part in body.split("\n\n") if part.strip()],
        "facts": list(_facts(invoice, words, values)),
        "bye": usual["bye"],
        "seller": values["seller"],
    }
    return Mail(
        subject=" ".join(subject.split()),
        text=render_to_string(_TEXT, context),
        html=render_to_string(_HTML, context),
        reply_to="".join(str((invoice.supplier.get("contact") or {}).get("email") or "").split()),
    )


def _values(invoice: Invoice, words: Wording, at: datetime) -> Mapping[str, str]:
    """Return what placeholders stand for."""
    today = at.astimezone(ZoneInfo(invoice.book.time_zone)).date()
    due = invoice.due_date or today
    asset = invoice.asset
    exponent = content.exponent_of(asset.code, asset.scale)
    return {
        "invoice": invoice.number,
        "amount": words.money(invoice.open, asset.code, exponent),
        "due_date": words.date(due),
        "days": str(max((today - due).days, 0)),
        "name": str(invoice.party.get("contact") or ""),
        "seller": str(invoice.supplier.get("legal_name") or invoice.book.name),
        "reference": grouped(payment_reference(invoice.number)),
    }


def _facts(
    invoice: Invoice, words: Wording, values: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    yield words[invoice.kind], values["invoice"]
    if invoice.open <= ZERO:
        return
    yield words.group("reminders")["open"], values["amount"]
    yield words["due_date"], values["due_date"]
    held: Mapping[str, Any] = invoice.supplier
    accounts = [content.account_of(each) for each in held.get("bank_accounts") or ()]
    seller = content.party_of(held, invoice.book.key)
    for label, value in account_rows(accounts, invoice.asset.code, seller, words):
        yield label, value.replace("\u200b", "")
    yield words["reference"], values["reference"]
