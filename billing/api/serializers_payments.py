"""Payments, what they are for, and what goes back, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.models import Allocation, Claim, Dispute, Payment, Refund
from billing.payments import left_of
from billing.payments.claims import Outcome
from billing.payments.disputes import DECISIONS
from billing.payments.recording import REFERENCE_THEN_OLDEST, WAYS
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery, Query
from ledger.money import text

_AT: Final = "2026-03-12T12:00:00Z"
ID: Final = r"^[0-9]{1,19}$"
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

    source = serializers.RegexField(  # type: ignore[assignment]
        ID, help_text="The id of the unapplied cash."
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

    payment = serializers.RegexField(ID)
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


class UnappliedQuery(PageQuery):
    """Which unapplied cash."""

    payer = serializers.CharField(required=False, max_length=210)


class AgeingQuery(Query):
    """As of when, and for whom."""

    at = Instant(required=False, help_text="Now unless given.")
    payer = serializers.CharField(required=False, max_length=210)


class AgedOut(serializers.Serializer[Any]):
    """What one payer owes in one currency."""

    payer_id = Id()
    payer = serializers.CharField(source="payer_key")
    name = serializers.CharField(source="payer_name")
    currency = serializers.CharField()
    owed = serializers.ListField(child=Amount(), help_text="By the buckets, in their order.")
    total = Amount()
    overdue = Amount()
    credits = Amount()
    unapplied = Amount()
    net = Amount()
    documents = serializers.IntegerField()

    example: ClassVar[dict[str, Any]] = {
        "payer_id": "12",
        "payer": "acme",
        "name": "ACME",
        "currency": "EUR",
        "owed": ["119", "0", "40", "0", "0"],
        "total": "159",
        "overdue": "40",
        "credits": "0",
        "unapplied": "11",
        "net": "148",
        "documents": 2,
    }


class AgeingOut(serializers.Serializer[Any]):
    """Who owes what for how long."""

    at = Instant()
    buckets = serializers.ListField(child=serializers.CharField(), source="labels")
    data = AgedOut(many=True, source="rows")  # type: ignore[assignment]
    sums = AgedOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "at": _AT,
        "buckets": ["not due", "1–30 days", "31–60 days", "61–90 days", "over 90 days"],
        "data": [AgedOut.example],
        "sums": [AgedOut.example | {"payer_id": "0", "payer": "", "name": ""}],
    }


class AccountStatementQuery(Query):
    """Of which currency, from when until when."""

    currency = serializers.CharField(max_length=100)
    starts_at = Instant()
    ends_at = Instant()
    format = serializers.ChoiceField([("json", "json"), ("csv", "csv")], required=False)


class AccountStatementLineOut(serializers.Serializer[Any]):
    """One movement: above zero is owed more, below less."""

    at = Instant()
    kind = serializers.CharField()
    name = serializers.CharField()
    number = serializers.CharField()
    text = serializers.CharField()
    amount = Amount()
    balance = Amount()

    example: ClassVar[dict[str, Any]] = {
        "at": _AT,
        "kind": "payment",
        "name": "Payment",
        "number": "2026-03-12/17",
        "text": "INV-2026-000041",
        "amount": "-130",
        "balance": "-11",
    }


class AccountStatementOut(serializers.Serializer[Any]):
    """A payer's statement of account; balances are what is owed less unapplied cash."""

    payer_id = Id(source="payer.pk")
    payer = serializers.CharField(source="payer.key")
    currency = serializers.CharField(source="asset.code")
    starts_at = Instant()
    ends_at = Instant()
    opening = Amount()
    closing = Amount()
    lines = AccountStatementLineOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "payer_id": "12",
        "payer": "acme",
        "currency": "EUR",
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2026-04-01T00:00:00Z",
        "opening": "119",
        "closing": "-11",
        "lines": [AccountStatementLineOut.example],
    }
