"""Ageing and statements of account in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.payments.printing import FORMATS
from ledger.api.fields import LANGUAGE, Amount, Id, Instant, Query

_AT: Final = "2026-03-12T12:00:00Z"


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
    data = AgedOut(many=True, source="rows")  # type: ignore[assignment]  # over DRF's own
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
    format = serializers.ChoiceField([(one, one) for one in ("json", *FORMATS)], required=False)
    language = serializers.RegexField(
        LANGUAGE,
        required=False,
        max_length=20,
        help_text="Of the PDF: the payer's own if not given.",
    )


class ReceiptQuery(Query):
    """In which language."""

    language = serializers.RegexField(
        LANGUAGE, required=False, max_length=20, help_text="The customer's own if not given."
    )


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
