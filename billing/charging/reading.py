"""Subscriptions and their items as the plain values that charges follow from; read set-based."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from billing.charging.agreement import Agreement, Pace, Sold
from billing.charging.cadences import cadence
from billing.metering.naming import product_of
from billing.models import PlanRateCard, Subscription, SubscriptionItem
from billing.rating import terms
from billing.rating.rated import Rated
from ledger import arrays
from ledger.models import Asset
from ledger.money import ZERO, iso_exponent


class Item(NamedTuple):
    """What charges follow from of an item of a subscription; documents are written."""

    id: int
    subscription_id: int
    customer_id: int
    key: str
    name: str
    feature: str  # what it sells, as coupons and credit may be restricted to it
    terms: str
    quantity: int
    billing_cadence: str
    payment_term: str
    starts_at: datetime
    ends_at: datetime | None
    rate_id: int | None
    match: str
    meter_id: int | None
    meter_key: str
    scale: int
    dimensions: str
    aggregation: str

    @property
    def offer(self) -> tuple[object, ...]:
        """Return what makes two items the same thing at the same price."""
        return self.key, self.terms, self.quantity, self.billing_cadence, self.payment_term

    @property
    def is_in_advance(self) -> bool:
        """Say whether it is paid before the time that it is for."""
        return self.payment_term == PlanRateCard.Term.IN_ADVANCE

    @property
    def product(self) -> str:
        """Name the account that usage of it is revenue on, as ingest does."""
        return product_of(self.meter_key, json.loads(self.match))


def agreement_of(
    subscription: Subscription, asset: Asset, months_zone: str, paces: tuple[Pace, ...]
) -> Agreement:
    """Return what a subscription says of time."""
    return Agreement(
        anchor=subscription.billing_anchor,
        paces=paces,
        zone=ZoneInfo(subscription.time_zone),
        months_zone=ZoneInfo(months_zone),
        proration=subscription.proration,
        exponent=exponent_of(asset),
        starts_at=subscription.starts_at,
        ends_at=subscription.ends_at,
    )


def exponent_of(asset: Asset) -> int:
    """Return how many places a fee has: the currency's, or all that are kept of a credit."""
    if asset.kind != Asset.Kind.CURRENCY:
        return asset.scale
    exponent = iso_exponent(asset.code)
    return asset.scale if exponent is None else min(exponent, asset.scale)


def items_of(
    since: Mapping[int, datetime], *, also: Collection[int] = ()
) -> dict[int, dict[int, Item]]:
    """
    Return the items of subscriptions that have not ended before an instant each; by id.

    ``also`` are items whenever they ended. One query.
    """
    return _items(_NOT_ENDED, [*instants(since), arrays.whole(also)])


def items_named(keys: Mapping[int, Collection[str]]) -> dict[int, dict[int, Item]]:
    """Return all items of subscriptions that ever had one of these keys. One query."""
    pairs = [(number, key) for number, named in keys.items() for key in named]
    columns = arrays.whole(number for number, _ in pairs), arrays.texts(key for _, key in pairs)
    return _items(_NAMED, list(columns))


def instants(at: Mapping[int, datetime]) -> list[str]:
    """Write instants by id as the two arrays that a query unnests."""
    return [arrays.whole(at), arrays.texts([instant.isoformat() for instant in at.values()])]


def _items(query: str, parameters: list[str]) -> dict[int, dict[int, Item]]:
    found: dict[int, dict[int, Item]] = {}
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        for row in cursor.fetchall():
            item = Item(*row)
            found.setdefault(item.subscription_id, {})[item.id] = item
    return found


def sold_of(item: Item, asset: Asset, plan_cadence: str) -> Sold:
    """Return an item as a plain value; ``plan_cadence`` is its subscription's."""
    is_usage = item.rate_id is not None
    if is_usage:
        about = item.terms, item.scale, item.dimensions, item.aggregation, asset.scale
        rated = _rated_usage(*about)
    else:
        rated = _rated(item.terms, asset.scale)
    written = item.billing_cadence or (plan_cadence if is_usage else "")
    return Sold(
        id=item.id,
        key=item.key,
        name=item.name,
        feature=item.feature,
        cadence=cadence(written) if written else None,
        is_in_advance=item.is_in_advance,
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


@lru_cache(maxsize=4096)
def _rated_usage(written: str, scale: int, dimensions: str, aggregation: str, kept: int) -> Rated:
    return terms.parse(
        json.loads(written),
        scale=scale,
        dimensions=json.loads(dimensions),
        aggregation=aggregation,
        kept=kept,
    )


@lru_cache(maxsize=4096)
def _rated(written: str, kept: int) -> Rated:
    return terms.parse(json.loads(written), scale=0, kept=kept)


_ITEMS: Final = """
    SELECT i.id, i.subscription_id, i.customer_id, i.key, i.name,
           coalesce(f.key, m.feature_key, ''), i.terms::text, i.quantity, i.billing_cadence,
           i.payment_term, i.starts_at, i.ends_at, i.rate_id, coalesce(r.match::text, '{}'),
           i.meter_id, coalesce(m.key, ''), coalesce(u.scale, 0), coalesce(m.dimensions::text, ''),
           coalesce(m.aggregation, '')
    FROM billing_subscriptionitem i
    LEFT JOIN billing_feature f ON f.id = i.feature_id
    LEFT JOIN billing_meter m ON m.id = i.meter_id
    LEFT JOIN ledger_asset u ON u.id = m.unit_id
    LEFT JOIN billing_rate r ON r.id = i.rate_id
"""
_NOT_ENDED: Final = f"""{_ITEMS}
    WHERE i.id = ANY(ARRAY(
        SELECT x.id FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, since)
        JOIN billing_subscriptionitem x ON x.subscription_id = n.id
        WHERE x.ends_at IS NULL OR x.ends_at >= n.since)) OR i.id = ANY(%s::bigint[])
    ORDER BY i.subscription_id, i.starts_at, i.key
"""  # noqa: S608 - a fixed query
_NAMED: Final = f"""{_ITEMS}
    JOIN unnest(%s::bigint[], %s::text[]) AS n (id, key)
      ON i.subscription_id = n.id AND i.key = n.key
"""
