"""Providers' prices of models in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from billing.costs import tokens
from billing.models import CostPrice
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery

_AT = "2026-03-01T12:00:00Z"
_PRICING = {
    "input_per_token": "0.00000125",
    "output_per_token": "0.00001",
    "cache_read_per_token": "0.000000125",
    "cache_write_per_token": None,
    "reasoning_per_token": None,
}


class ProviderOut(serializers.Serializer[Any]):
    """Who runs a model."""

    id = serializers.CharField(source="provider")
    name = serializers.SerializerMethodField()

    def get_name(self, row: CostPrice) -> str:
        """Return its name for people."""
        return row.provider_name or row.provider


class ModelOut(serializers.Serializer[Any]):
    """A model."""

    id = serializers.CharField(source="model")
    name = serializers.SerializerMethodField()

    def get_name(self, row: CostPrice) -> str:
        """Return its name for people."""
        return row.model_name or row.model


class PricingOut(serializers.Serializer[Any]):
    """
    What a token costs, by kind.

    Where cached tokens or reasoning have no price, they cost what input and output do.
    """

    input_per_token = Amount(allow_null=True)
    output_per_token = Amount(allow_null=True)
    cache_read_per_token = Amount(allow_null=True)
    cache_write_per_token = Amount(allow_null=True)
    reasoning_per_token = Amount(allow_null=True)


class CostPriceOut(serializers.Serializer[Any]):
    """What a provider charges for a model's tokens over some time."""

    id = Id()
    provider = ProviderOut(source="*")
    model = ModelOut(source="*")
    pricing = PricingOut(source="*")
    currency = serializers.CharField()
    source = serializers.ChoiceField(CostPrice.Source.choices)  # type: ignore[assignment]  # over DRF's own
    release = serializers.CharField(help_text="Of the published list; empty for an override.")
    note = serializers.CharField()
    effective_from = Instant()
    effective_to = Instant(allow_null=True)
    created_at = Instant()
    updated_at = Instant(source="created_at", help_text="Prices are never rewritten.")

    example: ClassVar[dict[str, Any]] = {
        "id": "17",
        "provider": {"id": "openai", "name": "OpenAI"},
        "model": {"id": "gpt-5", "name": "GPT-5"},
        "pricing": _PRICING,
        "currency": "USD",
        "source": "system",
        "release": "0.2.3",
        "note": "",
        "effective_from": "2000-01-01T00:00:00Z",
        "effective_to": None,
        "created_at": _AT,
        "updated_at": _AT,
    }


class CostPriceQuery(PageQuery):
    """Which prices."""

    provider = serializers.CharField(required=False, max_length=200)
    model = serializers.CharField(required=False, max_length=400, help_text="The model's id.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # over DRF's own
        CostPrice.Source.choices, required=False
    )
    effective_at = Instant(required=False, help_text="When they hold; now unless given.")


class OverrideQuery(PageQuery):
    """Which overrides."""

    provider = serializers.CharField(required=False, max_length=200)
    model = serializers.CharField(required=False, max_length=400, help_text="The model's id.")


class PricingIn(Body):
    """What a token costs, by kind; at most 12 places."""

    input_per_token = Number(places=18)
    output_per_token = Number(places=18)
    cache_read_per_token = Number(places=18, required=False, allow_null=True)
    cache_write_per_token = Number(places=18, required=False, allow_null=True)
    reasoning_per_token = Number(places=18, required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """Read it, by kind of token."""
        read = super().to_internal_value(data)
        return {kind: read.get(column) for kind, column in tokens.COLUMNS.items()}


class OverrideIn(Body):
    """A book's own price of a model, instead of the published one."""

    provider = serializers.CharField(max_length=100)
    model_id = serializers.CharField(max_length=200, source="model")
    model_name = serializers.CharField(max_length=256, default="", allow_blank=True)
    pricing = PricingIn(source="prices")
    currency = serializers.CharField(max_length=3, help_text="The book's base currency.")
    effective_from = Instant()
    effective_to = Instant(required=False, allow_null=True)
    note = serializers.CharField(max_length=1000, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "provider": "openai",
        "model_id": "gpt-5",
        "pricing": {"input_per_token": "0.000001", "output_per_token": "0.000008"},
        "currency": "USD",
        "effective_from": "2026-03-01T00:00:00Z",
    }


class UnknownModelOut(serializers.Serializer[Any]):
    """A model that usage named and no price is known of."""

    id = Id()
    provider = serializers.CharField()
    model = serializers.CharField()
    token_type = serializers.CharField()
    events = serializers.IntegerField()
    units = Amount()
    first_seen_at = Instant()
    last_seen_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "provider": "in-house",
        "model": "llama-tuned",
        "token_type": "input",
        "events": 12,
        "units": "48210",
        "first_seen_at": _AT,
        "last_seen_at": _AT,
    }
