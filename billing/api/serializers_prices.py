"""Prices and what they would cost, in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from ledger.api.fields import Amount, Body

_NUMBER: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "maxLength": 80}
_SIGNED: Final = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "maxLength": 80}
_PERCENTAGE: Final = {"oneOf": [_NUMBER, {"type": "number", "minimum": 0, "maximum": 100}]}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def _price(kind: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return _object(["type", *required], type={"type": "string", "enum": [kind]}, **properties)


_FLAT: Final = _price("flat", ["amount"], amount=_NUMBER)
_UNIT: Final = _price("unit", ["amount"], amount=_NUMBER)


def _tiers(**priced: Any) -> dict[str, Any]:
    tier = _object([], up_to_amount=_NUMBER | {"type": ["string", "null"]}, **priced)
    return {
        "type": "array",
        "minItems": 1,
        "items": tier,
        "description": "Each ends at up_to_amount, inclusive, above the one before; the last is"
        " open. Flat prices are due when a tier is entered, the first one's from the start.",
    }


PRICE: Final = {
    "oneOf": [
        _price("free", []),
        _FLAT,
        _UNIT,
        _price("graduated", ["tiers"], tiers=_tiers(unit_price=_UNIT, flat_price=_FLAT)),
        _price("volume", ["tiers"], tiers=_tiers(unit_price=_UNIT, flat_price=_FLAT)),
        _price(
            "package", ["amount", "quantity_per_package"], amount=_NUMBER,
            quantity_per_package=_NUMBER,
        ),
        _price(
            "dynamic", ["multiplier", "basis"], multiplier=_NUMBER,
            basis={"type": "string", "enum": ["amount", "cost"]},
        ),
        _price(
            "percentage",
            ["rate"],
            rate=_PERCENTAGE,
            fixed_fee=_NUMBER,
            free_events={"type": "integer", "minimum": 0, "maximum": 100},
            free_amount=_NUMBER,
            minimum_per_event=_NUMBER,
            maximum_per_event=_NUMBER,
        ),
        _price(
            "graduated_percentage", ["tiers"], tiers=_tiers(rate=_PERCENTAGE, flat_price=_FLAT)
        ),
        _price(
            "rate_table",
            ["dimensions", "rates"],
            dimensions={"type": "array", "minItems": 1, "items": {"type": "string"}},
            rates={
                "type": "array",
                "minItems": 1,
                "items": _object(
                    ["match", "amount"],
                    match={"type": "object", "additionalProperties": {"type": "string"}},
                    amount=_NUMBER,
                ),
            },
            default=_NUMBER,
        ),
    ],
}  # fmt: skip
UNIT_CONFIG: Final = _object(
    ["operation", "conversion_factor"],
    operation={"type": "string", "enum": ["divide", "multiply"]},
    conversion_factor=_NUMBER,
    rounding={"type": "string", "enum": ["ceiling", "floor", "half_up", "none"]},
    precision={"type": "integer", "minimum": 0, "maximum": 12},
    display_unit={"type": "string", "maxLength": 100},
)
DISCOUNTS: Final = _object([], percentage=_PERCENTAGE, usage=_NUMBER)
COMMITMENTS: Final = _object([], minimum_amount=_NUMBER, maximum_amount=_NUMBER)
_EVENTS: Final = {
    "type": "array",
    "minItems": 1,
    "items": _object(
        ["value"],
        value=_SIGNED,
        dimensions={"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        cost=_SIGNED,
    ),
}


class AsSent(serializers.Field):  # type: ignore[type-arg]
    """A part of terms: read and checked by the domain, which names each field."""

    def to_internal_value(self, data: Any) -> Any:
        """Pass it on."""
        return data

    def to_representation(self, value: Any) -> Any:
        """Write it as it was sent."""
        return value


@extend_schema_field(PRICE)
class Price(AsSent):
    """One of ten models."""


@extend_schema_field(UNIT_CONFIG)
class UnitConfig(AsSent):
    """From what is metered to what is billed."""


@extend_schema_field(DISCOUNTS)
class Discounts(AsSent):
    """Free units, and a percentage."""


@extend_schema_field(COMMITMENTS)
class Commitments(AsSent):
    """The least and the most that a period costs."""


@extend_schema_field(_SIGNED)
class Quantity(AsSent):
    """Units of the meter."""


@extend_schema_field(_EVENTS)
class Events(AsSent):
    """Single events, for prices that look at each."""


class PricePreviewIn(Body):
    """A case: terms, and what was used under them."""

    price = Price()
    unit_config = UnitConfig(required=False, allow_null=True)
    discounts = Discounts(required=False, allow_null=True)
    commitments = Commitments(required=False, allow_null=True)
    currency = serializers.CharField(max_length=100, help_text="As in ISO 4217, or a credit.")
    quantity = Quantity(
        required=False,
        help_text="Required unless `events` are given; 0 for a free or a flat price.",
    )
    prior_quantity = Quantity(required=False, help_text="What the period has consumed before.")
    events = Events(
        required=False,
        help_text="In the order in which they happened; `quantity` counts as one event otherwise.",
    )
    prior_events = Events(required=False, help_text="Those that make up `prior_quantity`.")
    ends_period = serializers.BooleanField(
        required=False, default=True, help_text="Whether a minimum commitment is charged."
    )

    example: ClassVar[dict[str, Any]] = {
        "price": {
            "type": "graduated",
            "tiers": [
                {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.02"}},
                {"unit_price": {"type": "unit", "amount": "0.01"}},
            ],
        },
        "discounts": {"percentage": 10},
        "currency": "USD",
        "quantity": "1500",
    }


class PreviewLineOut(serializers.Serializer[Any]):
    """One line; below zero where it takes something off."""

    kind = serializers.ChoiceField(
        ["usage", "flat", "fee", "free_units", "discount", "maximum", "commitment"]
    )
    description = serializers.CharField()
    tier = serializers.IntegerField(allow_null=True, help_text="Counted from 1.")
    quantity = Amount(help_text="In billing units.")
    unit_price = Amount(allow_null=True)
    flat_price = Amount(allow_null=True)
    exact_amount = Amount()
    amount = Amount(help_text="Rounded half away from zero.")


class PricePreviewOut(serializers.Serializer[Any]):
    """What a case costs; the total is the sum of the printed lines."""

    currency = serializers.CharField()
    lines = PreviewLineOut(many=True)
    gross_amount = Amount()
    discount = Amount(help_text="What was taken off by percentage and maximum.")
    commitment_charge = Amount(help_text="What was missing to the minimum.")
    total = Amount()
    exact_total = Amount(help_text="The same sum, of what was not rounded.")

    example: ClassVar[dict[str, Any]] = {
        "currency": "USD",
        "lines": [
            {
                "kind": "usage",
                "description": "Usage, tier 1",
                "tier": 1,
                "quantity": "1000",
                "unit_price": "0.02",
                "flat_price": None,
                "exact_amount": "20",
                "amount": "20",
            },
            {
                "kind": "usage",
                "description": "Usage, tier 2",
                "tier": 2,
                "quantity": "500",
                "unit_price": "0.01",
                "flat_price": None,
                "exact_amount": "5",
                "amount": "5",
            },
            {
                "kind": "discount",
                "description": "Discount of 10 %",
                "tier": None,
                "quantity": "1",
                "unit_price": None,
                "flat_price": None,
                "exact_amount": "-2.5",
                "amount": "-2.5",
            },
        ],
        "gross_amount": "25",
        "discount": "2.5",
        "commitment_charge": "0",
        "total": "22.5",
        "exact_total": "22.5",
    }


class PreviewErrorOut(serializers.Serializer[Any]):
    """One rule that a field breaks."""

    field = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class PreviewRowOut(serializers.Serializer[Any]):
    """The answer to one case of a list: its document, or what is wrong with it (RFC 9457)."""

    currency = serializers.CharField(required=False)
    lines = PreviewLineOut(many=True, required=False)
    gross_amount = Amount(required=False)
    discount = Amount(required=False)
    commitment_charge = Amount(required=False)
    total = Amount(required=False)
    exact_total = Amount(required=False)
    type = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    status = serializers.IntegerField(required=False)
    code = serializers.CharField(required=False, help_text="Only of a problem.")
    detail = serializers.CharField(required=False)
    errors = PreviewErrorOut(many=True, required=False)  # type: ignore[assignment]  # over DRF's own


def _one_or_many(name: str, one: Any, many: Any) -> PolymorphicProxySerializer:
    """Describe a case or a list of them, with the example of one."""
    either = PolymorphicProxySerializer(
        name, [one, many], resource_type_field_name=None, many=False
    )
    either.example = one.example  # type: ignore[attr-defined]
    return either


PREVIEW_IN: Final = _one_or_many("PricePreviewCases", PricePreviewIn, PricePreviewIn(many=True))
PREVIEW_OUT: Final = _one_or_many("PricePreviewAnswers", PricePreviewOut, PreviewRowOut(many=True))
