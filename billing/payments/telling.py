"""
Telling what happened to money, in the transaction in which it did.

``integrations/webhooks/catalogue_payments.py`` says which events there are and what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.models import Dispute, Payment, Refund, Unapplied
from ledger import outbox
from ledger.models import Customer
from ledger.money import subtract, text, total


def tell(
    kind: str,
    *,
    key: str,
    payer: Customer,
    data: Mapping[str, Any],
    at: datetime,
    emails: Sequence[str] = (),
    mail: Mapping[str, str] | None = None,
) -> None:
    """
    Tell an event of a payer, once per key; ``emails`` are to have it by mail, too.

    ``mail`` is what that says (subject, text, html, reply_to); none: the event's data.
    """
    payload: dict[str, Any] = {
        "type": kind,
        "book": payer.book_id,
        "customer": payer.key,
        "data": dict(data),
    }
    if emails:
        payload["emails"] = list(emails)
    if emails and mail:
        payload["mail"] = dict(mail)
    outbox.publish(topic="event", key=key, payload=payload, at=at)


def of_payment(payment: Payment, money: Unapplied) -> dict[str, Any]:
    """Return what events say of a payment."""
    left = subtract(money.amount, total([money.applied, money.returned]))
    return {
        "payment": payment.key,
        "payment_id": str(payment.pk),
        "amount": text(payment.amount),
        "currency": payment.asset.code,
        "method": payment.method,
        "rail": payment.rail,
        "external_id": payment.external_id,
        "reference": payment.reference,
        "unapplied": text(left),
    }


def of_refund(refund: Refund) -> dict[str, Any]:
    """Return what events say of a refund."""
    return {
        "refund": refund.key,
        "refund_id": str(refund.pk),
        "amount": text(refund.amount),
        "currency": refund.asset.code,
        "state": refund.state,
        "rail": refund.rail,
        "external_id": refund.external_id,
        "reason": refund.failure or refund.reason,
    }


def of_dispute(dispute: Dispute) -> dict[str, Any]:
    """Return what events say of a dispute."""
    return {
        "dispute": dispute.key,
        "dispute_id": str(dispute.pk),
        "payment": dispute.payment.key,
        "payment_id": str(dispute.payment_id),
        "amount": text(dispute.amount),
        "currency": dispute.payment.asset.code,
        "state": dispute.state,
        "reason": dispute.decision or dispute.reason,
        "answer_by": dispute.answer_by.isoformat() if dispute.answer_by else None,
    }
