"""Subscriptions in JSON; names as in Konnect's specification where it has the thing."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.models import PlanRateCard, PlanVersion, Subscription, SubscriptionItem
from billing.subscriptions.timeline import Status
from ledger.api.fields import Id, Instant

_AT: Final = "2026-03-01T00:00:00Z"
_LATER: Final = "2026-04-01T00:00:00Z"


class SubscribedPlanOut(serializers.Serializer[Any]):
    """A plan's version."""

    id = Id(source="pk")
    key = serializers.CharField(source="plan.key")
    version = serializers.IntegerField()
    name = serializers.CharField()


class SubscriptionOut(serializers.Serializer[Any]):
    """One customer's agreement to a plan."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    customer_id = Id()
    customer = serializers.CharField(source="customer.key")
    plan_id = Id(source="plan_version_id")
    plan = SubscribedPlanOut(source="plan_version")
    status = serializers.SerializerMethodField(help_text="Canceled: it has an end ahead.")
    currency = serializers.CharField(source="asset.code")
    billing_anchor = Instant()
    billing_cadence = serializers.CharField(source="plan_version.billing_cadence")
    time_zone = serializers.CharField()
    settlement_mode = serializers.ChoiceField(PlanVersion.Settlement.choices)
    proration = serializers.ChoiceField(Subscription.Proration.choices)
    active_from = Instant(source="starts_at")
    active_to = Instant(source="ends_at", allow_null=True)
    metadata = serializers.JSONField()
    created_at = Instant()

    def get_status(self, subscription: Subscription) -> str:
        """Return the state that the view has found."""
        found: Status = self.context["statuses"][subscription.pk]
        return found.value

    example: ClassVar[dict[str, Any]] = {
        "id": "12",
        "key": "acme-pro",
        "name": "",
        "customer_id": "3",
        "customer": "acme",
        "plan_id": "5",
        "plan": {"id": "5", "key": "pro", "version": 2, "name": "Pro"},
        "status": "active",
        "currency": "USD",
        "billing_anchor": _AT,
        "billing_cadence": "P1M",
        "time_zone": "Europe/Berlin",
        "settlement_mode": "credit_then_invoice",
        "proration": "always",
        "active_from": _AT,
        "active_to": None,
        "metadata": {},
        "created_at": _AT,
    }


class NextPlanOut(serializers.Serializer[Any]):
    """The plan that comes last, and from when on."""

    plan = SubscribedPlanOut()
    active_from = Instant()


class SubscriptionChangeOut(serializers.Serializer[Any]):
    """A subscription, and the plan it goes to."""

    current = SubscriptionOut()
    next = NextPlanOut()

    example: ClassVar[dict[str, Any]] = {
        "current": SubscriptionOut.example,
        "next": {
            "plan": {"id": "8", "key": "max", "version": 1, "name": "Max"},
            "active_from": _LATER,
        },
    }


class DifferenceOut(serializers.Serializer[Any]):
    """How an item would differ; null where it is not sold."""

    key = serializers.CharField()
    phase = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class MigrationOut(serializers.Serializer[Any]):
    """What a migration changes."""

    dry_run = serializers.BooleanField()
    effective_at = Instant()
    before = SubscribedPlanOut()
    after = SubscribedPlanOut()
    differences = DifferenceOut(many=True)
    dropped_overrides = serializers.ListField(child=serializers.CharField(), source="dropped")

    example: ClassVar[dict[str, Any]] = {
        "dry_run": True,
        "effective_at": _AT,
        "before": {"id": "5", "key": "pro", "version": 1, "name": "Pro"},
        "after": {"id": "8", "key": "pro", "version": 2, "name": "Pro"},
        "differences": [
            {
                "key": "base",
                "phase": "main",
                "before": {"price": {"type": "flat", "amount": "10"}},
                "after": {"price": {"type": "flat", "amount": "12"}},
            }
        ],
        "dropped_overrides": [],
    }


class SubscriptionItemOut(serializers.Serializer[Any]):
    """One thing that a subscription sells over one stretch of time."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    phase = serializers.CharField(source="phase_key")
    origin = serializers.ChoiceField(SubscriptionItem.Origin.choices)
    rate_card_id = Id(allow_null=True)
    addon_id = Id(allow_null=True)
    feature = serializers.CharField(source="feature.key", default=None, allow_null=True)
    meter = serializers.CharField(source="meter.key", default=None, allow_null=True)
    rate_id = Id(allow_null=True)
    quantity = serializers.IntegerField()
    price = serializers.JSONField(source="terms.price")
    unit_config = serializers.JSONField(source="terms.unit_config", allow_null=True)
    discounts = serializers.JSONField(source="terms.discounts", allow_null=True)
    commitments = serializers.JSONField(source="terms.commitments", allow_null=True)
    billing_cadence = serializers.SerializerMethodField(help_text="Null: charged once.")
    payment_term = serializers.ChoiceField(PlanRateCard.Term.choices)
    entitlement = serializers.JSONField(allow_null=True)
    tax_config = serializers.JSONField(allow_null=True)
    active_from = Instant(source="starts_at")
    active_to = Instant(source="ends_at", allow_null=True)

    def get_billing_cadence(self, item: SubscriptionItem) -> str | None:
        """Return the cadence, if it recurs."""
        return item.billing_cadence or None

    example: ClassVar[dict[str, Any]] = {
        "id": "31",
        "key": "tokens",
        "name": "Tokens",
        "phase": "main",
        "origin": "plan",
        "rate_card_id": "9",
        "addon_id": None,
        "feature": "llm-tokens",
        "meter": "llm-tokens",
        "rate_id": "17",
        "quantity": 1,
        "price": {"type": "unit", "amount": "0.000002"},
        "unit_config": None,
        "discounts": None,
        "commitments": None,
        "billing_cadence": "P1M",
        "payment_term": "in_arrears",
        "entitlement": None,
        "tax_config": None,
        "active_from": _AT,
        "active_to": None,
    }


class SubscriptionEventOut(serializers.Serializer[Any]):
    """One change: what, from when on, who and why."""

    sequence = serializers.IntegerField()
    type = serializers.CharField(source="kind")
    effective_at = Instant()
    recorded_at = Instant()
    cause = serializers.CharField()
    reason = serializers.CharField()
    is_withdrawn = serializers.SerializerMethodField(help_text="Taken back before its time.")
    content = serializers.SerializerMethodField()

    def get_is_withdrawn(self, event: Any) -> bool:
        """Say whether a later change took it back."""
        return event.sequence in self.context["withdrawn"]

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_content(self, event: Any) -> dict[str, Any]:
        """Return what was changed."""
        return {name: value for name, value in event.content.items() if name != "request"}

    example: ClassVar[dict[str, Any]] = {
        "sequence": 2,
        "type": "canceled",
        "effective_at": _LATER,
        "recorded_at": _AT,
        "cause": "key:mb_live_1",
        "reason": "asked by mail",
        "is_withdrawn": False,
        "content": {},
    }


class SegmentOut(serializers.Serializer[Any]):
    """How many, from when to when."""

    active_from = Instant()
    active_to = Instant(allow_null=True)
    quantity = serializers.IntegerField()


class AddonNameOut(serializers.Serializer[Any]):
    """An add-on's version."""

    id = Id(source="pk")
    key = serializers.CharField(source="addon.key")
    version = serializers.IntegerField()


class SubscriptionAddonOut(serializers.Serializer[Any]):
    """An add-on of a subscription."""

    id = Id(source="bought.pk")
    name = serializers.CharField(source="bought.addon_version.name")
    addon = AddonNameOut(source="bought.addon_version")
    quantity = serializers.IntegerField()
    quantity_at = Instant()
    active_from = Instant()
    active_to = Instant(allow_null=True)
    timeline = SegmentOut(many=True)
    affected_subscription_item_ids = serializers.ListField(child=Id(), source="items")
    created_at = Instant(source="bought.created_at")

    example: ClassVar[dict[str, Any]] = {
        "id": "2",
        "name": "Seats",
        "addon": {"id": "4", "key": "seats", "version": 1},
        "quantity": 3,
        "quantity_at": _AT,
        "active_from": _AT,
        "active_to": None,
        "timeline": [{"active_from": _AT, "active_to": None, "quantity": 3}],
        "affected_subscription_item_ids": ["33"],
        "created_at": _AT,
    }
