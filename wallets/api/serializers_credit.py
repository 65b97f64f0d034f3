"""Credit that recurs, moves and is adjusted, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number
from wallets.models import CreditGrant

_FEATURES: dict[str, Any] = {"default": list, "max_length": 100}
_AT = "2026-03-01T00:00:00Z"


class ScheduleIn(Body):
    """Credit that comes again and again, in the wallet's asset."""

    key = serializers.CharField(max_length=200, trim_whitespace=False)
    amount = Number()
    cadence = serializers.CharField(max_length=40, help_text="ISO 8601, like P1M; an hour or more.")
    starts_at = Instant(help_text="When the first grant is due.")
    anchor = Instant(
        required=False, allow_null=True, help_text="What cycles are counted from; else starts_at."
    )
    time_zone = serializers.CharField(
        max_length=64, default="", allow_blank=True, help_text="The book's unless given."
    )
    ends_at = Instant(required=False, allow_null=True, help_text="None is due from then on.")
    funding = serializers.ChoiceField(CreditGrant.Funding.choices, default=CreditGrant.Funding.PAID)
    priority = serializers.IntegerField(min_value=0, max_value=32767, default=100)
    feature_keys = serializers.ListField(child=serializers.CharField(max_length=200), **_FEATURES)
    cost_basis = Number(places=18, required=False, allow_null=True)
    lifetime = serializers.CharField(
        max_length=40,
        default="",
        allow_blank=True,
        help_text="How long a grant lives; until the next is due unless given.",
    )
    rollover_minimum = Number(
        required=False,
        help_text="Zero unless given; the next grant makes up what is missing to it.",
    )
    rollover_maximum = Number(
        required=False, help_text="Zero unless given; what is left beyond it lapses."
    )
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    reason = serializers.CharField(
        max_length=500,
        default="",
        allow_blank=True,
        help_text="Why; needed where a second person has to approve it.",
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "included",
        "amount": "100",
        "cadence": "P1M",
        "starts_at": _AT,
        "rollover_maximum": "40",
        "name": "Included each month",
    }


class ScheduleOut(serializers.Serializer[Any]):
    """Credit that comes again and again."""

    id = Id()
    wallet_id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    asset = serializers.CharField(source="wallet.asset.code")
    amount = Amount()
    funding = serializers.ChoiceField(CreditGrant.Funding.choices)
    priority = serializers.IntegerField()
    feature_keys = serializers.ListField(child=serializers.CharField())
    cost_basis = Amount(allow_null=True)
    cadence = serializers.CharField()
    anchor = Instant()
    time_zone = serializers.CharField()
    lifetime = serializers.CharField()
    rollover_minimum = Amount()
    rollover_maximum = Amount()
    origin = serializers.CharField(help_text="Whose it is, if it was not created over the API.")
    starts_at = Instant()
    ends_at = Instant(allow_null=True)
    issued = serializers.IntegerField(help_text="How many grants have come.")
    due_at = Instant(allow_null=True, help_text="When the next is due.")
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "5",
        "wallet_id": "7",
        "key": "included",
        "name": "Included each month",
        "asset": "USD",
        "amount": "100",
        "funding": "paid",
        "priority": 100,
        "feature_keys": [],
        "cost_basis": None,
        "cadence": "P1M",
        "anchor": _AT,
        "time_zone": "UTC",
        "lifetime": "",
        "rollover_minimum": "0",
        "rollover_maximum": "40",
        "origin": "",
        "starts_at": _AT,
        "ends_at": None,
        "issued": 1,
        "due_at": "2026-04-01T00:00:00Z",
        "created_at": _AT,
    }


class EndIn(Body):
    """When it ends."""

    ends_at = Instant(required=False, allow_null=True, help_text="Now unless given.")

    example: ClassVar[dict[str, Any]] = {"ends_at": "2026-06-01T00:00:00Z"}


class AdjustmentIn(Body):
    """How much more a grant is to be, or less, and why."""

    key = serializers.CharField(max_length=160, trim_whitespace=False)
    amount = Number(min_value=None, help_text="Below zero to take from what is unused.")
    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {
        "key": "case-1234",
        "amount": "-25",
        "reason": "Granted twice by mistake",
    }


class TransferIn(Body):
    """What is to be moved to which wallet."""

    key = serializers.CharField(max_length=160, trim_whitespace=False)
    to_wallet = serializers.RegexField(r"^[0-9]{1,19}$")
    amount = Number()
    grant = serializers.RegexField(
        r"^[0-9]{1,19}$",
        required=False,
        allow_null=True,
        help_text="From this grant only; else from all that are effective, in burn order.",
    )
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "key": "case-1235",
        "to_wallet": "8",
        "amount": "30",
        "reason": "The team moved",
    }
