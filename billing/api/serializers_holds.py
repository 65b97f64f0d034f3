"""Holds and captures in JSON; ``billing.api.holds`` writes them."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery
from wallets.holds import Beyond
from wallets.models import Hold

_AT = "2026-03-01T12:00:00Z"
_LATER = "2026-03-01T13:00:00Z"
_DAY = 86_400
_LASTS = "Seconds, at most 24 hours."


class HoldQuery(PageQuery):
    """Which holds."""

    customer = serializers.CharField(required=False, help_text="Id or key.")
    state = serializers.ChoiceField(choices=Hold.State.choices, required=False)
    key = serializers.CharField(required=False)


class HoldIn(Body):
    """What is to be set aside: an amount of an asset, or what a quantity of a feature will cost."""

    customer = serializers.CharField(help_text="Id or key.")
    key = serializers.CharField(
        max_length=255, help_text="Yours: the same again changes nothing; denied once, denied ever."
    )
    amount = Number(required=False)
    asset = serializers.CharField(required=False, help_text="Of the amount: its code.")
    quantity = Number(required=False, help_text="In the feature's unit; its price is estimated.")
    labels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Of the usage, for its price."
    )
    feature = serializers.CharField(required=False, max_length=200)
    expires_in = serializers.IntegerField(
        default=3600, min_value=1, max_value=_DAY, help_text=_LASTS
    )
    purpose = serializers.CharField(required=False, max_length=2000)
    metadata = serializers.DictField(required=False)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "key": "call-7f3a",
        "amount": "0.75",
        "asset": "USD",
        "feature": "chat",
        "expires_in": 600,
    }


class HoldOut(serializers.Serializer[Any]):
    """Credit set aside for work under way."""

    id = Id()
    key = serializers.CharField()
    customer_id = Id()
    asset = serializers.CharField()
    state = serializers.ChoiceField(choices=Hold.State.choices)
    reason = serializers.CharField(help_text="Why it was denied.")
    requested = Amount(help_text="With what it was extended by, and what was captured beyond it.")
    captured = Amount()
    remaining = Amount(help_text="What it still sets aside.")
    feature = serializers.CharField()
    purpose = serializers.CharField()
    metadata = serializers.DictField()
    expires_at = Instant()
    created_at = Instant()
    closed_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "31",
        "key": "call-7f3a",
        "customer_id": "12",
        "asset": "USD",
        "state": "active",
        "reason": "",
        "requested": "0.75",
        "captured": "0",
        "remaining": "0.75",
        "feature": "chat",
        "purpose": "",
        "metadata": {},
        "expires_at": _LATER,
        "created_at": _AT,
        "closed_at": None,
    }


class ExtendIn(Body):
    """How much more is to be set aside, or for how long from now on."""

    amount = Number(required=False)
    expires_in = serializers.IntegerField(
        required=False, min_value=1, max_value=_DAY, help_text=f"{_LASTS} From now on."
    )

    example: ClassVar[dict[str, Any]] = {"amount": "0.5"}


class EventNameIn(Body):
    """A usage event, as it is or will be sent."""

    source = serializers.CharField()  # type: ignore[assignment]  # over DRF's own
    id = serializers.CharField()


class CaptureIn(Body):
    """What is to be taken."""

    key = serializers.CharField(max_length=255, help_text="Yours: captured once under it.")
    amount = Number()
    events = EventNameIn(
        many=True, required=False, help_text="The usage it pays for: that is not paid again."
    )
    beyond = serializers.ChoiceField(
        choices=[one.value for one in Beyond],
        default=Beyond.REJECT.value,
        help_text="What becomes of more than was set aside.",
    )
    is_final = serializers.BooleanField(
        default=True, help_text="Gives back the rest. A lease is captured many times before."
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "call-7f3a",
        "amount": "0.31",
        "events": [{"source": "gateway", "id": "call-7f3a"}],
    }


class CaptureOut(serializers.Serializer[Any]):
    """What was taken of a hold."""

    id = Id()
    hold_id = Id()
    key = serializers.CharField()
    amount = Amount()
    remaining = Amount(help_text="What waits for events that have not come.")
    transaction_id = Id(allow_null=True)
    created_at = Instant()
    settled_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "9",
        "hold_id": "31",
        "key": "call-7f3a",
        "amount": "0.31",
        "remaining": "0.31",
        "transaction_id": "152709948211200",
        "created_at": _AT,
        "settled_at": None,
    }
