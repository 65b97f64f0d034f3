"""Meters, prices, subjects and profiles in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_prices import COMMITMENTS, DISCOUNTS, PRICE, UNIT_CONFIG, AsSent
from billing.models import BillingProfile, Meter, Rate
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery

_AT = "2026-03-01T12:00:00Z"
_PRICE_PLACES = 18


class MeterOut(serializers.Serializer[Any]):
    """How one kind of usage is counted."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    event_type = serializers.CharField()
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    value_property = serializers.CharField(source="value_path")
    dimensions = serializers.DictField(child=serializers.CharField())
    unit = serializers.CharField(source="unit.code")
    feature_key = serializers.CharField()
    late_usage = serializers.ChoiceField(Meter.LateUsage.choices)
    created_at = Instant()
    archived_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "4",
        "key": "llm-tokens",
        "name": "LLM tokens",
        "event_type": "llm.used",
        "aggregation": "sum",
        "value_property": "$.tokens",
        "dimensions": {"model": "$.model", "token": "$.type"},
        "unit": "tokens",
        "feature_key": "llm-tokens",
        "late_usage": "rerate",
        "created_at": _AT,
        "archived_at": None,
    }


class MeterIn(Body):
    """A new meter; it counts events received from now on."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    event_type = serializers.CharField(max_length=200, trim_whitespace=False)
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    value_property = serializers.CharField(
        max_length=400,
        default="",
        allow_blank=True,
        source="value_path",
        help_text="A path into the event's data; none for count.",
    )
    dimensions = serializers.DictField(
        child=serializers.CharField(max_length=400), default=dict, help_text="Name → path."
    )
    unit = serializers.CharField(max_length=100, help_text="The code of an asset of kind unit.")
    feature_key = serializers.CharField(max_length=200, default="", allow_blank=True)
    late_usage = serializers.ChoiceField(
        Meter.LateUsage.choices,
        default=Meter.LateUsage.RERATE,
        help_text="Where usage counts that comes when its period has been invoiced: in its own"
        " (the difference is invoiced), or in the one that is running then.",
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "llm-tokens",
        "name": "LLM tokens",
        "event_type": "llm.used",
        "aggregation": "sum",
        "value_property": "$.tokens",
        "dimensions": {"model": "$.model", "token": "$.type"},
        "unit": "tokens",
    }


class MeterChange(Body):
    """What may change about a meter."""

    name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    late_usage = serializers.ChoiceField(Meter.LateUsage.choices, required=False)

    example: ClassVar[dict[str, Any]] = {"name": "Tokens of language models"}


class MeterQuery(PageQuery):
    """Which meters."""

    event_type = serializers.CharField(required=False, max_length=200)


class RateCardOut(serializers.Serializer[Any]):
    """A set of prices in one currency or credit."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    asset = serializers.CharField(source="asset.code")
    is_default = serializers.BooleanField()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "2",
        "key": "list-2026",
        "name": "List prices 2026",
        "asset": "USD",
        "is_default": True,
        "created_at": _AT,
    }


class RateCardIn(Body):
    """A new set of prices."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    asset = serializers.CharField(max_length=100, help_text="What prices are in.")
    is_default = serializers.BooleanField(default=False)

    example: ClassVar[dict[str, Any]] = {"key": "list-2026", "asset": "USD", "is_default": True}


_TERMS: Final = {
    "type": "object",  # or null: the fields allow it
    "additionalProperties": False,
    "required": ["price"],
    "description": "What usage costs, counted by the calendar month.",
    "properties": {
        "price": PRICE,
        "unit_config": UNIT_CONFIG | {"type": ["object", "null"]},
        "discounts": DISCOUNTS | {"type": ["object", "null"]},
        "commitments": COMMITMENTS | {"type": ["object", "null"]},
    },
}


@extend_schema_field(_TERMS)
class Terms(AsSent):
    """A price with its unit conversion, discounts and commitments."""


class RateOut(serializers.Serializer[Any]):
    """The price of a meter, perhaps for some of its dimensions only, from an instant on."""

    id = Id()
    meter_id = Id()
    match = serializers.DictField(child=serializers.CharField())
    model = serializers.ChoiceField(Rate.Model.choices)
    unit_price = Amount(help_text="Per unit; 0 where `terms` say what it costs.")
    terms = Terms(allow_null=True)
    unit_cost = Amount(allow_null=True)
    provider = serializers.CharField()
    effective_from = Instant()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "9",
        "meter_id": "4",
        "match": {"model": "gpt-5", "token": "input"},
        "model": "unit",
        "unit_price": "0.00000125",
        "terms": None,
        "unit_cost": "0.000001",
        "provider": "openai",
        "effective_from": _AT,
        "created_at": _AT,
    }


class RateIn(Body):
    """A new price; the one before it holds until this one takes effect."""

    meter = serializers.CharField(max_length=110, help_text="The meter's id or key.")
    match = serializers.DictField(
        child=serializers.CharField(max_length=1000, trim_whitespace=False),
        default=dict,
        help_text="Dimension → value; none: all usage of the meter.",
    )
    model = serializers.ChoiceField(
        Rate.Model.choices, required=False, help_text="May be left out: what is sent says it."
    )
    unit_price = Number(
        places=_PRICE_PLACES,
        required=False,
        allow_null=True,
        help_text="In the rate card's asset; this or `terms`.",
    )
    terms = Terms(required=False, allow_null=True)
    unit_cost = Number(
        places=_PRICE_PLACES,
        required=False,
        allow_null=True,
        help_text="What a unit costs us, in the book's base currency.",
    )
    provider = serializers.CharField(max_length=200, default="", allow_blank=True)
    effective_from = Instant(required=False, help_text="Now unless given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a model that is not what was sent."""
        sent = Rate.Model.UNIT if attrs.get("terms") is None else Rate.Model.TERMS
        if attrs.pop("model", sent) != sent:
            detail = "Send unit_price for the model unit, terms for the model terms."
            raise serializers.ValidationError({"model": detail})
        return attrs

    example: ClassVar[dict[str, Any]] = {
        "meter": "llm-tokens",
        "match": {"model": "gpt-5", "token": "input"},
        "unit_price": "0.00000125",
        "unit_cost": "0.000001",
        "provider": "openai",
    }


class RateQuery(PageQuery):
    """Which rates."""

    meter = serializers.CharField(required=False, max_length=110)


class SubjectOut(serializers.Serializer[Any]):
    """What events name, and whose usage that is."""

    id = Id()
    key = serializers.CharField()
    customer_id = Id()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "55",
        "key": "sk-research-1",
        "customer_id": "12",
        "created_at": _AT,
    }


class SubjectIn(Body):
    """Whose usage a subject's is."""

    customer = serializers.CharField(max_length=210, help_text="The customer's id or key.")

    example: ClassVar[dict[str, Any]] = {"customer": "acme-research"}


class SubjectQuery(PageQuery):
    """Which subjects."""

    customer = serializers.CharField(required=False, max_length=210)
    key = serializers.CharField(required=False, max_length=255, trim_whitespace=False)


class ProfileOut(serializers.Serializer[Any]):
    """How a customer is priced and pays."""

    customer_id = Id()
    settlement = serializers.ChoiceField(BillingProfile.Settlement.choices)
    rate_card_id = Id(allow_null=True, help_text="Null: its parent's, then the book's default.")
    credit_limit = Amount(allow_null=True, help_text="Of what may be owed; null: no end.")
    limit_covers = serializers.ChoiceField(
        BillingProfile.LimitCovers.choices,
        help_text="Whether unpaid documents count, or only what is not billed yet.",
    )

    example: ClassVar[dict[str, Any]] = {
        "customer_id": "12",
        "settlement": "credit_then_invoice",
        "rate_card_id": None,
        "credit_limit": "5000",
        "limit_covers": "unbilled_and_receivable",
    }


class ProfileIn(Body):
    """All of a profile: what is left out is unset."""

    settlement = serializers.ChoiceField(
        BillingProfile.Settlement.choices, default=BillingProfile.Settlement.CREDIT_THEN_INVOICE
    )
    rate_card = serializers.CharField(
        max_length=110, required=False, allow_null=True, help_text="The rate card's id or key."
    )
    credit_limit = Number(required=False, allow_null=True)
    limit_covers = serializers.ChoiceField(
        BillingProfile.LimitCovers.choices,
        default=BillingProfile.LimitCovers.UNBILLED_AND_RECEIVABLE,
        help_text="Whether unpaid documents count, or only what is not billed yet.",
    )

    example: ClassVar[dict[str, Any]] = {
        "settlement": "credit_then_invoice",
        "credit_limit": "5000",
    }
