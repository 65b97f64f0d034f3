"""What-if questions and their answers in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from billing.api.serializers_prices import Commitments, Discounts, Price, UnitConfig
from billing.simulations.offers import LEAVES_OUT
from ledger.api.fields import Amount, Body, Instant


class PlanIn(Body):
    """A version of a plan."""

    key = serializers.CharField(max_length=100)
    version = serializers.IntegerField(
        required=False,
        min_value=1,
        allow_null=True,
        help_text="The newest published one unless given; drafts may be named.",
    )
    phase = serializers.CharField(
        required=False, max_length=100, allow_null=True, help_text="The last one unless given."
    )


class SimulationIn(Body):
    """Whose usage of which time, and what to price it by: a plan, a price list or a price."""

    to = Instant()
    customers = serializers.ListField(
        child=serializers.CharField(max_length=210),
        required=False,
        min_length=1,
        max_length=100,
        help_text="Ids or keys; without any, all that used something.",
    )
    plan = PlanIn(required=False)
    price_list = serializers.CharField(
        required=False, max_length=100, help_text="The key of a rate card."
    )
    price = Price(required=False, help_text="Needs a currency, and a feature or a meter.")
    unit_config = UnitConfig(required=False, allow_null=True)
    discounts = Discounts(required=False, allow_null=True)
    commitments = Commitments(required=False, allow_null=True)
    currency = serializers.CharField(required=False, max_length=100)
    feature = serializers.CharField(required=False, max_length=100, help_text="Its key.")
    meter = serializers.CharField(required=False, max_length=100, help_text="Its key.")

    example: ClassVar[dict[str, Any]] = {
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-04-01T00:00:00Z",
        "customers": ["acme"],
        "plan": {"key": "pro", "version": 2},
    }

    def get_fields(self) -> dict[str, Any]:
        """Add the parameter whose name is no Python name."""
        fields: dict[str, Any] = super().get_fields()
        fields["from"] = Instant(help_text="Usage that happened from this instant on.")
        return fields


class SimulationRowOut(serializers.Serializer[Any]):
    """One customer's use of one feature, what was charged for it, and what would have been."""

    customer = serializers.CharField()
    feature = serializers.CharField()
    unit = serializers.CharField(help_text="Empty for a fee.")
    quantity = Amount()
    unpriced = Amount(help_text="How much of the quantity has no price in the simulation.")
    posted = Amount()
    simulated = Amount(allow_null=True, help_text="Null: it has no price at all.")
    difference = Amount(allow_null=True)


class SimulationTotalsOut(serializers.Serializer[Any]):
    """Sums of the rows that could be compared."""

    customers = serializers.IntegerField()
    posted = Amount()
    simulated = Amount()
    difference = Amount()
    not_compared = Amount(help_text="Posted for what has no price in the simulation.")


class SimulationOut(serializers.Serializer[Any]):
    """What would have been charged instead of what was."""

    to = Instant()
    currency = serializers.CharField()
    data = SimulationRowOut(many=True)  # type: ignore[assignment]  # over DRF's own
    totals = SimulationTotalsOut()
    leaves_out = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the simulated amounts know nothing of, though customers may have it.",
    )

    example: ClassVar[dict[str, Any]] = {
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-04-01T00:00:00Z",
        "currency": "USD",
        "data": [
            {
                "customer": "acme",
                "feature": "llm-tokens",
                "unit": "tokens",
                "quantity": "1200000",
                "unpriced": "0",
                "posted": "12",
                "simulated": "10.5",
                "difference": "-1.5",
            }
        ],
        "totals": {
            "customers": 1,
            "posted": "12",
            "simulated": "10.5",
            "difference": "-1.5",
            "not_compared": "0",
        },
        "leaves_out": list(LEAVES_OUT),
    }

    def get_fields(self) -> dict[str, Any]:
        """Add the field whose name is no Python name."""
        return {"from": Instant(source="starts_at")} | super().get_fields()
