"""Entitlements and budgets in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_access import CheckOut, Config, OneCheckOut
from billing.budgets.periods import period_of
from billing.budgets.uses import Use
from billing.models import Budget, BudgetUse, Entitlement
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery
from ledger.money import text

_AT: Final = "2026-03-01T00:00:00Z"
_PERIOD: Final = "ISO 8601, at least PT1H: P1M, P1D, PT1H."


class Percent(Number):
    """A share in percent, up to three places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(places=3, **options)


class EntitlementOut(serializers.Serializer[Any]):
    """A right to a feature over a stretch of time."""

    id = Id()
    customer = Id(source="customer_id")
    feature = serializers.CharField(source="feature.key")
    subscription_item = Id(source="item_id", allow_null=True)
    kind = serializers.ChoiceField(choices=Entitlement.Kind.choices)
    config = Config(allow_null=True)
    limit = Amount(allow_null=True)
    is_soft_limit = serializers.BooleanField()
    usage_period = serializers.CharField(allow_blank=True)
    preserves_overage = serializers.BooleanField()
    anchor = Instant()
    time_zone = serializers.CharField()
    wallet = Id(source="wallet_id", allow_null=True)
    starts_at = Instant()
    ends_at = Instant(allow_null=True)
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "4",
        "customer": "7",
        "feature": "gpt-5-input",
        "subscription_item": None,
        "kind": "metered",
        "config": None,
        "limit": "1000000",
        "is_soft_limit": False,
        "usage_period": "P1M",
        "preserves_overage": False,
        "anchor": _AT,
        "time_zone": "UTC",
        "wallet": "12",
        "starts_at": _AT,
        "ends_at": None,
        "created_at": _AT,
    }


class EntitlementIn(Body):
    """A right given by hand."""

    customer = serializers.CharField(max_length=210, help_text="By id or key.")
    feature = serializers.CharField(max_length=110, help_text="By id or key.")
    kind = serializers.ChoiceField(choices=Entitlement.Kind.choices)
    config = Config(required=False, allow_null=True)
    limit: Any = Number(required=False, allow_null=True, help_text="In the meter's unit.")
    is_soft_limit = serializers.BooleanField(default=False)
    usage_period = serializers.CharField(
        default="", allow_blank=True, max_length=40, help_text=_PERIOD
    )
    preserves_overage = serializers.BooleanField(default=False)
    anchor = Instant(required=False)
    time_zone = serializers.CharField(default="", allow_blank=True, max_length=64)
    starts_at = Instant(required=False)
    ends_at = Instant(required=False)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "feature": "gpt-5-input",
        "kind": "metered",
        "limit": "1000000",
        "usage_period": "P1M",
    }


class UnitsIn(Body):
    """Units on top of an allowance."""

    key = serializers.CharField(max_length=200, help_text="The same key, the same grant.")
    amount = Number(help_text="In the meter's unit.")
    expires_at = Instant(required=False, allow_null=True, help_text="Never unless given.")
    reason = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=500,
        help_text="Why; needed where a second person has to approve it.",
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "launch-week",
        "amount": "250000",
        "reason": "Launch week",
    }


class UnitsOut(serializers.Serializer[Any]):
    """The grant of units on top of an allowance; `GET /grants` says what became of it."""

    id = Id()
    key = serializers.CharField()
    wallet = Id(source="wallet_id")
    asset = serializers.CharField(source="wallet.asset.code")
    amount = Amount()
    feature_keys = serializers.ListField(child=serializers.CharField())
    effective_at = Instant()
    expires_at = Instant(allow_null=True)
    reason = serializers.CharField(allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "31",
        "key": "launch-week",
        "wallet": "14",
        "asset": "TOKEN",
        "amount": "250000",
        "feature_keys": ["gpt-5-input"],
        "effective_at": _AT,
        "expires_at": None,
        "reason": "Launch week",
    }


class EntitlementQuery(PageQuery):
    """Which entitlements."""

    customer = serializers.CharField(required=False, help_text="By id or key.")
    feature = serializers.CharField(required=False, help_text="By key.")
    include_ended = serializers.BooleanField(required=False, default=False)


class AccessListOut(serializers.Serializer[Any]):
    """What a customer has a right to now, each with what is left."""

    data: Any = OneCheckOut(many=True)

    example: ClassVar[dict[str, Any]] = {"data": [CheckOut.example]}


class BudgetOut(serializers.Serializer[Any]):
    """How much may be spent per period."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    customer = Id(source="customer_id")
    asset = serializers.CharField(source="asset.code")
    feature = serializers.CharField(source="feature_key", allow_blank=True)
    labels: Any = serializers.DictField(child=serializers.CharField())
    amount = Amount()
    cadence = serializers.CharField()
    anchor = Instant()
    time_zone = serializers.CharField()
    action = serializers.ChoiceField(choices=Budget.Action.choices)
    warn_at = serializers.ListField(child=Amount())
    created_at = Instant()
    ended_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "research-march",
        "name": "",
        "customer": "7",
        "asset": "USD",
        "feature": "",
        "labels": {"model": "gpt-5"},
        "amount": "500",
        "cadence": "P1M",
        "anchor": _AT,
        "time_zone": "UTC",
        "action": "block",
        "warn_at": ["80", "95"],
        "created_at": _AT,
        "ended_at": None,
    }


class BudgetIn(Body):
    """A new budget."""

    key = serializers.CharField(max_length=200)
    name = serializers.CharField(default="", allow_blank=True, max_length=200)
    customer = serializers.CharField(max_length=210, help_text="By id or key.")
    asset = serializers.CharField(
        max_length=50, help_text="What prices are in, or a meter's unit: an asset's code."
    )
    feature = serializers.CharField(
        source="feature_key", default="", allow_blank=True, max_length=200
    )
    labels: Any = serializers.DictField(child=serializers.CharField(), default=dict)
    amount = Number()
    cadence = serializers.CharField(default="P1M", max_length=40, help_text=_PERIOD)
    anchor = Instant(required=False)
    time_zone = serializers.CharField(default="", allow_blank=True, max_length=64)
    action = serializers.ChoiceField(choices=Budget.Action.choices, default=Budget.Action.BLOCK)
    warn_at = serializers.ListField(child=Percent(), default=list, max_length=20)

    example: ClassVar[dict[str, Any]] = {
        "key": "research-march",
        "customer": "acme",
        "asset": "USD",
        "amount": "500",
        "labels": {"model": "gpt-5"},
        "warn_at": ["80", "95"],
    }


class BudgetChange(Body):
    """What may change about a budget, from now on."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    amount = Number(required=False)
    action = serializers.ChoiceField(choices=Budget.Action.choices, required=False)
    warn_at = serializers.ListField(child=Percent(), required=False, max_length=20)

    example: ClassVar[dict[str, Any]] = {"amount": "800"}


class BudgetQuery(PageQuery):
    """Which budgets."""

    customer = serializers.CharField(required=False, help_text="By id or key.")
    key = serializers.CharField(required=False, max_length=200)
    include_ended = serializers.BooleanField(required=False, default=False)


class BudgetUseOut(serializers.Serializer[Any]):
    """One period of a budget."""

    starts_at = Instant()
    ends_at = serializers.SerializerMethodField()
    used = Amount()
    held = Amount()
    extra = Amount(help_text="Approved beyond the amount.")
    remaining = serializers.SerializerMethodField()

    example: ClassVar[dict[str, Any]] = {
        "starts_at": _AT,
        "ends_at": "2026-04-01T00:00:00Z",
        "used": "120.5",
        "held": "2",
        "extra": "0",
        "remaining": "377.5",
    }

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_ends_at(self, use: BudgetUse) -> str:
        """Write the end of the period."""
        of = use.budget
        ends_at = period_of(of.anchor, of.cadence, of.time_zone, use.starts_at).ends_at
        return Instant().to_representation(ends_at)

    @extend_schema_field({"type": "string"})
    def get_remaining(self, use: BudgetUse) -> str:
        """Write what is left."""
        come_to = Use(used=use.used, held=use.held, extra=use.extra)
        return text(come_to.left(use.budget.amount))


class ApproveIn(Body):
    """Leave to spend more than a budget in the period that is running."""

    key = serializers.CharField(max_length=255)
    extra = Number()
    reason = serializers.CharField(default="", allow_blank=True, max_length=2000)

    example: ClassVar[dict[str, Any]] = {"key": "launch", "extra": "200", "reason": "Launch week"}


class ApprovalOut(serializers.Serializer[Any]):
    """Somebody's leave to spend more."""

    id = Id()
    key = serializers.CharField()
    starts_at = Instant(help_text="Of the period.")
    extra = Amount()
    cause = serializers.CharField(help_text="Who approved it.")
    reason = serializers.CharField(allow_blank=True)
    approved_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "1",
        "key": "launch",
        "starts_at": _AT,
        "extra": "200",
        "cause": "user:dana",
        "reason": "Launch week",
        "approved_at": "2026-03-12T09:00:00Z",
    }
