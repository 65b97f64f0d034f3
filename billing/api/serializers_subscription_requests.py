"""What is sent about subscriptions, in JSON; names as in Konnect's specification."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_prices import AsSent, Commitments, Discounts, Price, UnitConfig
from billing.models import PlanRateCard, PlanVersion, Subscription
from billing.subscriptions.changes import IMMEDIATE, NEXT_CYCLE
from billing.subscriptions.timeline import Status
from ledger.api.fields import Body, Instant, PageQuery, Query

_AT: Final = "2026-03-01T00:00:00Z"
_MANY: Final = 100
_LONGEST: Final = 1000
_DIGITS: Final = 18
_MOST: Final = 2**31 - 1

_NAMED: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]{1,18}$"},
        "key": {"type": "string", "minLength": 1, "maxLength": 200},
    },
}
_VERSIONED: Final = {
    **_NAMED,
    "properties": {
        **_NAMED["properties"],  # type: ignore[dict-item]
        "version": {"type": "integer", "minimum": 1},
    },
    "description": "A version by its id, or by key and version; without it, the newest on offer.",
}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": [IMMEDIATE, NEXT_CYCLE]},
            {"type": "string", "format": "date-time"},
        ],
        "description": "When it takes effect: now, at the next billing cycle, or at an instant.",
    }
)
class Timing(Instant):
    """When a change takes effect."""

    default_error_messages = {
        "invalid": f"Send {IMMEDIATE}, {NEXT_CYCLE}, or a time with its offset.",
    }

    def to_internal_value(self, data: Any) -> Any:
        """Read it."""
        return data if data in (IMMEDIATE, NEXT_CYCLE) else super().to_internal_value(data)


class Reference(serializers.Field):  # type: ignore[type-arg]
    """Something by its id or key; a text is a key, perhaps with all digits an id."""

    default_error_messages = {"invalid": 'Name it by its id or its key: {{"key": …}}.'}
    known: ClassVar[frozenset[str]] = frozenset({"id", "key"})

    def to_internal_value(self, data: Any) -> Any:
        """Read it."""
        if not isinstance(data, dict) or data.keys() - self.known:
            self.fail("invalid")
        number, key, version = (data.get(name) for name in ("id", "key", "version"))
        is_number = isinstance(number, str) and number.isascii() and number.isdigit()
        if number is not None and not (is_number and len(number) <= _DIGITS):
            self.fail("invalid")
        if number is None and not (isinstance(key, str) and key and "\0" not in key):
            self.fail("invalid")
        if version is not None and not (type(version) is int and 0 < version <= _MOST):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        """Write it as it was sent."""
        return value


@extend_schema_field(_VERSIONED)
class VersionReference(Reference):
    """A version of a plan or an add-on."""

    known = frozenset({"id", "key", "version"})


@extend_schema_field({"oneOf": [{"type": "string", "maxLength": 210}, _NAMED]})
class CustomerReference(Reference):
    """A customer, by its id or key."""

    def to_internal_value(self, data: Any) -> str:
        """Read it: what an address would name it by."""
        if isinstance(data, str) and data:
            return data
        found = super().to_internal_value(data)
        return str(found["id"]) if found.get("id") is not None else f"key:{found['key']}"


@extend_schema_field({"oneOf": [{"type": "string", "maxLength": 210}, _NAMED]})
class FeatureReference(AsSent):
    """A feature, by its id or key; read by the domain, which names the field."""


class Patch(Body):
    """New terms of an item; what is not sent stays as it is."""

    key = serializers.CharField(max_length=255)
    phase = serializers.CharField(
        max_length=100, default="", allow_blank=True, help_text="Only in this phase."
    )
    name = serializers.CharField(required=False, max_length=256)
    price = Price(required=False)
    unit_config = UnitConfig(required=False, allow_null=True)
    discounts = Discounts(required=False, allow_null=True)
    commitments = Commitments(required=False, allow_null=True)
    billing_cadence = serializers.CharField(
        required=False, max_length=40, help_text="An ISO 8601 duration."
    )
    payment_term = serializers.ChoiceField(PlanRateCard.Term.choices, required=False)
    entitlement = serializers.DictField(required=False, allow_null=True)
    tax_config = serializers.DictField(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {"key": "base", "discounts": {"percentage": 10}}


class Card(Patch):
    """A rate card of a subscription's own."""

    feature = FeatureReference(required=False, help_text="A feature, by its key, or {id} or {key}.")
    price = Price()

    example: ClassVar[dict[str, Any]] = {
        "key": "support",
        "name": "Support",
        "price": {"type": "flat", "amount": "50"},
        "billing_cadence": "P1M",
        "payment_term": "in_advance",
    }


class Removal(Body):
    """An item that is no longer sold."""

    key = serializers.CharField(max_length=255)
    phase = serializers.CharField(max_length=100, default="", allow_blank=True)


class ReasonIn(Body):
    """Why something is done."""

    reason = serializers.CharField(
        max_length=_LONGEST, default="", allow_blank=True, help_text="Why; kept in the history."
    )

    example: ClassVar[dict[str, Any]] = {"reason": "agreed by phone"}


class TimingIn(ReasonIn):
    """When something is done, and why."""

    timing = Timing(default=IMMEDIATE)

    example: ClassVar[dict[str, Any]] = {"timing": NEXT_CYCLE, "reason": "asked by mail"}


class _PlanIn(ReasonIn):
    plan = VersionReference(required=False)
    custom_plan = serializers.DictField(
        required=False, help_text="The document of a plan for this customer alone."
    )
    starting_phase = serializers.CharField(max_length=100, default="", allow_blank=True)
    overrides = serializers.ListField(
        child=Patch(), default=list, max_length=_MANY, help_text="Terms negotiated per item."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Insist on one plan."""
        if ("plan" in attrs) == ("custom_plan" in attrs):
            raise serializers.ValidationError({"plan": "Send plan or custom_plan, one of them."})
        return attrs


class SubscriptionIn(_PlanIn):
    """A new subscription."""

    customer = CustomerReference()
    key = serializers.CharField(
        required=False, max_length=200, help_text="Your own; the same again creates nothing."
    )
    name = serializers.CharField(max_length=256, default="", allow_blank=True)
    starts_at = Instant(required=False, help_text="Now, unless sent; it may be past.")
    billing_anchor = Instant(required=False, help_text="Cycles count from it; or from the start.")
    time_zone = serializers.CharField(max_length=64, default="", allow_blank=True)
    settlement_mode = serializers.ChoiceField(PlanVersion.Settlement.choices, required=False)
    proration = serializers.ChoiceField(Subscription.Proration.choices, required=False)
    metadata = serializers.DictField(default=dict)

    example: ClassVar[dict[str, Any]] = {
        "customer": {"key": "acme"},
        "plan": {"key": "pro"},
        "billing_anchor": _AT,
        "overrides": [Patch.example],
    }


class ChangeIn(_PlanIn):
    """Another plan."""

    timing = Timing(default=IMMEDIATE)

    example: ClassVar[dict[str, Any]] = {"plan": {"key": "pro"}, "timing": NEXT_CYCLE}


class EditIn(TimingIn):
    """Items to add, remove and replace."""

    add = serializers.ListField(child=Card(), default=list, max_length=_MANY)
    remove = serializers.ListField(child=Removal(), default=list, max_length=_MANY)
    replace = serializers.ListField(child=Patch(), default=list, max_length=_MANY)

    example: ClassVar[dict[str, Any]] = {"add": [Card.example], "reason": "wants support"}


class RestoreIn(ReasonIn):
    """Which changes that lie ahead to take back."""

    changes = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=_MOST),
        default=list,
        max_length=_MANY,
        help_text="Their sequence in the history; none: all of them.",
    )


class MigrateIn(TimingIn):
    """A newer version of the plan."""

    version = serializers.IntegerField(
        required=False, min_value=1, max_value=_MOST, help_text="The newest, unless sent."
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Say what would differ, and change nothing."
    )

    example: ClassVar[dict[str, Any]] = {"dry_run": True}


class AddonIn(TimingIn):
    """How many of an add-on."""

    addon = VersionReference()
    quantity = serializers.IntegerField(min_value=0, max_value=1_000_000, default=1)

    example: ClassVar[dict[str, Any]] = {"addon": {"key": "seats"}, "quantity": 3}


class SubscriptionQuery(PageQuery):
    """Which subscriptions."""

    customer = serializers.CharField(required=False, max_length=210)
    plan = serializers.CharField(required=False, max_length=100, help_text="The plan's key.")
    status = serializers.ChoiceField(
        [status.value for status in Status],
        required=False,
        help_text="At the customer's own time; canceled is what runs until its end.",
    )


class ItemQuery(Query):
    """Which items."""

    at = Instant(required=False, help_text="Only what is sold at this instant.")
