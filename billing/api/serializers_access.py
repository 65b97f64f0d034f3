"""Decisions as the API's document describes them; ``billing.api.access`` reads and writes them."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_prices import AsSent
from billing.entitlements.answers import Reason
from ledger.api.fields import Amount, Body, Id, Instant, Number, Query


class ReserveIn(Body):
    """What to set aside in the same step."""

    key: Any = serializers.CharField(max_length=255, help_text="The same key, the same answer.")
    expires_in = serializers.IntegerField(default=3600, min_value=1, max_value=86_400)
    purpose = serializers.CharField(default="", allow_blank=True)


class OneCheckIn(Body):
    """May this customer use so much of a feature?"""

    customer = serializers.CharField(required=False, help_text="By id or key; or a `subject`.")
    subject = serializers.CharField(required=False)
    feature = serializers.CharField(
        required=False, help_text="By key; none asks about the customer and its money alone."
    )
    quantity = Number(required=False, help_text="In the meter's unit.")
    cost = Number(required=False, help_text="In what the customer's prices are in.")
    labels: Any = serializers.DictField(child=serializers.CharField(), required=False)
    reserve = ReserveIn(required=False)


class CheckIn(OneCheckIn):
    """One question; or several under `checks`."""

    checks = OneCheckIn(many=True, required=False)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "feature": "gpt-5-input",
        "quantity": "1200",
        "labels": {"model": "gpt-5"},
        "reserve": {"key": "call-7", "expires_in": 600},
    }


class CheckQuery(Query):
    """How to answer."""

    enforce = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Answer what is refused with 402, 403 or 429 instead of 200.",
    )


class RemainingOut(serializers.Serializer[Any]):
    """What is left in one dimension."""

    kind = serializers.ChoiceField(choices=["wallet", "credit_limit", "entitlement", "budget"])
    key = serializers.CharField(help_text="The budget's, or the feature's.", allow_blank=True)
    asset = serializers.CharField()
    amount = Amount()
    resets_at = Instant(allow_null=True)


class EstimateOut(serializers.Serializer[Any]):
    """What it is estimated to cost."""

    amount = Amount()
    asset = serializers.CharField()


class CheckedCustomerOut(serializers.Serializer[Any]):
    """Who asks."""

    id = Id()
    key = serializers.CharField()


class CheckedHoldOut(serializers.Serializer[Any]):
    """What was set aside."""

    id = Id()
    key = serializers.CharField()
    state = serializers.CharField()
    amount = Amount()
    expires_at = Instant()


@extend_schema_field({})
class Config(AsSent):
    """Whatever the entitlement says."""


class OneCheckOut(serializers.Serializer[Any]):
    """Whether it may be used, why not, and what is left."""

    is_allowed = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    customer = CheckedCustomerOut(allow_null=True)
    feature = serializers.CharField(allow_blank=True)
    remaining = RemainingOut(many=True)
    retry_at = Instant(allow_null=True)
    estimate = EstimateOut(allow_null=True)
    config = Config(allow_null=True)
    hold = CheckedHoldOut(allow_null=True)


class CheckOut(OneCheckOut):
    """One answer; for `checks`, theirs under `data` and nothing else."""

    example: ClassVar[dict[str, Any]] = {
        "is_allowed": True,
        "reason": "allowed",
        "customer": {"id": "7", "key": "acme"},
        "feature": "gpt-5-input",
        "remaining": [
            {"kind": "wallet", "key": "", "asset": "USD", "amount": "48.2", "resets_at": None}
        ],
        "retry_at": None,
        "estimate": {"amount": "0.0015", "asset": "USD"},
        "config": None,
        "hold": None,
    }
