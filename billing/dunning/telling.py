"""Telling what dunning did: events, and mail to the payer's addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.dunning import mails
from billing.dunning.steps import Step
from billing.models import DunningAct, Invoice
from billing.payments.telling import tell as tell_of
from ledger.models import Customer
from ledger.money import text

Act = DunningAct.Act
_KINDS: Final = {
    Act.REMIND: "dunning.reminder",
    Act.RETRY: "dunning.retry",
    Act.SUSPEND: "dunning.suspended",
    Act.RESUME: "dunning.resumed",
    Act.PROPOSE: "dunning.write_off_proposed",
}


def tell(
    act: DunningAct,
    invoice: Invoice,
    payer: Customer,
    *,
    at: datetime,
    step: Step | None = None,
) -> None:
    """Tell what was done about a document, the payer by mail as well if it is for it."""
    kind = Act(act.act)
    emails = invoice.party.get("emails", []) if kind in mails.MAILED else []
    mail = mails.compose(act=kind, step=step, invoice=invoice, at=at) if emails else None
    tell_of(
        _KINDS[kind],
        key=f"dunning:{act.pk}",
        payer=payer,
        data=_said(act, invoice, at),
        at=at,
        emails=emails,
        mail=mail.document if mail else None,
    )


def _said(act: DunningAct, invoice: Invoice, at: datetime) -> dict[str, Any]:
    today = at.astimezone(ZoneInfo(invoice.book.time_zone)).date()
    assert invoice.due_date is not None, "it is overdue"
    return {
        "invoice": invoice.number,
        "invoice_id": str(invoice.pk),
        "open": text(invoice.open),
        "currency": invoice.asset.code,
        "due_date": invoice.due_date.isoformat(),
        "days_overdue": (today - invoice.due_date).days,
        "step": None if act.position is None else act.position + 1,
        "text": act.facts.get("text", ""),
    }
