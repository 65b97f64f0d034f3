"""What features cost us, in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Filters
from billing.metering.windows import Window
from ledger.api.fields import Amount, Body, Instant

GRANULARITIES: Final = {
    "PT1M": Window.MINUTE,
    "PT1H": Window.HOUR,
    "P1D": Window.DAY,
    "P1M": Window.MONTH,
}
_FROM: Final = "2026-03-01T00:00:00Z"
_TO: Final = "2026-04-01T00:00:00Z"


class CostFilters(Body):
    """Conditions that usage meets."""

    dimensions = Filters(
        default=dict,
        help_text="Dimension of the meter, `subject` or `customer_id` → condition; the last two"
        " take `eq` and `in`.",
    )


class CostQuery(Body):
    """Which usage of a feature, in which windows and groups."""

    to = Instant(required=False, help_text="Now, unless sent.")
    granularity = serializers.ChoiceField(
        list(GRANULARITIES), required=False, help_text="None: the whole time is one window."
    )
    time_zone = serializers.CharField(max_length=64, default="UTC")
    group_by_dimensions = serializers.ListField(
        child=serializers.CharField(max_length=100),
        default=list,
        max_length=20,
        help_text="Dimensions of the meter, `subject`, `customer_id`.",
    )
    filters = CostFilters(required=False)

    example: ClassVar[dict[str, Any]] = {
        "from": _FROM,
        "to": _TO,
        "granularity": "P1M",
        "group_by_dimensions": ["customer_id"],
    }

    def get_fields(self) -> dict[str, Any]:
        """Add the parameter whose name is no Python name."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant(
            required=False, help_text="The start of the month of `to`, unless sent."
        )
        return fields


class CostRowOut(serializers.Serializer[Any]):
    """Usage and its cost in one window for one group."""

    usage = Amount(help_text="In the meter's unit.")
    cost = Amount(allow_null=True, help_text="As it was posted; null where none was.")
    currency = serializers.CharField()
    detail = serializers.CharField(required=False, help_text="What of the usage has no cost.")
    to = Instant()
    dimensions = serializers.DictField(child=serializers.CharField(allow_null=True))

    def get_fields(self) -> dict[str, Any]:
        """Add the field whose name is no Python name."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant()
        return fields

    example: ClassVar[dict[str, Any]] = {
        "usage": "1500",
        "cost": "0.0015",
        "currency": "USD",
        "from": _FROM,
        "to": _TO,
        "dimensions": {"customer_id": "3"},
    }


class CostOut(serializers.Serializer[Any]):
    """Rows in the order of window and group; windows and groups without usage are left out."""

    to = Instant()
    data = CostRowOut(many=True)  # type: ignore[assignment]  # over DRF's own

    def get_fields(self) -> dict[str, Any]:
        """Add the field whose name is no Python name."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant()
        return fields

    example: ClassVar[dict[str, Any]] = {"from": _FROM, "to": _TO, "data": [CostRowOut.example]}
