"""Webhooks in JSON: endpoints, event types, deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from integrations.models import WebhookDelivery
from integrations.webhooks import catalogue, messages
from integrations.webhooks.endpoints import LONGEST_OVERLAP, OVERLAP
from ledger.api.fields import Body, Id, Instant, PageQuery

_AT = "2026-03-01T12:00:00Z"
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDLw5VsJ0eXAM="  # noqa: S105 - an example


class EventTypeOut(serializers.Serializer[Any]):
    """A type of event that endpoints are told."""

    type = serializers.CharField(source="name")
    title = serializers.CharField()
    when = serializers.CharField()
    schema = serializers.JSONField(help_text="JSON Schema of a message's body.")
    example = serializers.JSONField(source="message")


# Set afterwards: one of its fields has this name, too.
EventTypeOut.example = dict(  # type: ignore[assignment]  # over DRF's own
    EventTypeOut(catalogue.EVENT_TYPES["wallet.balance.low"]).data
)


class EndpointOut(serializers.Serializer[Any]):
    """An address that is called with signed messages."""

    id = Id()
    key = serializers.CharField()
    customer_id = Id(allow_null=True, help_text="Null: it is told of the whole book.")
    url = serializers.CharField()
    event_types = serializers.ListField(
        child=serializers.CharField(), help_text="Empty: it is told of all types."
    )
    is_enabled = serializers.BooleanField()
    disabled_reason = serializers.CharField()
    failing_since = Instant(allow_null=True)
    previous_secret_until = Instant(
        source="previous_until",
        allow_null=True,
        help_text="Until when the secret before signs, too.",
    )
    created_at = Instant()
    ended_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "2",
        "key": "crm",
        "customer_id": None,
        "url": "https://crm.example.com/hooks/meterbook",
        "event_types": ["wallet.balance.low", "topup.settled"],
        "is_enabled": True,
        "disabled_reason": "",
        "failing_since": None,
        "previous_secret_until": None,
        "created_at": _AT,
        "ended_at": None,
    }


class EndpointSecretOut(EndpointOut):
    """An endpoint with its new secret, which is shown this once."""

    secret = serializers.SerializerMethodField(help_text="Verifies signatures; keep it.")

    def get_secret(self, _row: Any) -> str:
        """Return the secret that the view was given."""
        return str(self.context["secret"])

    example: ClassVar[dict[str, Any]] = {**EndpointOut.example, "secret": _SECRET}


class EndpointQuery(PageQuery):
    """Which endpoints."""

    customer = serializers.CharField(required=False, max_length=210)


class EndpointIn(Body):
    """A new endpoint."""

    key = serializers.CharField(max_length=200, trim_whitespace=False)
    url = serializers.CharField(max_length=2000, help_text="https, at a public address.")
    customer = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=210,
        help_text="The id or key of the customer it is told of, with all below it; the whole book"
        " if none is named. A key that is bound to a customer must name one.",
    )
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=100
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "crm",
        "url": "https://crm.example.com/hooks/meterbook",
        "event_types": ["wallet.balance.low", "topup.settled"],
    }


class EndpointChange(Body):
    """What is to be different."""

    url = serializers.CharField(max_length=2000, required=False)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100
    )

    example: ClassVar[dict[str, Any]] = {"event_types": ["wallet.balance.low"]}


class RotateIn(Body):
    """How a secret is replaced."""

    overlap_seconds = serializers.IntegerField(
        default=int(OVERLAP.total_seconds()),
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        help_text="How long the secret before signs, too; a day unless given.",
    )
    discards_current = serializers.BooleanField(
        default=False,
        help_text="The current secret never reached its receiver, as an answer was lost: replace"
        " it, and let the one before go on.",
    )

    example: ClassVar[dict[str, Any]] = {"overlap_seconds": 3600}


class DisableIn(Body):
    """Why an endpoint is disabled."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {"reason": "Maintenance"}


class AttemptOut(serializers.Serializer[Any]):
    """One call and what came of it."""

    number = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    milliseconds = serializers.IntegerField()
    attempted_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "number": 1,
        "status": 500,
        "error": "HTTP 500: out of order",
        "milliseconds": 87,
        "attempted_at": _AT,
    }


class DeliveryOut(serializers.Serializer[Any]):
    """A message to an endpoint."""

    id = Id()
    endpoint_id = Id()
    message_id = serializers.CharField(
        source="message_key", help_text="The webhook-id: the same for each attempt."
    )
    type = serializers.CharField(source="event_type")
    state = serializers.ChoiceField(WebhookDelivery.State.choices)
    attempts = serializers.IntegerField(help_text="Since it was last replayed.")
    due_at = Instant()
    last_status = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField()
    created_at = Instant()
    delivered_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "81",
        "endpoint_id": "2",
        "message_id": messages.id_of("example"),
        "type": "wallet.balance.low",
        "state": "waiting",
        "attempts": 1,
        "due_at": "2026-03-01T12:00:05Z",
        "last_status": 500,
        "last_error": "HTTP 500: out of order",
        "created_at": _AT,
        "delivered_at": None,
    }


class DeliveryDetail(DeliveryOut):
    """A message to an endpoint, what it says, and what became of each call."""

    payload = serializers.JSONField()
    history = AttemptOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        **DeliveryOut.example,
        "payload": catalogue.EVENT_TYPES["wallet.balance.low"].message,
        "history": [AttemptOut.example],
    }


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state = serializers.ChoiceField(WebhookDelivery.State.choices, required=False)
    type = serializers.CharField(max_length=100, required=False)


class MissedIn(Body):
    """What is sent again."""

    since = Instant(help_text="All that was given up and is about events since this instant.")

    example: ClassVar[dict[str, Any]] = {"since": _AT}


class MissedOut(serializers.Serializer[Any]):
    """How much is sent again."""

    replayed = serializers.IntegerField()

    example: ClassVar[dict[str, Any]] = {"replayed": 3}
