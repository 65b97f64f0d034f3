"""Features and tax codes in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_prices import AsSent
from billing.features import TOKEN_TYPES
from billing.models import TaxCode
from ledger.api.fields import Body, Id, Instant, PageQuery

_AT: Final = "2026-03-01T12:00:00Z"
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 200}
_CONDITION: Final = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "exists": {"type": "boolean"},
        **{name: {"type": "string"} for name in ("eq", "neq", "contains", "ncontains")},
        **{name: {"type": "array", "items": {"type": "string"}} for name in ("in", "nin")},
        **{name: {"type": "array", "items": {"type": "object"}} for name in ("and", "or")},
    },
}
_MANUAL: Final = {
    "type": "object",
    "required": ["type", "amount"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "enum": ["manual"]},
        "amount": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "maxLength": 80},
    },
}
_LLM: Final = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "description": "Provider, model and token type: each a constant or a dimension of the meter.",
    "properties": {
        "type": {"type": "string", "enum": ["llm"]},
        "provider": _TEXT,
        "provider_property": _TEXT,
        "model": _TEXT,
        "model_property": _TEXT,
        "token_type": {"type": "string", "enum": list(TOKEN_TYPES)},
        "token_type_property": _TEXT,
    },
}


@extend_schema_field({"type": "object", "maxProperties": 10, "additionalProperties": _CONDITION})
class Filters(AsSent):
    """Dimension → condition."""


@extend_schema_field({"oneOf": [_MANUAL, _LLM, {"type": "null"}]})
class UnitCost(AsSent):
    """What a unit costs us."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class Json(serializers.Field):  # type: ignore[type-arg]
    """An object of the caller's own."""

    default_error_messages = {"invalid": "Send an object."}

    def to_internal_value(self, data: Any) -> Any:
        """Read it."""
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        """Write it."""
        return value


class FeatureMeterOut(serializers.Serializer[Any]):
    """Which usage a feature is about."""

    id = Id(source="meter.pk")
    key = serializers.CharField(source="meter.key")
    filters = Filters()


class FeatureOut(serializers.Serializer[Any]):
    """Something that is sold."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    meter = serializers.SerializerMethodField()
    unit_cost = UnitCost(allow_null=True)
    metadata = Json()
    created_at = Instant()
    archived_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "key": "gpt-5-input",
        "name": "GPT-5 input tokens",
        "description": "",
        "meter": {
            "id": "4",
            "key": "llm-tokens",
            "filters": {"model": {"eq": "gpt-5"}, "token": {"eq": "input"}},
        },
        "unit_cost": {"type": "manual", "amount": "0.000001"},
        "metadata": {},
        "created_at": _AT,
        "archived_at": None,
    }

    @extend_schema_field(FeatureMeterOut(allow_null=True))
    def get_meter(self, feature: Any) -> dict[str, Any] | None:
        """Write the meter with the filters."""
        return None if feature.meter is None else dict(FeatureMeterOut(feature).data)


class FeatureMeterIn(Body):
    """Which usage a feature is about."""

    id = serializers.CharField(max_length=110, help_text="The meter's id or key.")
    filters = Filters(default=dict)


class FeatureIn(Body):
    """Something to sell."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=256)
    description = serializers.CharField(max_length=1024, default="", allow_blank=True)
    meter = FeatureMeterIn(required=False, allow_null=True)
    unit_cost = UnitCost(required=False, allow_null=True)
    metadata = Json(default=dict)

    example: ClassVar[dict[str, Any]] = {
        "key": "gpt-5-input",
        "name": "GPT-5 input tokens",
        "meter": {"id": "llm-tokens", "filters": {"model": {"eq": "gpt-5"}}},
        "unit_cost": {"type": "manual", "amount": "0.000001"},
    }


class FeatureChange(Body):
    """What may change about a feature; `unit_cost` null takes the cost away."""

    name = serializers.CharField(max_length=256, required=False)
    description = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    unit_cost = UnitCost(required=False, allow_null=True)
    metadata = Json(required=False)

    example: ClassVar[dict[str, Any]] = {"unit_cost": None}


class FeatureQuery(PageQuery):
    """Which features."""

    key = serializers.CharField(required=False, max_length=100)
    meter = serializers.CharField(required=False, max_length=110, help_text="Its id or key.")
    include_archived = serializers.BooleanField(required=False, default=False)


class TaxCodeOut(serializers.Serializer[Any]):
    """What something is to the tax office."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    classification = serializers.ChoiceField(
        TaxCode.Classification.choices, help_text="Decides where it is taxed."
    )
    provider_codes = Json(help_text="What tax engines call it.")
    metadata = Json()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "saas",
        "name": "Software as a service",
        "description": "",
        "classification": "digital",
        "provider_codes": {},
        "metadata": {},
        "created_at": _AT,
    }


class TaxCodeChange(Body):
    """What is said of a tax code, all of it."""

    name = serializers.CharField(max_length=256)
    description = serializers.CharField(max_length=1024, default="", allow_blank=True)
    classification = serializers.ChoiceField(
        TaxCode.Classification.choices, default=TaxCode.Classification.DIGITAL.value
    )
    provider_codes = serializers.DictField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="What tax engines call it, by engine; as it is unless given.",
    )
    metadata = Json(default=dict)

    example: ClassVar[dict[str, Any]] = {"name": "Software as a service"}


class TaxCodeIn(TaxCodeChange):
    """A new tax code; it is never deleted."""

    key = serializers.CharField(max_length=100)

    example: ClassVar[dict[str, Any]] = {"key": "saas", "name": "Software as a service"}
