"""How values look in JSON: ids and amounts as text, instants with their offset."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ledger.api import pages
from ledger.money import SCALE, text

LANGUAGE: Final = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
_YEARS: Final = range(1970, 3000)


@extend_schema_field({"type": "string", "pattern": "^[0-9]+$"})
class Id(serializers.Field):  # type: ignore[type-arg]
    """An id; text, as it may exceed what a float can hold."""

    def to_representation(self, value: Any) -> str:
        """Write it."""
        return str(value)


@extend_schema_field({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"})
class Amount(serializers.Field):  # type: ignore[type-arg]
    """An exact amount as decimal text, without superfluous zeros."""

    def to_representation(self, value: Decimal) -> str:
        """Write it."""
        return text(value)


class Number(serializers.DecimalField):
    """An amount as input: decimal text (or a JSON number), not below zero, never rounded."""

    def __init__(self, *, places: int = SCALE, **options: Any) -> None:
        options.setdefault("min_value", Decimal(0))
        super().__init__(max_digits=38, decimal_places=places, **options)

    def quantize(self, value: Decimal) -> Decimal:
        """Keep it as it was written."""
        return value


@extend_schema_field({"type": "string", "format": "date-time"})
class Instant(serializers.Field):  # type: ignore[type-arg]
    """An instant, RFC 3339 with its offset; written in UTC."""

    default_error_messages = {
        "invalid": "Send a time with its offset, like 2026-03-01T12:00:00Z.",
        "out_of_range": "Send a time between the years 1970 and 2999.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        """Read it."""
        try:
            found = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            found = None
        if found is None or found.utcoffset() is None:
            self.fail("invalid")
        if found.year not in _YEARS:
            self.fail("out_of_range")
        try:
            return found.astimezone(UTC)
        except OverflowError:
            self.fail("out_of_range")

    def to_representation(self, value: datetime) -> str:
        """Write it."""
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Body(serializers.Serializer):  # type: ignore[type-arg]
    """What is sent: a field that is not known is refused rather than ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """Read it."""
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(
                {
                    str(name): serializers.ErrorDetail("This field is not known.", "unknown_field")
                    for name in sorted(map(str, unknown))
                }
            )
        return super().to_internal_value(data)


class Query(Body):
    """What an address asks for after the question mark."""


class PageQuery(Query):
    """Which page of a list."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=pages.LARGEST, help_text="The same as page[size]."
    )

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """Add the parameters whose names are no Python names."""
        fields = super().get_fields()
        fields["page[size]"] = serializers.IntegerField(
            required=False,
            min_value=1,
            max_value=pages.LARGEST,
            help_text=f"How many rows; {pages.USUAL} unless given.",
        )
        fields["page[after]"] = serializers.CharField(
            required=False, max_length=1000, help_text="The `next` of the page before."
        )
        return fields


@cache  # one class for one name
def listing(item: type[serializers.Serializer]) -> type[serializers.Serializer]:  # type: ignore[type-arg]
    """Return the envelope of a page of such items."""
    example = {"data": [item.example], "next": None}  # type: ignore[attr-defined]
    return type(
        f"{item.__name__}Page",
        (serializers.Serializer,),
        {
            "__doc__": "A page; `next` is the cursor of the following one, null on the last.",
            "__module__": item.__module__,
            "data": item(many=True),
            "next": serializers.CharField(allow_null=True),
            "example": example,
        },
    )
