"""Charges and contracts in JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_catalogue import Terms
from billing.charging import rebates
from billing.models import Charge, Contract
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery, Query

_AT = "2026-03-01T00:00:00Z"
_NEXT = "2026-04-01T00:00:00Z"
_BASES: Final = [(rebates.VOLUME, "Volume"), (rebates.GRADUATED, "Graduated")]


class ChargeOut(serializers.Serializer[Any]):
    """What one item or contract owes for some time beside its usage, as posted so far."""

    id = Id()
    key = serializers.CharField()
    kind = serializers.ChoiceField(Charge.Kind.choices)
    name = serializers.CharField()
    customer_id = Id()
    subscription_id = Id(allow_null=True)
    item_id = Id(allow_null=True)
    item_key = serializers.CharField(source="item.key", default=None, allow_null=True)
    contract_id = Id(allow_null=True)
    asset = serializers.CharField(source="asset.code")
    amount = Amount(source="posted", help_text="Below zero: it comes back.")
    earned = Amount(help_text="How much of it is revenue already.")
    starts_at = Instant(help_text="Of the time that it is for.")
    ends_at = Instant()
    due_at = Instant()
    quantity = Amount(allow_null=True, help_text="Of one-off charges.")
    unit_price = Amount(
        allow_null=True, help_text="Of one-off charges; of adjustments by hand: the amount."
    )
    product = serializers.CharField(help_text="What its revenue is reported under, if named.")
    tax_code = serializers.CharField()
    reason = serializers.CharField(help_text="Of adjustments.")
    scheduled_at = Instant(allow_null=True, help_text="It is posted then.")

    example: ClassVar[dict[str, Any]] = {
        "id": "41",
        "key": "flat:7:2026-03-01T00:00:00.000000",
        "kind": "flat",
        "name": "Seats",
        "customer_id": "12",
        "subscription_id": "5",
        "item_id": "7",
        "item_key": "seats",
        "contract_id": None,
        "asset": "USD",
        "amount": "20",
        "earned": "0",
        "starts_at": _AT,
        "ends_at": _NEXT,
        "due_at": _AT,
        "quantity": None,
        "unit_price": None,
        "product": "",
        "tax_code": "",
        "reason": "",
        "scheduled_at": None,
    }


class OneOffIn(Body):
    """Something to be charged for once."""

    customer = serializers.CharField(max_length=210)
    key = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="Your own; it charges once."
    )
    name = serializers.CharField(max_length=512)
    currency = serializers.CharField(max_length=100, help_text="Or the code of a credit.")
    unit_price = Number()
    quantity = Number(default=Decimal(1))
    product = serializers.CharField(
        max_length=200, default="", allow_blank=True, help_text="What revenue is reported under."
    )
    tax_code = serializers.CharField(max_length=100, default="", allow_blank=True)
    due_at = Instant(required=False, help_text="When it is owed and revenue; at once unless sent.")

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "key": "onboarding-2026",
        "name": "Onboarding",
        "currency": "USD",
        "unit_price": "250",
        "quantity": "2",
        "product": "services",
    }


class ChargeAdjustmentIn(Body):
    """What a customer is to owe more, or below zero: less."""

    customer = serializers.CharField(max_length=210)
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    name = serializers.CharField(max_length=512)
    currency = serializers.CharField(max_length=100)
    amount = Number(min_value=None)
    reason = serializers.CharField(max_length=1000)
    product = serializers.CharField(max_length=200, default="", allow_blank=True)
    tax_code = serializers.CharField(max_length=100, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "key": "outage-march",
        "name": "Goodwill for the outage",
        "currency": "USD",
        "amount": "-25",
        "reason": "Four hours without answers on 12 March",
    }


class PriceCorrectionIn(Body):
    """The price that usage of a period that is over should have had."""

    customer = serializers.CharField(max_length=210)
    meter = serializers.CharField(max_length=110)
    at = Instant(help_text="An instant of the period.")
    item = serializers.CharField(
        max_length=200,
        default="",
        allow_blank=True,
        help_text="The key of the subscription's item, where several prices were in force.",
    )
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    terms = Terms(help_text="A price, and what is around it, as in a price list.")
    reason = serializers.CharField(max_length=1000)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "meter": "llm-tokens",
        "at": "2026-02-10T00:00:00Z",
        "key": "tokens-february",
        "terms": {"price": {"type": "unit", "amount": "0.000002"}},
        "reason": "The agreed price was not entered",
    }


class ChargeQuery(PageQuery):
    """Which charges."""

    customer = serializers.CharField(required=False, max_length=210)
    subscription = serializers.CharField(required=False, max_length=260)
    contract = serializers.CharField(required=False, max_length=260)
    kind = serializers.ChoiceField(Charge.Kind.choices, required=False)


class RebateTierOut(serializers.Serializer[Any]):
    """From how much spending on which percentage comes back."""

    above = Amount()
    percentage = Amount()


class RebatesOut(serializers.Serializer[Any]):
    """What comes back at the end of a term."""

    basis = serializers.ChoiceField(_BASES)
    tiers = RebateTierOut(many=True)


class RebateTierIn(Body):
    """From how much spending on which percentage comes back."""

    above = Number()
    percentage = Number(places=6)


class RebatesIn(Body):
    """Volume: the highest tier's percentage of all that was spent; graduated: of each tier's."""

    basis = serializers.ChoiceField(_BASES, default=rebates.VOLUME)
    tiers = RebateTierIn(many=True)


class ContractOut(serializers.Serializer[Any]):
    """A promise to spend a minimum over a term, step by step."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    customer_id = Id()
    currency = serializers.CharField(source="asset.code")
    feature_keys = serializers.ListField(child=serializers.CharField())
    starts_at = Instant()
    ends_at = Instant()
    ramp = serializers.CharField(help_text="How long a step is, ISO 8601.")
    time_zone = serializers.CharField()
    amounts = serializers.ListField(child=Amount(), help_text="One for each step.")
    overage_multiplier = Amount(allow_null=True)
    shortfall = serializers.ChoiceField(Contract.Shortfall.choices)
    rebates = RebatesOut(allow_null=True)
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "acme-2026",
        "name": "Three years",
        "customer_id": "12",
        "currency": "USD",
        "feature_keys": ["gpu-hours"],
        "starts_at": _AT,
        "ends_at": "2029-03-01T00:00:00Z",
        "ramp": "P1Y",
        "time_zone": "UTC",
        "amounts": ["100000", "150000", "200000"],
        "overage_multiplier": "1.2",
        "shortfall": "charge",
        "rebates": None,
        "created_at": _AT,
    }


class ContractIn(Body):
    """A new contract; its term is as many steps as there are amounts."""

    customer = serializers.CharField(max_length=210)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    name = serializers.CharField(max_length=256, default="", allow_blank=True)
    currency = serializers.CharField(max_length=100, help_text="Or the code of a credit.")
    feature_keys = serializers.ListField(
        child=serializers.CharField(max_length=200),
        default=list,
        help_text="Whose usage counts; none: all.",
    )
    starts_at = Instant()
    ramp = serializers.CharField(max_length=40, help_text="How long a step is, ISO 8601.")
    time_zone = serializers.CharField(max_length=64, default="", allow_blank=True)
    amounts = serializers.ListField(child=Number(), help_text="What is to be spent, step by step.")
    overage_multiplier = Number(
        places=6,
        required=False,
        allow_null=True,
        default=None,
        help_text="What is spent beyond a step's amount costs so many times its price.",
    )
    shortfall = serializers.ChoiceField(
        Contract.Shortfall.choices,
        default=Contract.Shortfall.CHARGE,
        help_text="What a step lacks is charged when it ends, or added to the next one.",
    )
    rebates = RebatesIn(
        required=False,
        allow_null=True,
        default=None,
        help_text="What comes back at the end of the term.",
    )

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "key": "acme-2026",
        "currency": "USD",
        "feature_keys": ["gpu-hours"],
        "starts_at": _AT,
        "ramp": "P1Y",
        "amounts": ["100000", "150000", "200000"],
        "overage_multiplier": "1.2",
    }


class ContractQuery(PageQuery):
    """Which contracts."""

    customer = serializers.CharField(required=False, max_length=210)
    key = serializers.CharField(required=False, max_length=255)


class AsOfQuery(Query):
    """At what instant."""

    as_of = Instant(required=False, help_text="What had been used before this instant.")


class StepOut(serializers.Serializer[Any]):
    """One step of a term; what is projected goes on as it has so far."""

    starts_at = Instant()
    ends_at = Instant()
    committed = Amount()
    rolled_in = Amount(help_text="How much of it was not spent in the step before.")
    drawn = Amount()
    remaining = Amount()
    overage = Amount(help_text="Spent beyond the commitment, at its price.")
    overage_surcharge = Amount()
    burn_rate = Amount(help_text="A day, over the time that has passed.")
    projected_drawn = Amount()
    projected_shortfall = Amount()

    example: ClassVar[dict[str, Any]] = {
        "starts_at": _AT,
        "ends_at": "2027-03-01T00:00:00Z",
        "committed": "100000",
        "rolled_in": "0",
        "drawn": "20000",
        "remaining": "80000",
        "overage": "0",
        "overage_surcharge": "0",
        "burn_rate": "200",
        "projected_drawn": "73000",
        "projected_shortfall": "27000",
    }


class ContractBalanceOut(serializers.Serializer[Any]):
    """Where a contract stands."""

    contract_id = Id()
    at = Instant()
    committed = Amount()
    drawn = Amount()
    remaining = Amount()
    rebate = Amount(help_text="That has been earned by what was spent so far.")
    current = StepOut(allow_null=True, help_text="Null before the term and after it.")
    steps = StepOut(many=True, help_text="Those that have begun.")

    example: ClassVar[dict[str, Any]] = {
        "contract_id": "3",
        "at": "2026-06-09T00:00:00Z",
        "committed": "450000",
        "drawn": "20000",
        "remaining": "430000",
        "rebate": "0",
        "current": StepOut.example,
        "steps": [StepOut.example],
    }
