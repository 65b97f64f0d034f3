"""Shares of wallets, prices of credits, forecast and history, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery, Query
from wallets import days

_AT = "2026-03-01T00:00:00Z"


class ShareIn(Body):
    """How much of a shared wallet a descendant may use per period."""

    customer = serializers.CharField(max_length=210, help_text="The customer's id or key.")
    amount = Number()
    cadence = serializers.CharField(max_length=40, help_text="ISO 8601, like P1M; an hour or more.")
    anchor = Instant(
        required=False, allow_null=True, help_text="What periods are counted from; else now."
    )
    time_zone = serializers.CharField(
        max_length=64, default="", allow_blank=True, help_text="The book's unless given."
    )

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme-team",
        "amount": "250",
        "cadence": "P1M",
        "anchor": _AT,
    }


class ShareOut(serializers.Serializer[Any]):
    """How much of a shared wallet a descendant may use per period, and what it has."""

    id = Id()
    wallet_id = Id()
    customer_id = Id()
    amount = Amount()
    cadence = serializers.CharField()
    anchor = Instant()
    time_zone = serializers.CharField()
    created_at = Instant()
    ended_at = Instant(allow_null=True)
    period_starts_at = Instant(source="standing.period.starts_at")
    resets_at = Instant(source="standing.period.ends_at")
    used = Amount(source="standing.used", help_text="In this period.")
    held = Amount(source="standing.held")
    remaining = Amount(source="standing.remaining")

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "wallet_id": "7",
        "customer_id": "12",
        "amount": "250",
        "cadence": "P1M",
        "anchor": _AT,
        "time_zone": "UTC",
        "created_at": _AT,
        "ended_at": None,
        "period_starts_at": _AT,
        "resets_at": "2026-04-01T00:00:00Z",
        "used": "100",
        "held": "0",
        "remaining": "150",
    }


class CreditPriceIn(Body):
    """What one credit costs in a currency, from an instant on."""

    asset = serializers.CharField(max_length=100, help_text="An asset of kind credit.")
    currency = serializers.CharField(max_length=100)
    amount = Number(help_text="Money per credit.")
    effective_from = Instant(required=False, allow_null=True, help_text="Now unless given.")

    example: ClassVar[dict[str, Any]] = {
        "asset": "credits",
        "currency": "USD",
        "amount": "0.01",
        "effective_from": "2999-01-01T00:00:00Z",
    }


class CreditPriceOut(serializers.Serializer[Any]):
    """What one credit costs in a currency, from an instant on."""

    id = Id()
    asset = serializers.CharField(source="asset.code")
    currency = serializers.CharField(source="currency.code")
    amount = Amount()
    effective_from = Instant()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "2",
        "asset": "credits",
        "currency": "USD",
        "amount": "0.01",
        "effective_from": _AT,
        "created_at": _AT,
    }


class CreditPriceQuery(PageQuery):
    """Which prices."""

    asset = serializers.CharField(required=False, max_length=100)


class DaysQuery(Query):
    """How far back."""

    days = serializers.IntegerField(
        min_value=1, max_value=days.MOST, default=days.USUAL, help_text="Whole days before today."
    )


class ForecastOut(serializers.Serializer[Any]):
    """How long a wallet's credit will last at the pace of the last days."""

    wallet_id = Id()
    asset = serializers.CharField()
    available = Amount()
    pending = Amount(help_text="Not effective yet; counted on from when it is.")
    burn_per_day = Amount()
    runs_out_at = Instant(allow_null=True, help_text="None: not within a hundred years.")

    example: ClassVar[dict[str, Any]] = {
        "wallet_id": "7",
        "asset": "USD",
        "available": "93.75",
        "pending": "0",
        "burn_per_day": "3.125",
        "runs_out_at": "2026-03-31T00:00:00Z",
    }


class DayOut(serializers.Serializer[Any]):
    """A day of a wallet (UTC)."""

    date = serializers.DateField()
    used = Amount()
    other = Amount(help_text="Granted or moved here, less what expired, was voided or moved away.")
    balance = Amount(help_text="At its end: held, pending or available.")


class HistoryOut(serializers.Serializer[Any]):
    """How a wallet's credit went from day to day."""

    wallet_id = Id()
    asset = serializers.CharField()
    days = DayOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "wallet_id": "7",
        "asset": "USD",
        "days": [{"date": "2026-03-01", "used": "6.25", "other": "100", "balance": "93.75"}],
    }
