"""Reports of revenue, of what is owed in service, and of commitments, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Instant, Query


class SpanQuery(Query):
    """Of which time."""

    to = Instant(help_text="Up to this instant, without it.")

    def get_fields(self) -> dict[str, Any]:
        """Add the parameter whose name is no Python name."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant(help_text="From this instant on.")
        return fields


class RevenueQuery(SpanQuery):
    """Of which accounting periods, and what is told apart."""

    group = serializers.CharField(
        default="product,month",
        max_length=100,
        help_text="Of product, month and source, with commas.",
    )


class ContractBalanceQuery(SpanQuery):
    """Of which time, and of whom."""

    customer = serializers.CharField(required=False, max_length=210)


class AtQuery(Query):
    """As of when."""

    as_of = Instant(required=False, help_text="Before this instant; now unless sent.")


class TieOut(serializers.Serializer[Any]):
    """What a report says of an account, and what the trial balance says; debits less credits."""

    report = serializers.CharField()
    purpose = serializers.CharField()
    asset = serializers.CharField()
    said = Amount()
    trial_balance = Amount()
    difference = Amount(help_text="Zero, or something was posted past the report.")

    example: ClassVar[dict[str, Any]] = {
        "report": "revenue",
        "purpose": "usage_revenue",
        "asset": "USD",
        "said": "-125.5",
        "trial_balance": "-125.5",
        "difference": "0",
    }


class RevenueRowOut(serializers.Serializer[Any]):
    """What was earned; below zero: given away. What is not told apart is empty."""

    asset = serializers.CharField()
    product = serializers.CharField()
    month = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # over DRF's own
    amount = Amount()

    example: ClassVar[dict[str, Any]] = {
        "asset": "USD",
        "product": "llm-tokens",
        "month": "2026-03",
        "source": "",
        "amount": "125.5",
    }


class RevenueOut(serializers.Serializer[Any]):
    """Recognised revenue."""

    rows = RevenueRowOut(many=True)
    totals = serializers.DictField(child=Amount(), help_text="Net, by asset.")
    ties = TieOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "rows": [RevenueRowOut.example],
        "totals": {"USD": "125.5"},
        "ties": [TieOut.example],
    }


class FeeRowOut(serializers.Serializer[Any]):
    """Fees paid in advance: opening + billed - returned - earned = closing."""

    asset = serializers.CharField()
    opening = Amount()
    billed = Amount()
    returned = Amount()
    earned = Amount()
    closing = Amount()

    example: ClassVar[dict[str, Any]] = {
        "asset": "USD",
        "opening": "60",
        "billed": "90",
        "returned": "0",
        "earned": "31",
        "closing": "119",
    }


class CreditRowOut(serializers.Serializer[Any]):
    """Credit: opening + sold + granted - consumed - expired - refunded = closing."""

    asset = serializers.CharField()
    opening = Amount()
    sold = Amount()
    granted = Amount()
    consumed = Amount()
    expired = Amount()
    refunded = Amount()
    closing = Amount()
    difference = Amount()

    example: ClassVar[dict[str, Any]] = {
        "asset": "USD",
        "opening": "0",
        "sold": "100",
        "granted": "10",
        "consumed": "40",
        "expired": "0",
        "refunded": "0",
        "closing": "70",
        "difference": "0",
    }


class DeferredOut(serializers.Serializer[Any]):
    """How what is owed in service moved."""

    fees = FeeRowOut(many=True)
    credit = CreditRowOut(many=True)
    ties = TieOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "fees": [FeeRowOut.example],
        "credit": [CreditRowOut.example],
        "ties": [TieOut.example],
    }


class BalancesOut(serializers.Serializer[Any]):
    """What stands of one customer; what is owed to it is above zero, too."""

    unbilled = Amount(help_text="A contract asset: not invoiced yet.")
    receivable = Amount()
    deferred = Amount(help_text="A contract liability: fees paid in advance.")
    credit = Amount(help_text="A contract liability: prepaid credit.")
    unapplied = Amount(help_text="Money without a purpose yet.")

    example: ClassVar[dict[str, Any]] = {
        "unbilled": "12",
        "receivable": "100",
        "deferred": "60",
        "credit": "0",
        "unapplied": "0",
    }


class ContractRowOut(serializers.Serializer[Any]):
    """One customer in one asset, at the beginning and at the end."""

    customer = serializers.CharField()
    asset = serializers.CharField()
    opening = BalancesOut()
    closing = BalancesOut()

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "asset": "USD",
        "opening": BalancesOut.example,
        "closing": BalancesOut.example,
    }


class ContractBalancesOut(serializers.Serializer[Any]):
    """Contract assets, receivables and contract liabilities."""

    rows = ContractRowOut(many=True)
    ties = TieOut(many=True, help_text="None where one customer is asked for.")

    example: ClassVar[dict[str, Any]] = {
        "rows": [ContractRowOut.example],
        "ties": [TieOut.example],
    }


class CommitmentRowOut(serializers.Serializer[Any]):
    """One contract."""

    customer = serializers.CharField()
    contract = serializers.CharField()
    asset = serializers.CharField()
    committed = Amount()
    drawn = Amount()
    remaining = Amount()
    true_up = Amount(help_text="Charged so far.")
    overage = Amount()
    rebate = Amount(help_text="Given back so far.")

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "contract": "acme-2026",
        "asset": "USD",
        "committed": "450000",
        "drawn": "20000",
        "remaining": "430000",
        "true_up": "0",
        "overage": "0",
        "rebate": "0",
    }


class CommitmentsOut(serializers.Serializer[Any]):
    """What was promised, and what came of it."""

    rows = CommitmentRowOut(many=True)
    minimums = serializers.DictField(child=Amount(), help_text="Of items, by asset.")
    breakage = serializers.DictField(child=Amount(), help_text="Of credit, by asset.")
    ties = TieOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "rows": [CommitmentRowOut.example],
        "minimums": {"USD": "35"},
        "breakage": {"USD": "4"},
        "ties": [TieOut.example],
    }
