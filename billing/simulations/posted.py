"""What customers were charged: by the series that usage moved, and beside it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Q

from billing.models import Charge, Meter, SubscriptionItem
from billing.simulations.offers import Card, dimensions_of, find
from ledger import arrays
from ledger.periods import Period


class Series(NamedTuple):
    """One series of usage: what it counted and what it cost."""

    customer_id: int
    meter_id: int
    period_start: datetime
    quantity: Decimal
    amount: Decimal
    events: int
    asset: str  # what the amount is in; empty where nothing priced it
    item_feature: str  # what a subscription's item sold it as; empty for a price list
    match: Mapping[str, str]


class Charged(NamedTuple):
    """What a subscription's item cost beside usage."""

    customer_id: int
    feature: str
    amount: Decimal
    asset: str


def series_of(customers: Collection[int], span: Period) -> list[Series]:
    """Return the series of these customers whose periods start within a time."""
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, [arrays.whole(customers), span.starts_at, span.ends_at])
        return [Series._make([*row[:-1], json.loads(row[-1])]) for row in cursor.fetchall()]


def charged(customers: Collection[int], span: Period) -> list[Charged]:
    """Return what these customers' subscriptions cost beside usage, for time that starts within."""
    charges = Charge.objects.filter(
        customer_id__in=customers,
        subscription__isnull=False,
        starts_at__gte=span.starts_at,
        starts_at__lt=span.ends_at,
    ).select_related("item__feature", "asset")
    return [
        Charged(charge.customer_id, _sold(charge), charge.posted, charge.asset.code)
        for charge in charges
    ]


def subscribed(customers: Collection[int], meter_id: int, span: Period) -> set[int]:
    """Return which of these customers had a subscription that priced a meter at some time."""
    items = SubscriptionItem.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=span.starts_at),
        customer_id__in=customers,
        meter_id=meter_id,
        rate__isnull=False,
        starts_at__lt=span.ends_at,
    )
    return set(items.values_list("customer_id", flat=True))


def feature_of(series: Series, meter: Meter, cards: Sequence[Card]) -> str:
    """
    Return the feature that a series is compared with.

    A series that no single one of the offered features can be told to have is the meter's own.
    """
    features = {card.feature for card in cards}
    if series.item_feature in features:
        return series.item_feature
    if len(features) == 1 and any(card.filter is None for card in cards):
        return features.pop()
    labels = tuple([series.match.get(name) for name in dimensions_of(meter)])
    told = [card for card in cards if card.filter and card.reads <= series.match.keys()]
    found = find(told, labels, series.period_start)
    return found.feature if found else meter.feature_key


def _sold(charge: Charge) -> str:
    if charge.item is None:
        return charge.kind
    return charge.item.feature.key if charge.item.feature else charge.item.key


_SERIES: Final = """
    SELECT a.customer_id, a.meter_id, a.period_start, a.quantity, a.amount, a.events,
           coalesce(s.code, ''), coalesce(f.key, ''), coalesce(r.match::text, '{}')
    FROM billing_accrual a
    LEFT JOIN billing_rate r ON r.id = a.rate_id
    LEFT JOIN ledger_asset s ON s.id = r.asset_id
    LEFT JOIN billing_subscriptionitem i ON i.rate_id = r.id
    LEFT JOIN billing_feature f ON f.id = i.feature_id
    WHERE a.customer_id = ANY(%s::bigint[]) AND a.period_start >= %s AND a.period_start < %s
    ORDER BY a.customer_id, a.meter_id, a.period_start, a.id
"""
