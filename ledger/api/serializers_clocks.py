"""Test clocks in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Body, Id, Instant

_AT = "2026-03-01T00:00:00Z"


class ClockOut(serializers.Serializer[Any]):
    """A time of its own, for the customers attached to it."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    now_at = Instant(help_text="Where it stands.")
    target_at = Instant(allow_null=True, help_text="Where it is on its way to, if it is.")
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "spring",
        "name": "Spring trial",
        "now_at": _AT,
        "target_at": None,
        "created_at": _AT,
    }


class ClockIn(Body):
    """A new clock."""

    key = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    now_at = Instant(help_text="Where it stands until it is advanced.")

    example: ClassVar[dict[str, Any]] = {"key": "spring", "now_at": _AT}


class AdvanceIn(Body):
    """Where a clock is to go."""

    to = Instant()

    example: ClassVar[dict[str, Any]] = {"to": "2026-04-01T00:00:00Z"}


class AdvanceOut(ClockOut):
    """The clock, and what was done on the way."""

    done = serializers.DictField(child=serializers.IntegerField(), help_text="How much of what.")

    example: ClassVar[dict[str, Any]] = {
        **ClockOut.example,
        "done": {"instants": 2, "charges": 3, "true_ups": 0, "grants_issued": 1},
    }


class AttachIn(Body):
    """Which clock a customer is to live by."""

    test_clock = serializers.CharField(max_length=210, help_text="Its id or key.")

    example: ClassVar[dict[str, Any]] = {"test_clock": "spring"}


class AttachOut(serializers.Serializer[Any]):
    """A customer and its clock."""

    customer_id = Id(source="pk")
    test_clock = ClockOut(source="clock")

    example: ClassVar[dict[str, Any]] = {"customer_id": "12", "test_clock": ClockOut.example}
