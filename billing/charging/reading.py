"""Subscriptions and their items as the plain values that charges follow from."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q

from billing.charging.agreement import Agreement, Sold
from billing.charging.cadences import paces_of
from billing.metering.naming import product_of
from billing.models import PlanRateCard, Subscription, SubscriptionItem
from billing.rating import terms
from ledger import durations
from ledger.models import Asset
from ledger.money import ZERO, iso_exponent


def agreement_of(subscription: Subscription) -> Agreement:
    """Return what a subscription says of time; book and asset have been read."""
    return Agreement(
        anchor=subscription.billing_anchor,
        paces=paces_of(subscription),
        zone=ZoneInfo(subscription.time_zone),
        months_zone=ZoneInfo(subscription.book.time_zone),
        proration=subscription.proration,
        exponent=exponent_of(subscription.asset),
        starts_at=subscription.starts_at,
        ends_at=subscription.ends_at,
    )


def exponent_of(asset: Asset) -> int:
    """Return how many places a fee has: the currency's, or all that are kept of a credit."""
    if asset.kind != Asset.Kind.CURRENCY:
        return asset.scale
    exponent = iso_exponent(asset.code)
    return asset.scale if exponent is None else min(exponent, asset.scale)


def items_of(subscription: Subscription, since: datetime) -> dict[int, SubscriptionItem]:
    """Return the items that have not ended before an instant, by id."""
    rows = SubscriptionItem.objects.filter(subscription=subscription)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gte=since))
    return {row.pk: row for row in rows.select_related("feature", "meter__unit", "rate")}


def sold_of(item: SubscriptionItem, asset: Asset) -> Sold:
    """Return an item as a plain value; its feature, meter and rate have been read."""
    is_usage = item.rate_id is not None
    meter = item.meter
    if is_usage and meter is not None:
        rated = terms.parse(
            item.terms,
            scale=meter.unit.scale,
            dimensions=meter.dimensions,
            aggregation=meter.aggregation,
            kept=asset.scale,
        )
    else:
        rated = terms.parse(item.terms, scale=0, kept=asset.scale)
    cadence = item.billing_cadence or (item.subscription.billing_cadence if is_usage else "")
    return Sold(
        id=item.pk,
        key=item.key,
        name=item.name,
        feature=feature_of(item),
        cadence=durations.parse("billing_cadence", cadence) if cadence else None,
        is_in_advance=item.payment_term == PlanRateCard.Term.IN_ADVANCE,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        quantity=item.quantity,
        fee=ZERO if is_usage else rated.starting,
        rate_id=item.rate_id,
        meter_id=item.meter_id,
        starting=rated.starting if is_usage else ZERO,
        minimum=rated.minimum if is_usage else None,
    )


def feature_of(item: SubscriptionItem) -> str:
    """Name what an item sells, as coupons and credit may be restricted to it."""
    if item.feature is not None:
        return item.feature.key
    return item.meter.feature_key if item.meter is not None else ""


def product_sold(item: SubscriptionItem) -> str:
    """Name the account that usage of an item is revenue on, as ingest does."""
    assert item.meter is not None, "usage is metered"
    return product_of(item.meter.key, item.rate.match if item.rate is not None else {})
