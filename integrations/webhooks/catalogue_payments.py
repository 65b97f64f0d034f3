"""Types of events about money: payments, refunds, disputes, dunning (pure)."""

from __future__ import annotations

from typing import Any, Final

from integrations.webhooks.event_types import (
    AMOUNT,
    ID,
    INSTANT,
    TEXT,
    WHOLE,
    EventType,
    Schema,
    or_null,
)

_DATE: Final[Schema] = {"type": "string", "format": "date"}
_PAYMENT: Final = {
    "payment": TEXT,
    "payment_id": ID,
    "amount": AMOUNT,
    "currency": TEXT,
    "method": TEXT,
    "rail": TEXT,
    "external_id": TEXT,
    "reference": TEXT,
    "unapplied": AMOUNT,
}
_PAID: Final[dict[str, Any]] = {
    "payment": "MT103-88120",
    "payment_id": "61",
    "amount": "119",
    "currency": "EUR",
    "method": "bank",
    "rail": "main-account",
    "external_id": "2026-03-12/17",
    "reference": "INV-2026-000041",
    "unapplied": "0",
}
_REFUND: Final = {
    "refund": TEXT,
    "refund_id": ID,
    "amount": AMOUNT,
    "currency": TEXT,
    "state": TEXT,
    "rail": TEXT,
    "external_id": TEXT,
    "reason": TEXT,
}
_REFUNDED: Final[dict[str, Any]] = {
    "refund": "refund-7",
    "refund_id": "7",
    "amount": "19",
    "currency": "EUR",
    "state": "requested",
    "rail": "main-account",
    "external_id": "",
    "reason": "Paid twice",
}
_DISPUTE: Final = {
    "dispute": TEXT,
    "dispute_id": ID,
    "payment": TEXT,
    "payment_id": ID,
    "amount": AMOUNT,
    "currency": TEXT,
    "state": TEXT,
    "reason": TEXT,
    "answer_by": or_null(INSTANT),
}
_DISPUTED: Final[dict[str, Any]] = {
    "dispute": "dp_1Q7",
    "dispute_id": "3",
    "payment": "ch_3Nx",
    "payment_id": "61",
    "amount": "119",
    "currency": "EUR",
    "state": "open",
    "reason": "fraudulent",
    "answer_by": "2026-03-20T00:00:00Z",
}
_DUNNING: Final = {
    "invoice": TEXT,
    "invoice_id": ID,
    "open": AMOUNT,
    "currency": TEXT,
    "due_date": _DATE,
    "days_overdue": WHOLE,
    "step": {"type": ["integer", "null"], "minimum": 1},
    "text": TEXT,
}
_DUNNED: Final[dict[str, Any]] = {
    "invoice": "INV-2026-000041",
    "invoice_id": "93",
    "open": "119",
    "currency": "EUR",
    "due_date": "2026-03-31",
    "days_overdue": 3,
    "step": 1,
    "text": "Perhaps it escaped your notice.",
}

ALL: Final = (
    EventType(
        name="payment.recorded",
        title="Payment received",
        when="Money has come; unapplied is what of it is for no document yet.",
        fields=_PAYMENT,
        example=_PAID,
    ),
    EventType(
        name="payment.unapplied",
        title="Payment not matched",
        when="Money has come that is not, or not all, for a document: somebody may look.",
        fields=_PAYMENT,
        example=_PAID | {"reference": "thanks", "unapplied": "119"},
    ),
    EventType(
        name="payment.reversed",
        title="Payment returned",
        when="A payment was taken back; what it had paid is open again.",
        fields=_PAYMENT | {"reason": TEXT},
        example=_PAID | {"reason": "AC04"},
    ),
    EventType(
        name="refund.requested",
        title="Refund requested",
        when="Money is to go back to a payer.",
        fields=_REFUND,
        example=_REFUNDED,
    ),
    EventType(
        name="refund.settled",
        title="Refund paid",
        when="A refund is with the payer.",
        fields=_REFUND,
        example=_REFUNDED | {"state": "settled", "external_id": "re_1"},
    ),
    EventType(
        name="refund.failed",
        title="Refund failed",
        when="A refund did not reach the payer; the money is unapplied again.",
        fields=_REFUND,
        example=_REFUNDED | {"state": "failed", "reason": "The account is closed."},
    ),
    EventType(
        name="dispute.opened",
        title="Payment disputed",
        when="A payer takes a payment back through a bank or card network, which holds it.",
        fields=_DISPUTE,
        example=_DISPUTED,
    ),
    EventType(
        name="dispute.won",
        title="Dispute won",
        when="A dispute was decided for the book, or withdrawn: the money is back.",
        fields=_DISPUTE,
        example=_DISPUTED | {"state": "won"},
    ),
    EventType(
        name="dispute.lost",
        title="Dispute lost",
        when="A dispute was decided for the payer: what the payment had paid is open again.",
        fields=_DISPUTE,
        example=_DISPUTED | {"state": "lost"},
    ),
    EventType(
        name="dunning.reminder",
        title="Payment reminder",
        when="A document is overdue, and its payer is reminded; also by mail.",
        fields=_DUNNING,
        example=_DUNNED,
    ),
    EventType(
        name="dunning.retry",
        title="Payment to be tried again",
        when="A document is overdue, and whoever collects it should try again.",
        fields=_DUNNING,
        example=_DUNNED | {"days_overdue": 7, "step": 2},
    ),
    EventType(
        name="dunning.suspended",
        title="Access suspended",
        when="A payer's access was suspended because of an overdue document; also by mail.",
        fields=_DUNNING,
        example=_DUNNED | {"days_overdue": 14, "step": 3},
    ),
    EventType(
        name="dunning.resumed",
        title="Access restored",
        when="A payer has access again: nothing overdue asks for more; also by mail.",
        fields=_DUNNING,
        example=_DUNNED | {"open": "0", "days_overdue": 15, "step": None, "text": ""},
    ),
    EventType(
        name="dunning.write_off_proposed",
        title="Write-off proposed",
        when="All that was asked for did not help: somebody should decide about a write-off.",
        fields=_DUNNING,
        example=_DUNNED | {"days_overdue": 60, "step": 4},
    ),
)
