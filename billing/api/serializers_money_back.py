"""Refunds, write-offs, disputes, and who collects a document, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.models import Claim, Dispute, Refund
from billing.payments.claims import Outcome
from billing.payments.disputes import DECISIONS
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery

_AT: Final = "2026-03-12T12:00:00Z"
_ID: Final = r"^[0-9]{1,19}$"


class RefundOut(serializers.Serializer[Any]):
    """Money that goes back."""

    id = Id()
    key = serializers.CharField()
    source_id = Id()
    payer_id = Id()
    currency = serializers.CharField(source="asset.code")
    amount = Amount()
    state = serializers.ChoiceField(Refund.State.choices)
    rail = serializers.CharField()
    external_id = serializers.CharField()
    reason = serializers.CharField()
    failure = serializers.CharField()
    cause = serializers.CharField()
    requested_at = Instant()
    sent_at = Instant(allow_null=True)
    closed_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "key": "refund-7",
        "source_id": "61",
        "payer_id": "12",
        "currency": "EUR",
        "amount": "11",
        "state": "requested",
        "rail": "main-account",
        "external_id": "",
        "reason": "Paid twice",
        "failure": "",
        "cause": "key:2ndQh7vWyZ1k",
        "requested_at": _AT,
        "sent_at": None,
        "closed_at": None,
    }


class RefundIn(Body):
    """Unapplied cash that is to go back; all that is left of it unless an amount is given."""

    source = serializers.RegexField(  # type: ignore[assignment]  # over DRF's own
        _ID, help_text="The id of the unapplied cash."
    )
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    amount = Number(required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)
    rail = serializers.CharField(max_length=100, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "source": "61",
        "key": "refund-7",
        "amount": "11",
        "reason": "Paid twice",
    }


class RefundStepIn(Body):
    """What a rail says of a refund."""

    external_id = serializers.CharField(
        max_length=255, default="", allow_blank=True, trim_whitespace=False
    )

    example: ClassVar[dict[str, Any]] = {"external_id": "re_1Q7"}


class RefundQuery(PageQuery):
    """Which refunds."""

    payer = serializers.CharField(required=False, max_length=210)
    state = serializers.ChoiceField(Refund.State.choices, required=False)


class WriteOffIn(Body):
    """What will not be paid: all that is open unless an amount is given."""

    invoice = serializers.CharField(max_length=120)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    amount = Number(required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)
    relieves_tax = serializers.BooleanField(
        default=True, help_text="Its tax is not owed to the state any more."
    )

    example: ClassVar[dict[str, Any]] = {
        "invoice": "INV-2026-000041",
        "key": "insolvency-17",
        "reason": "Insolvent",
    }


class WriteOffQuery(PageQuery):
    """Which write-offs."""

    payer = serializers.CharField(required=False, max_length=210)


class DisputeOut(serializers.Serializer[Any]):
    """A payment that its payer takes back through a bank or card network."""

    id = Id()
    key = serializers.CharField()
    payment_id = Id()
    external_id = serializers.CharField()
    currency = serializers.CharField(source="payment.asset.code")
    amount = Amount()
    fee = Amount()
    state = serializers.ChoiceField(Dispute.State.choices)
    reason = serializers.CharField()
    decision = serializers.CharField()
    cause = serializers.CharField()
    opened_at = Instant()
    answer_by = Instant(allow_null=True)
    decided_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "dp_1Q7",
        "payment_id": "61",
        "external_id": "dp_1Q7",
        "currency": "EUR",
        "amount": "119",
        "fee": "15",
        "state": "open",
        "reason": "fraudulent",
        "decision": "",
        "cause": "key:2ndQh7vWyZ1k",
        "opened_at": _AT,
        "answer_by": "2026-03-20T00:00:00Z",
        "decided_at": None,
    }


class DisputeIn(Body):
    """A payment that is disputed: all of it unless an amount is given."""

    payment = serializers.RegexField(_ID)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    amount = Number(required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)
    external_id = serializers.CharField(
        max_length=255, default="", allow_blank=True, trim_whitespace=False
    )
    fee = Number(default="0")
    answer_by = Instant(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "payment": "61",
        "key": "dp_1Q7",
        "reason": "fraudulent",
        "external_id": "dp_1Q7",
        "fee": "15",
    }


class DecisionIn(Body):
    """How a dispute ended."""

    outcome = serializers.ChoiceField([(one.value, one.value) for one in DECISIONS])
    decision = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"outcome": "won", "decision": "The evidence was accepted"}


class DisputeQuery(PageQuery):
    """Which disputes."""

    state = serializers.ChoiceField(Dispute.State.choices, required=False)


class ClaimOut(serializers.Serializer[Any]):
    """Who alone may collect a document."""

    id = Id()
    invoice_id = Id()
    owner = serializers.CharField()
    key = serializers.CharField()
    claimed_at = Instant()
    lease_until = Instant()
    released_at = Instant(allow_null=True)
    outcome = serializers.ChoiceField([("", ""), *Claim.Outcome.choices])

    example: ClassVar[dict[str, Any]] = {
        "id": "9",
        "invoice_id": "41",
        "owner": "stripe:main",
        "key": "attempt-1",
        "claimed_at": _AT,
        "lease_until": "2026-03-12T12:10:00Z",
        "released_at": None,
        "outcome": "",
    }


class ClaimIn(Body):
    """Who wants to collect a document, for how long."""

    owner = serializers.CharField(max_length=100, trim_whitespace=False)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    seconds = serializers.IntegerField(min_value=1, max_value=86_400, default=600)

    example: ClassVar[dict[str, Any]] = {"owner": "stripe:main", "key": "attempt-1", "seconds": 600}


class ReleaseIn(Body):
    """How an attempt ended; unknown keeps the claim whatever its lease."""

    owner = serializers.CharField(max_length=100, trim_whitespace=False)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    outcome = serializers.ChoiceField(
        [(one.value, one.value) for one in (Outcome.PAID, Outcome.FAILED, Outcome.RELEASED,
                                            Outcome.UNKNOWN)]
    )  # fmt: skip

    example: ClassVar[dict[str, Any]] = {
        "owner": "stripe:main",
        "key": "attempt-1",
        "outcome": "failed",
    }
