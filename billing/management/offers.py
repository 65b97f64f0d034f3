"""
The plans of ``make demo``, and who has subscribed to them.

Every kind of thing that is sold once: fees in advance, tiers, packages, a table of prices per
model, discounts, a cap, a minimum, a trial, a coupon, negotiated terms, a contract, and a change
of plan in the middle of a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from billing import contracts, coupons, due, features
from billing.costs import overrides
from billing.models import Coupon, Meter, PlanVersion, Subscription
from billing.plans import drafting, publishing
from billing.subscriptions import changing, creation
from ledger.models import Asset, Book, Customer

_MONTHLY: Final = "P1M"

Model = tuple[str, str, str, str, str, str]  # model, provider, prices in and out, costs in and out


def sell(*, book: Book, models: Sequence[Model], since: datetime, at: datetime) -> None:
    """Make features of the book's meters, what models cost, plans and a coupon."""
    meters = {meter.key: meter for meter in Meter.objects.filter(book=book)}
    for model, provider, _, _, *costs in models:
        _cost(book, provider, model, costs, since, at)
    features.create(
        book=book,
        key="llm-tokens",
        name="Language-model tokens",
        meter=meters["llm-tokens"],
        unit_cost={
            "type": "llm",
            "provider_property": "provider",
            "model_property": "model",
            "token_type_property": "type",
        },
        at=at,
    )
    for key, name in (("api-calls", "API calls"), ("active-agents", "Active agents")):
        features.create(book=book, key=key, name=name, meter=meters[key], at=at)
    for document in (_team(models), _scale(models)):
        plan = drafting.create(book=book, document=document, at=at).plan
        publishing.publish_plan(plan=plan, effective_from=since, at=at)
    coupons.create(
        book=book,
        key="launch-25",
        name="Launch offer",
        kind=Coupon.Kind.PERCENTAGE,
        percentage=Decimal(25),
        duration=Coupon.Duration.PERIODS,
        periods=3,
        at=at,
    )


def subscribe(
    *, book: Book, customers: Mapping[str, Customer], asset: Asset, at: datetime
) -> list[Customer]:
    """Subscribe four customers, one on a trial, one to change, and return them."""
    plans = {
        version.plan.key: version
        for version in PlanVersion.objects.filter(plan__book=book).select_related("plan")
    }
    team, scale = plans["team"], plans["scale"]
    ago = at - timedelta(days=70)
    _open(customers["cobalt"], team, starts_at=ago, at=at)
    _open(customers["grove"], team, starts_at=at - timedelta(days=12), at=at)
    ember = _open(customers["ember"], team, starts_at=ago, at=at)
    changing.change(
        subscription=ember,
        plan=scale,
        timing=at - timedelta(days=6),
        key="ember-upgrade",
        cause="sales",
        reason="Outgrew the team plan",
        at=at,
    )
    negotiated = {"key": "llm-tokens", "discounts": {"percentage": "30"}}
    fjord = _open(customers["fjord"], scale, starts_at=ago, at=at, overrides=[negotiated])
    coupons.redeem(
        coupon=Coupon.objects.get(book=book, key="launch-25"),
        subscription=fjord,
        key="fjord-launch",
        at=ago,
    )
    contracts.create(
        customer=customers["cobalt"],
        asset=asset,
        key="cobalt-2026",
        name="Yearly commitment",
        starts_at=ago,
        ramp="P1Y",
        amounts=[Decimal(600), Decimal(900)],
        at=at,
    )
    return [customers[key] for key in ("cobalt", "ember", "fjord", "grove")]


def settle(*, customers: Iterable[Customer], at: datetime) -> None:
    """Do for these customers what has fallen due, as the schedule would."""
    for customer in customers:
        due.run(customer=customer, until=at)


def _open(
    customer: Customer,
    plan: PlanVersion,
    *,
    starts_at: datetime,
    at: datetime,
    overrides: Sequence[dict[str, Any]] = (),
) -> Subscription:
    return creation.create(
        customer=customer,
        plan=plan,
        starts_at=starts_at,
        overrides=overrides,
        key=f"{customer.key}-{plan.plan.key}",
        cause="demo",
        at=at,
    )


def _cost(
    book: Book,
    provider: str,
    model: str,
    costs: Sequence[str],
    since: datetime,
    at: datetime,
) -> None:
    sent, received = (Decimal(cost).scaleb(-6) for cost in costs)  # of a million
    overrides.create(
        book=book,
        provider=provider,
        model=model,
        prices={"input": sent, "output": received},
        currency="USD",
        effective_from=since,
        at=at,
    )


def _team(models: Sequence[Model]) -> dict[str, Any]:
    """A month on trial, then a fee, tokens 10 % below the list, calls in tiers, agents by tens."""
    tokens = _tokens(models, discounts={"percentage": "10"})
    return {
        "key": "team",
        "name": "Team",
        "currency": "USD",
        "billing_cadence": _MONTHLY,
        "phases": [
            {
                "key": "trial",
                "name": "Trial",
                "duration": _MONTHLY,
                "rate_cards": [_tokens(models, discounts={"percentage": "50"})],
            },
            {
                "key": "standard",
                "name": "Standard",
                "rate_cards": [_fee("49"), tokens, _calls("graduated"), _agents()],
            },
        ],
    }


def _scale(models: Sequence[Model]) -> dict[str, Any]:
    """A higher fee, tokens 20 % below the list and capped, calls by volume with a minimum."""
    tokens = _tokens(models, discounts={"percentage": "20"}, commitments={"maximum_amount": "400"})
    calls = _calls("volume") | {"commitments": {"minimum_amount": "15"}}
    return {
        "key": "scale",
        "name": "Scale",
        "currency": "USD",
        "billing_cadence": _MONTHLY,
        "phases": [
            {"key": "standard", "name": "Standard", "rate_cards": [_fee("199"), tokens, calls]}
        ],
    }


def _fee(amount: str) -> dict[str, Any]:
    return {
        "key": "platform",
        "name": "Platform fee",
        "billing_cadence": _MONTHLY,
        "payment_term": "in_advance",
        "price": {"type": "flat", "amount": amount},
    }


def _tokens(models: Sequence[Model], **around: Any) -> dict[str, Any]:
    rates = [
        {"match": {"model": model, "type": kind}, "amount": price}
        for model, _, sent, received, *_ in models
        for kind, price in (("input", sent), ("output", received))
    ]
    return _usage("llm-tokens", "Language-model tokens") | {
        "price": {"type": "rate_table", "dimensions": ["model", "type"], "rates": rates},
        "unit_config": {
            "operation": "divide",
            "conversion_factor": "1000000",
            "display_unit": "M tokens",
        },
        **around,
    }


def _calls(model: str) -> dict[str, Any]:
    prices = ("0.40", "0.25", "0.15")
    tiers: list[dict[str, Any]] = [
        {"unit_price": {"type": "unit", "amount": price}} for price in prices
    ]
    tiers[0]["up_to_amount"], tiers[1]["up_to_amount"] = "2", "10"
    return _usage("api-calls", "API calls") | {
        "price": {"type": model, "tiers": tiers},
        "unit_config": {
            "operation": "divide",
            "conversion_factor": "1000",
            "rounding": "ceiling",
            "display_unit": "thousand calls",
        },
    }


def _agents() -> dict[str, Any]:
    return _usage("active-agents", "Active agents") | {
        "price": {"type": "package", "amount": "2", "quantity_per_package": "10"}
    }


def _usage(feature: str, name: str) -> dict[str, Any]:
    return {
        "key": feature,
        "name": name,
        "feature": {"key": feature},
        "billing_cadence": _MONTHLY,
    }
