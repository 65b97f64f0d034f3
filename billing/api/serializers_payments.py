"""Payments, what they are for, and what goes back, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.models import Allocation, Payment
from billing.payments import left_of
from billing.payments.recording import REFERENCE_THEN_OLDEST, WAYS
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery
from ledger.money import text

_AT: Final = "2026-03-12T12:00:00Z"
MOST: Final = 200  # documents of one allocation


class AllocationOut(serializers.Serializer[Any]):
    """What settled a document, or where money went; one below zero undoes another."""

    id = Id()
    kind = serializers.ChoiceField(Allocation.Kind.choices)
    amount = Amount()
    tax = Amount(help_text="Of what was written off: not owed to the state any more.")
    invoice_id = Id(allow_null=True)
    note_id = Id(allow_null=True, help_text="The credit note it comes from.")
    source_id = Id(allow_null=True, help_text="The unapplied cash it comes from.")
    refund_id = Id(allow_null=True)
    dispute_id = Id(allow_null=True)
    reverses_id = Id(allow_null=True)
    policy = serializers.CharField()
    reason = serializers.CharField()
    cause = serializers.CharField()
    at = Instant()
    transaction_id = Id(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "120",
        "kind": "payment",
        "amount": "119",
        "tax": "0",
        "invoice_id": "41",
        "note_id": None,
        "source_id": "61",
        "refund_id": None,
        "dispute_id": None,
        "reverses_id": None,
        "policy": "reference",
        "reason": "",
        "cause": "key:2ndQh7vWyZ1k",
        "at": _AT,
        "transaction_id": "7411256318656512",
    }


class UnappliedOut(serializers.Serializer[Any]):
    """A payer's money: what of it has gone where, and what is left."""

    id = Id()
    payer_id = Id()
    payer = serializers.CharField(source="payer.key")
    payment_id = Id(allow_null=True)
    note_id = Id(allow_null=True, help_text="The credit note whose balance it is.")
    currency = serializers.CharField(source="asset.code")
    amount = Amount()
    applied = Amount()
    returned = Amount()
    left = serializers.SerializerMethodField()
    waits = serializers.BooleanField(help_text="For somebody to say what it is for.")
    made_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "61",
        "payer_id": "12",
        "payer": "acme",
        "payment_id": "61",
        "note_id": None,
        "currency": "EUR",
        "amount": "130",
        "applied": "119",
        "returned": "0",
        "left": "11",
        "waits": False,
        "made_at": _AT,
    }

    def get_left(self, row: Any) -> str:
        """Write what may still be given."""
        return text(left_of(row))


class PaymentOut(serializers.Serializer[Any]):
    """Money that has come."""

    id = Id()
    key = serializers.CharField()
    payer_id = Id()
    payer = serializers.CharField(source="payer.key")
    currency = serializers.CharField(source="asset.code")
    amount = Amount()
    fee = Amount(help_text="What the rail kept of it.")
    method = serializers.ChoiceField(Payment.Method.choices)
    rail = serializers.CharField()
    external_id = serializers.CharField()
    reference = serializers.CharField()
    note = serializers.CharField()
    received_at = Instant()
    recorded_at = Instant()
    cause = serializers.CharField()
    transaction_id = Id()
    money = UnappliedOut()

    example: ClassVar[dict[str, Any]] = {
        "id": "61",
        "key": "MT103-88120",
        "payer_id": "12",
        "payer": "acme",
        "currency": "EUR",
        "amount": "130",
        "fee": "0",
        "method": "bank",
        "rail": "main-account",
        "external_id": "2026-03-12/17",
        "reference": "INV-2026-000041",
        "note": "",
        "received_at": _AT,
        "recorded_at": _AT,
        "cause": "key:2ndQh7vWyZ1k",
        "transaction_id": "7411256318656512",
        "money": UnappliedOut.example,
    }


class RecordedPaymentIn(Body):
    """Money that has come; told again under the same key, or the rail's own name, it is one."""

    payer = serializers.CharField(max_length=210)
    currency = serializers.CharField(max_length=100)
    amount = Number()
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    method = serializers.ChoiceField(Payment.Method.choices)
    received_at = Instant(required=False, help_text="Now unless given.")
    rail = serializers.CharField(max_length=100, default="", allow_blank=True)
    external_id = serializers.CharField(
        max_length=255, default="", allow_blank=True, trim_whitespace=False
    )
    reference = serializers.CharField(max_length=1000, default="", allow_blank=True)
    fee = Number(default="0")
    note = serializers.CharField(max_length=1000, default="", allow_blank=True)
    allocate = serializers.ChoiceField([(way, way) for way in WAYS], default=REFERENCE_THEN_OLDEST)

    example: ClassVar[dict[str, Any]] = {
        "payer": "acme",
        "currency": "EUR",
        "amount": "130",
        "key": "MT103-88120",
        "method": "bank",
        "received_at": _AT,
        "rail": "main-account",
        "external_id": "2026-03-12/17",
        "reference": "INV-2026-000041",
    }


class PaymentQuery(PageQuery):
    """Which payments."""

    payer = serializers.CharField(required=False, max_length=210)
    method = serializers.ChoiceField(Payment.Method.choices, required=False)
    rail = serializers.CharField(required=False, max_length=100)
    external_id = serializers.CharField(required=False, max_length=255, trim_whitespace=False)
    key = serializers.CharField(required=False, max_length=255, trim_whitespace=False)


class MatchIn(Body):
    """Money that might come, or has: what is it for?"""

    payer = serializers.CharField(max_length=210)
    currency = serializers.CharField(max_length=100)
    amount = Number()
    reference = serializers.CharField(max_length=1000, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "payer": "acme",
        "currency": "EUR",
        "amount": "130",
        "reference": "INV-2026-000041",
    }


class PaymentShareOut(serializers.Serializer[Any]):
    """How much of it a document gets."""

    invoice_id = Id()
    amount = Amount()

    example: ClassVar[dict[str, Any]] = {"invoice_id": "41", "amount": "119"}


class ProposalOut(serializers.Serializer[Any]):
    """What money may be for, the surest first."""

    why = serializers.ChoiceField(
        [(why, why) for why in ("reference", "amount", "everything", "oldest")]
    )
    shares = PaymentShareOut(many=True)

    example: ClassVar[dict[str, Any]] = {"why": "reference", "shares": [PaymentShareOut.example]}


class PaymentShareIn(Body):
    """How much a document is to get."""

    invoice = serializers.CharField(max_length=120)
    amount = Number()

    example: ClassVar[dict[str, Any]] = {"invoice": "INV-2026-000041", "amount": "119"}


class AllocateIn(Body):
    """What money, or a credit note, is for; the oldest due first unless documents are named."""

    allocations = PaymentShareIn(many=True, required=False, max_length=MOST)  # type: ignore[call-arg]

    example: ClassVar[dict[str, Any]] = {"allocations": [PaymentShareIn.example]}


class MoneyReasonIn(Body):
    """Why."""

    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"reason": "The bank returned it: AC04"}


class UnappliedQuery(PageQuery):
    """Which unapplied cash."""

    payer = serializers.CharField(required=False, max_length=210)
