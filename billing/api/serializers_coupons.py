"""Coupons and their redemptions in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.models import Coupon
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery

_AT: Final = "2026-03-01T12:00:00Z"
_MOST: Final = 2**31 - 1


def _count(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=_MOST, **options)


class CouponOut(serializers.Serializer[Any]):
    """A discount to be redeemed; the key is what customers type."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Coupon.Kind.choices)
    percentage = Amount(allow_null=True)
    amount = Amount(allow_null=True, help_text="Per cycle.")
    currency = serializers.CharField(source="asset.code", default=None, allow_null=True)
    duration = serializers.ChoiceField(Coupon.Duration.choices)
    periods = serializers.IntegerField(allow_null=True)
    feature_keys = serializers.ListField(child=serializers.CharField())
    max_redemptions = serializers.IntegerField(allow_null=True)
    max_redemptions_per_customer = serializers.IntegerField(allow_null=True)
    redemptions = serializers.IntegerField(source="redeemed", help_text="Those removed too.")
    expires_at = Instant(allow_null=True)
    metadata = Json()
    created_at = Instant()
    archived_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "6",
        "key": "LAUNCH20",
        "name": "Launch",
        "kind": "percentage",
        "percentage": "20",
        "amount": None,
        "currency": None,
        "duration": "periods",
        "periods": 3,
        "feature_keys": [],
        "max_redemptions": 500,
        "max_redemptions_per_customer": 1,
        "redemptions": 12,
        "expires_at": None,
        "metadata": {},
        "created_at": _AT,
        "archived_at": None,
    }


class CouponIn(Body):
    """A new coupon."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=256)
    kind = serializers.ChoiceField(Coupon.Kind.choices)
    percentage = Number(required=False, allow_null=True, help_text="Above 0, up to 100.")
    amount = Number(required=False, allow_null=True, help_text="Off each cycle.")
    currency = serializers.CharField(
        max_length=100, required=False, allow_null=True, help_text="Of the amount."
    )
    duration = serializers.ChoiceField(Coupon.Duration.choices)
    periods = _count(required=False, allow_null=True, help_text="For how many cycles.")
    feature_keys = serializers.ListField(
        child=serializers.CharField(max_length=200),
        default=list,
        max_length=100,
        help_text="What it takes off from; none: everything.",
    )
    max_redemptions = _count(required=False, allow_null=True)
    max_redemptions_per_customer = _count(
        required=False, allow_null=True, help_text="1 unless given; null: no limit."
    )
    expires_at = Instant(required=False, allow_null=True)
    metadata = Json(default=dict)

    example: ClassVar[dict[str, Any]] = {
        "key": "LAUNCH20",
        "name": "Launch",
        "kind": "percentage",
        "percentage": "20",
        "duration": "periods",
        "periods": 3,
        "max_redemptions": 500,
    }


class CouponChange(Body):
    """What may change about a coupon; what is left out stays."""

    name = serializers.CharField(max_length=256, required=False)
    max_redemptions = _count(required=False, allow_null=True)
    expires_at = Instant(required=False, allow_null=True)
    metadata = Json(required=False)

    example: ClassVar[dict[str, Any]] = {"max_redemptions": 600}


class CouponQuery(PageQuery):
    """Which coupons."""

    key = serializers.CharField(required=False, max_length=100)
    include_archived = serializers.BooleanField(required=False, default=False)


class RedemptionOut(serializers.Serializer[Any]):
    """A coupon used for a subscription."""

    id = Id()
    coupon_id = Id()
    coupon = serializers.CharField(source="coupon.key")
    subscription_id = Id()
    key = serializers.CharField()
    redeemed_at = Instant()
    removed_at = Instant(allow_null=True)
    cause = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {
        "id": "31",
        "coupon_id": "6",
        "coupon": "LAUNCH20",
        "subscription_id": "15",
        "key": "checkout-2291",
        "redeemed_at": _AT,
        "removed_at": None,
        "cause": "key:mb_live_x1",
    }


class RedemptionIn(Body):
    """A coupon to use for a subscription."""

    coupon = serializers.CharField(max_length=110, help_text="The coupon's id or key.")
    key = serializers.CharField(
        required=False, max_length=255, help_text="Your own name of this redemption, once."
    )

    example: ClassVar[dict[str, Any]] = {"coupon": "LAUNCH20", "key": "checkout-2291"}
