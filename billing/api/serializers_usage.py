"""Events, usage and what could not be taken, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from billing.metering.windows import Window
from billing.models import Correction, DeadLetter
from ledger.api.fields import Amount, Body, Id, Instant, PageQuery, Query

_AT = "2026-03-01T12:00:00Z"


class EventOut(serializers.Serializer[Any]):
    """A measured fact that was taken; what was wrong is voided or amended, never edited."""

    id = Id()
    source = serializers.CharField()  # type: ignore[assignment]  # over DRF's own
    external_id = serializers.CharField(help_text="The CloudEvent's id.")
    type = serializers.CharField()
    subject = serializers.CharField()
    customer_id = Id()
    occurred_at = Instant()
    received_at = Instant()
    data = serializers.DictField()  # type: ignore[assignment]  # over DRF's own

    example: ClassVar[dict[str, Any]] = {
        "id": "152206408233811969",
        "source": "gateway-1",
        "external_id": "req-8f2a",
        "type": "llm.used",
        "subject": "sk-research-1",
        "customer_id": "12",
        "occurred_at": _AT,
        "received_at": _AT,
        "data": {"tokens": 1500, "model": "gpt-5", "type": "input"},
    }


class EventQuery(PageQuery):
    """Which events, newest first."""

    customer = serializers.CharField(required=False, max_length=210)
    type = serializers.CharField(required=False, max_length=1024)
    subject = serializers.CharField(required=False, max_length=1024, trim_whitespace=False)
    occurred_from = Instant(required=False)
    occurred_to = Instant(required=False)
    received_from = Instant(required=False)
    received_to = Instant(required=False)


class CloudEventIn(serializers.Serializer[Any]):
    """A CloudEvent 1.0 in structured mode."""

    specversion = serializers.ChoiceField(["1.0"], default="1.0")
    id = serializers.CharField(max_length=1024)
    source = serializers.CharField(max_length=1024)  # type: ignore[assignment]  # over DRF's own
    type = serializers.CharField(max_length=1024)
    subject = serializers.CharField(max_length=1024)
    time = serializers.DateTimeField(required=False)
    datacontenttype = serializers.CharField(required=False)
    data = serializers.DictField(required=False)  # type: ignore[assignment]  # over DRF's own

    example: ClassVar[dict[str, Any]] = {
        "specversion": "1.0",
        "id": "req-8f2a",
        "source": "gateway-1",
        "type": "llm.used",
        "subject": "sk-research-1",
        "time": _AT,
        "data": {"tokens": 1500, "model": "gpt-5", "type": "input"},
    }


class OutcomeRowOut(serializers.Serializer[Any]):
    """What became of one event that was not simply accepted."""

    index = serializers.IntegerField()
    status = serializers.CharField()
    reason = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField()


class OutcomeOut(serializers.Serializer[Any]):
    """What became of all that was sent; accepted means committed."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    conflicting = serializers.IntegerField()
    unattributed = serializers.IntegerField()
    rejected = serializers.IntegerField()
    unmetered = serializers.IntegerField(help_text="Of the accepted: no meter counts their type.")
    rows = OutcomeRowOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "accepted": 1,
        "duplicate": 0,
        "conflicting": 0,
        "unattributed": 0,
        "rejected": 0,
        "unmetered": 0,
        "rows": [],
    }


class VoidEventIn(Body):
    """Why an event is taken back."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {"reason": "Sent by a test"}


class AmendEventIn(Body):
    """What the event should have said; what is left out stays."""

    type = serializers.CharField(max_length=1024, required=False)
    subject = serializers.CharField(max_length=1024, required=False, trim_whitespace=False)
    time = Instant(required=False)
    data = serializers.DictField(required=False)  # type: ignore[assignment]  # over DRF's own
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "data": {"tokens": 1200, "model": "gpt-5", "type": "input"},
        "reason": "Counted twice",
    }


class CorrectionOut(serializers.Serializer[Any]):
    """An event taken back, or replaced; the difference is in its transactions."""

    id = Id()
    kind = serializers.ChoiceField(Correction.Kind.choices)
    event_id = Id()
    replacement_id = Id(allow_null=True)
    reason = serializers.CharField()
    transaction_ids = serializers.ListField(child=serializers.CharField())
    corrected_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "kind": "void",
        "event_id": "152206408233811969",
        "replacement_id": None,
        "reason": "Sent by a test",
        "transaction_ids": ["152206408237056000"],
        "corrected_at": _AT,
    }


class UsageQuery(Query):
    """What usage, in which windows and groups."""

    meter = serializers.CharField(max_length=110, help_text="The meter's id or key.")
    to = Instant()
    customer = serializers.ListField(
        child=serializers.CharField(max_length=210), required=False, max_length=100
    )
    include_descendants = serializers.BooleanField(default=False)
    subject = serializers.ListField(
        child=serializers.CharField(max_length=1024, trim_whitespace=False),
        required=False,
        max_length=100,
    )
    window = serializers.ChoiceField([str(window) for window in Window], required=False)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    group_by = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=20,
        help_text="Dimensions of the meter, `subject`, `customer`.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=10_000, default=1_000)
    format = serializers.ChoiceField(["json", "csv"], required=False)

    def get_fields(self) -> dict[str, Any]:
        """Add the parameters whose names are no Python names."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant(help_text="Usage that happened from this instant on.")
        fields["page[after]"] = serializers.CharField(required=False, max_length=10_000)
        return fields


class UsageRowOut(serializers.Serializer[Any]):
    """A meter's value in one window for one group."""

    window_start = Instant()
    window_end = Instant()
    group = serializers.DictField(child=serializers.CharField(allow_null=True))
    value = Amount()
    events = serializers.IntegerField()

    example: ClassVar[dict[str, Any]] = {
        "window_start": "2026-03-01T00:00:00Z",
        "window_end": "2026-03-02T00:00:00Z",
        "group": {"model": "gpt-5"},
        "value": "1500",
        "events": 1,
    }


class UsageOut(serializers.Serializer[Any]):
    """Rows in the order of window and group."""

    meter = serializers.CharField()
    unit = serializers.CharField()
    data = UsageRowOut(many=True)  # type: ignore[assignment]  # over DRF's own
    next = serializers.CharField(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "meter": "llm-tokens",
        "unit": "tokens",
        "data": [UsageRowOut.example],
        "next": None,
    }


class DeadLetterOut(serializers.Serializer[Any]):
    """Something sent as usage that could not be taken."""

    id = Id()
    raw = serializers.CharField(help_text="As it was sent.")
    reason = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField()
    received_at = Instant()
    times = serializers.IntegerField()
    status = serializers.ChoiceField(DeadLetter.Status.choices)
    resolved_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "6",
        "raw": '{"id": "req-1", "source": "gateway-1"}',
        "reason": "invalid_event",
        "detail": "Object missing required field `type`",
        "field": "type",
        "received_at": _AT,
        "times": 1,
        "status": "open",
        "resolved_at": None,
    }


class DeadLetterQuery(PageQuery):
    """Which dead letters, newest first."""

    status = serializers.ChoiceField(DeadLetter.Status.choices, required=False)
    reason = serializers.CharField(required=False, max_length=50)


class ReplayIn(Body):
    """The event, mended; as it was sent unless given."""

    event = serializers.DictField(required=False)

    example: ClassVar[dict[str, Any]] = {"event": CloudEventIn.example}


class UnattributedOut(serializers.Serializer[Any]):
    """Usage of a subject that nobody has mapped to a customer yet."""

    id = Id()
    source = serializers.CharField()  # type: ignore[assignment]  # over DRF's own
    external_id = serializers.CharField()
    type = serializers.CharField()
    subject = serializers.CharField()
    occurred_at = Instant()
    received_at = Instant()
    data = serializers.DictField()  # type: ignore[assignment]  # over DRF's own
    posted_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "152206408233811970",
        "source": "gateway-1",
        "external_id": "req-8f2b",
        "type": "llm.used",
        "subject": "sk-unknown",
        "occurred_at": _AT,
        "received_at": _AT,
        "data": {"tokens": 10},
        "posted_at": None,
    }


class UnattributedQuery(PageQuery):
    """Which of them, newest first."""

    subject = serializers.CharField(required=False, max_length=1024, trim_whitespace=False)
    is_posted = serializers.BooleanField(required=False, allow_null=True, default=None)
