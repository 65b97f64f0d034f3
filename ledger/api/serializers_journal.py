"""Statements, transactions, periods and seals in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery, Query
from ledger.models import Account, Period

_AT = "2026-03-01T12:00:00Z"


class StatementQuery(PageQuery):
    """Which part of a statement."""

    starts_at = Instant(required=False)
    ends_at = Instant(required=False)


class EntryOut(serializers.Serializer[Any]):
    """An amount moved from the credit account to the debit account."""

    id = Id()
    transaction_id = Id()
    debit_account_id = Id()
    credit_account_id = Id()
    asset = serializers.SerializerMethodField()
    amount = Amount()
    effective_at = Instant()
    source_id = Id(allow_null=True)

    example = {
        "id": "152206408237056001",
        "transaction_id": "152206408237056000",
        "debit_account_id": "4611967493404098561",
        "credit_account_id": "281479271677953",
        "asset": "USD",
        "amount": "0.0125",
        "effective_at": _AT,
        "source_id": "152206408233811969",
    }

    @extend_schema_field({"type": "string"})
    def get_asset(self, entry: Any) -> str:
        """Return the code of the asset that the entry's accounts hold."""
        code: str = self.context["codes"](entry.debit_account_id)
        return code


class TransactionOut(serializers.Serializer[Any]):
    """An atomic set of entries, recorded once under its key."""

    id = Id()
    kind = serializers.CharField()
    key = serializers.CharField()
    effective_at = Instant()
    posted_at = Instant()
    period_id = Id()
    reverses_id = Id(allow_null=True)
    cause = serializers.CharField()
    memo = serializers.CharField()
    metadata = serializers.DictField()

    example: ClassVar[dict[str, Any]] = {
        "id": "152206408237056000",
        "kind": "grant",
        "key": "grant:31",
        "effective_at": _AT,
        "posted_at": _AT,
        "period_id": "3",
        "reverses_id": None,
        "cause": "",
        "memo": "Welcome credit",
        "metadata": {},
    }


class TransactionQuery(PageQuery):
    """Which transactions, newest first."""

    kind = serializers.CharField(required=False, max_length=100)
    key = serializers.CharField(required=False, max_length=500, trim_whitespace=False)
    effective_from = Instant(required=False)
    effective_to = Instant(required=False)
    posted_from = Instant(required=False)
    posted_to = Instant(required=False)


class ReversedAmount(Body):
    """How much of an entry."""

    entry_id = serializers.RegexField(r"^[0-9]{1,19}$")
    amount = Number()


class ReversalIn(Body):
    """What is to be reversed, and why."""

    amounts = ReversedAmount(
        many=True, required=False, help_text="Entries to reverse in part; all in full unless given."
    )
    effective_at = Instant(required=False, help_text="Now unless given.")
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example = {"reason": "Granted twice by mistake"}


class PeriodOut(serializers.Serializer[Any]):
    """A month of the book."""

    id = Id()
    starts_at = Instant()
    ends_at = Instant()
    state = serializers.ChoiceField(Period.State.choices)
    closed_at = Instant(allow_null=True)

    example = {
        "id": "3",
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2026-04-01T00:00:00Z",
        "state": "open",
        "closed_at": None,
    }


class PeriodQuery(PageQuery):
    """Which periods, newest first."""

    state = serializers.ChoiceField(Period.State.choices, required=False)


class TrialRowOut(serializers.Serializer[Any]):
    """All accounts of one purpose in one asset; opening and closing are debits less credits."""

    type = serializers.ChoiceField(Account.Type.choices)
    purpose = serializers.CharField()
    asset = serializers.CharField()
    opening = Amount()
    debits = Amount()
    credits = Amount()
    closing = Amount()

    example = {
        "type": "income",
        "purpose": "usage_revenue",
        "asset": "USD",
        "opening": "0",
        "debits": "0",
        "credits": "12.5",
        "closing": "-12.5",
    }


class TrialBalanceQuery(Query):
    """Of a period, or of everything that happened before an instant."""

    period = serializers.RegexField(r"^[0-9]{1,19}$", required=False, help_text="A period's id.")
    as_of = Instant(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse both at once."""
        if len(attrs) > 1:
            raise serializers.ValidationError({"as_of": "Send a period or an instant, not both."})
        return attrs


class TrialBalanceOut(serializers.Serializer[Any]):
    """A book's balances, which balance."""

    book = serializers.CharField()
    period_id = Id(allow_null=True)
    as_of = Instant(allow_null=True)
    rows = TrialRowOut(many=True)

    example = {"book": "acme", "period_id": "3", "as_of": None, "rows": [TrialRowOut.example]}


class SealOut(serializers.Serializer[Any]):
    """The head of the hash chain; keep it elsewhere, and a cut-off tail shows."""

    seq = Id()
    hash = serializers.SerializerMethodField()
    transactions = serializers.IntegerField()
    entries = serializers.IntegerField()
    last_transaction_id = Id()
    sealed_at = Instant()

    example = {
        "seq": "118",
        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "transactions": 40,
        "entries": 80000,
        "last_transaction_id": "152206408237056000",
        "sealed_at": _AT,
    }

    @extend_schema_field({"type": "string", "pattern": "^[0-9a-f]{64}$"})
    def get_hash(self, seal: Any) -> str:
        """Return the hash as hexadecimal text."""
        return bytes(seal.hash).hex()


class VerificationOut(serializers.Serializer[Any]):
    """How far the journal is sealed."""

    head = SealOut(allow_null=True)
    unsealed_seconds = serializers.FloatField(
        help_text="How long the oldest transaction without a seal has waited."
    )

    example = {"head": SealOut.example, "unsealed_seconds": 0.4}
