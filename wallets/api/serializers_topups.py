"""Top-ups, rules of automatic recharge and their emergency stop in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery
from wallets.models import RechargeRule, TopUp

_AT = "2026-03-01T12:00:00Z"


class TopUpStepOut(serializers.Serializer[Any]):
    """One step of a top-up."""

    state = serializers.ChoiceField(TopUp.State.choices)
    reason = serializers.CharField()
    cause = serializers.CharField(help_text="Who or what brought it about.")
    recorded_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "state": "settled",
        "reason": "",
        "cause": "key:2ndQh7vWyZ1k",
        "recorded_at": _AT,
    }


class TopUpOut(serializers.Serializer[Any]):
    """Credit that is bought: amounts are of credit, prices of money."""

    id = Id()
    key = serializers.CharField()
    wallet_id = Id()
    customer_id = Id(source="wallet.customer_id")
    asset = serializers.CharField(source="wallet.asset.code")
    amount = Amount()
    currency = serializers.CharField(source="currency.code")
    price = Amount(help_text="What it costs, settled when it was asked for.")
    state = serializers.ChoiceField(TopUp.State.choices)
    availability = serializers.ChoiceField(TopUp.Availability.choices)
    rail = serializers.CharField()
    payment_key = serializers.CharField(allow_null=True)
    recharge_rule_id = Id(source="rule_id", allow_null=True)
    grant_id = Id(allow_null=True)
    reason = serializers.CharField(help_text="Why it failed or was refunded.")
    taken_back = Amount(help_text="Credit that was unused when it failed or was refunded.")
    money_back = Amount(help_text="The money for that credit.")
    cause = serializers.CharField()
    created_at = Instant()
    settled_at = Instant(allow_null=True)
    closed_at = Instant(allow_null=True)
    history = TopUpStepOut(many=True, source="history.all")

    example: ClassVar[dict[str, Any]] = {
        "id": "12",
        "key": "order-2026-117",
        "wallet_id": "7",
        "customer_id": "12",
        "asset": "credit",
        "amount": "1000",
        "currency": "USD",
        "price": "100",
        "state": "settled",
        "availability": "on_settlement",
        "rail": "manual",
        "payment_key": "MT103-88120",
        "recharge_rule_id": None,
        "grant_id": "31",
        "reason": "",
        "taken_back": "0",
        "money_back": "0",
        "cause": "key:2ndQh7vWyZ1k",
        "created_at": _AT,
        "settled_at": _AT,
        "closed_at": None,
        "history": [TopUpStepOut.example],
    }


class TopUpIn(Body):
    """Credit to be bought, in the wallet's asset."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$")
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    amount = Number()
    currency = serializers.CharField(
        required=False, max_length=100, help_text="The wallet's, or the book's, unless given."
    )

    example: ClassVar[dict[str, Any]] = {"wallet": "7", "key": "order-2026-117", "amount": "1000"}


class TopUpTermsIn(TopUpIn):
    """Credit to be bought on terms that finance decides."""

    availability = serializers.ChoiceField(
        TopUp.Availability.choices,
        default=TopUp.Availability.ON_SETTLEMENT,
        help_text="When the credit is there; before its payment it is owed.",
    )
    priority = serializers.IntegerField(min_value=0, max_value=32767, default=100)
    expires_at = Instant(required=False, allow_null=True)
    feature_keys = serializers.ListField(
        child=serializers.CharField(max_length=200), default=list, max_length=100
    )
    reason = serializers.CharField(
        max_length=500,
        default="",
        allow_blank=True,
        help_text="Why; needed where a second person has to approve it.",
    )

    example: ClassVar[dict[str, Any]] = {
        **TopUpIn.example,
        "availability": "on_creation",
        "expires_at": "2027-03-01T00:00:00Z",
    }


class TopUpQuery(PageQuery):
    """Which top-ups."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$", required=False)
    customer = serializers.CharField(required=False, max_length=210)
    state = serializers.ChoiceField(TopUp.State.choices, required=False)
    key = serializers.CharField(required=False, max_length=200, trim_whitespace=False)


class PaymentIn(Body):
    """The payment that has been promised or has come."""

    payment_key = serializers.CharField(
        max_length=255, trim_whitespace=False, help_text="What the bank or rail calls it."
    )

    example: ClassVar[dict[str, Any]] = {"payment_key": "MT103-88120"}


class ReasonGivenIn(Body):
    """Why."""

    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"reason": "The card was declined."}


class RechargeRuleOut(serializers.Serializer[Any]):
    """When a wallet buys credit by itself; amounts are of credit."""

    id = Id()
    wallet_id = Id()
    key = serializers.CharField()
    trigger = serializers.ChoiceField(RechargeRule.Trigger.choices)
    threshold = Amount(allow_null=True)
    interval = serializers.CharField(help_text="ISO 8601, or empty.")
    anchor = Instant(allow_null=True)
    time_zone = serializers.CharField()
    method = serializers.ChoiceField(RechargeRule.Method.choices)
    amount = Amount(help_text="Of one charge, or the target.")
    most_per_day = Amount(allow_null=True)
    most_per_month = Amount(allow_null=True)
    currency = serializers.CharField(source="currency.code")
    rail = serializers.CharField()
    state = serializers.ChoiceField(RechargeRule.State.choices)
    reason = serializers.CharField(help_text="Why it rests, is paused or has stopped.")
    declines = serializers.IntegerField(help_text="Payments that failed in a row.")
    rests_until = Instant(allow_null=True)
    due_at = Instant(allow_null=True)
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "4",
        "wallet_id": "7",
        "key": "keep-20",
        "trigger": "threshold",
        "threshold": "20",
        "interval": "",
        "anchor": None,
        "time_zone": "Europe/Berlin",
        "method": "target",
        "amount": "100",
        "most_per_day": "500",
        "most_per_month": None,
        "currency": "USD",
        "rail": "manual",
        "state": "active",
        "reason": "",
        "declines": 0,
        "rests_until": None,
        "due_at": None,
        "created_at": _AT,
    }


class RechargeRuleIn(Body):
    """A new rule: with a threshold or an interval."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$")
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    threshold = Number(required=False, allow_null=True)
    interval = serializers.CharField(required=False, max_length=40, allow_blank=True)
    anchor = Instant(required=False, allow_null=True, help_text="Now unless given.")
    time_zone = serializers.CharField(
        required=False, max_length=64, allow_blank=True, help_text="The book's unless given."
    )
    method = serializers.ChoiceField(RechargeRule.Method.choices)
    amount = Number()
    most_per_day = Number(required=False, allow_null=True)
    most_per_month = Number(required=False, allow_null=True)
    currency = serializers.CharField(required=False, max_length=100)

    example: ClassVar[dict[str, Any]] = {
        "wallet": "7",
        "key": "keep-20",
        "threshold": "20",
        "method": "target",
        "amount": "100",
        "most_per_day": "500",
    }


class RechargeRuleChange(Body):
    """What is to change of a rule; what is left out stays."""

    threshold = Number(required=False)
    amount = Number(required=False)
    most_per_day = Number(required=False, allow_null=True)
    most_per_month = Number(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {"threshold": "50", "most_per_day": None}


class RechargeRuleQuery(PageQuery):
    """Which rules."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$", required=False)
    customer = serializers.CharField(required=False, max_length=210)
    state = serializers.ChoiceField(RechargeRule.State.choices, required=False)


class RechargeStopOut(serializers.Serializer[Any]):
    """An emergency stop of all automatic recharges of a book."""

    id = Id()
    reason = serializers.CharField()
    cause = serializers.CharField()
    started_at = Instant()
    ended_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "1",
        "reason": "Prices are wrong",
        "cause": "key:2ndQh7vWyZ1k",
        "started_at": _AT,
        "ended_at": None,
    }
