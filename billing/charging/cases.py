"""
Subscriptions under lock, each with all that touches its next instant; read together.

Whatever their number, locking and reading them takes the same few queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection

from billing.charging import reading
from billing.charging.agreement import Agreement, Sold
from billing.charging.cadences import paces_of
from billing.charging.reading import Item
from billing.charging.slips import Slip
from billing.models import Charge, CouponRedemption, Subscription
from ledger import arrays
from ledger.models import Asset, Book, Customer
from ledger.periods import Period


@dataclass(slots=True, kw_only=True)
class Case:
    """A subscription under lock, with all that touches the instant."""

    subscription: Subscription
    asset: Asset
    agreement: Agreement
    instant: datetime
    items: dict[int, Item]
    sold: dict[int, Sold]  # of the items, those that may owe something here
    charges: dict[str, Charge]
    redeemed: Sequence[CouponRedemption] = ()  # in the order in which they were
    paid: set[int] = field(default_factory=set)  # items whose first cycle is paid already
    slip: Slip = field(default_factory=Slip)


def lock(owner_of: Mapping[int, int], *, until: datetime, wait: bool) -> list[Subscription]:
    """
    Lock the customers, as changes of subscriptions do, then the subscriptions that are due.

    Who is due first comes first. Without ``wait``, those that somebody else is at are left out.
    """
    owners = Customer.objects.select_for_update(no_key=True, skip_locked=not wait)
    mine = owners.filter(pk__in=set(owner_of.values())).order_by("pk")
    locked = set(mine.values_list("pk", flat=True))
    numbers = [number for number, owner in owner_of.items() if owner in locked]
    rows = Subscription.objects.select_for_update(no_key=True)
    found = list(rows.filter(pk__in=numbers).order_by("pk")) if numbers else []
    return sorted(
        (row for row in found if row.due_at is not None and row.due_at <= until),
        key=lambda row: (row.due_at, row.customer_id, row.pk),
    )


def read(subscriptions: Sequence[Subscription]) -> list[Case]:
    """Read what touches the next instant of each, in their order."""
    if not subscriptions:
        return []
    at = {one.pk: one.due_at for one in subscriptions if one.due_at is not None}
    charges = _touching(at)
    # Of items that have ended, what was charged for the time after stands in their charges.
    named = {one.item_id for of in charges.values() for one in of if one.item_id is not None}
    items = reading.items_of(at, also=named)
    paces = paces_of(subscriptions)
    zones = dict(
        Book.objects.filter(pk__in={one.book_id for one in subscriptions}).values_list(
            "pk", "time_zone"
        )
    )
    assets = Asset.objects.in_bulk({one.asset_id for one in subscriptions})
    redeemed = _redemptions(at)
    cases = []
    for one in subscriptions:
        assert one.due_at is not None, "it is due"
        asset, mine = assets[one.asset_id], items.get(one.pk, {})
        sold = (reading.sold_of(item, asset, one.billing_cadence) for item in mine.values())
        cases.append(
            Case(
                subscription=one,
                asset=asset,
                agreement=reading.agreement_of(one, asset, zones[one.book_id], paces[one.pk]),
                instant=one.due_at,
                items=mine,
                sold={what.id: what for what in sold if not what.is_idle},
                charges={row.key: row for row in charges.get(one.pk, ())},
                redeemed=redeemed.get(one.pk, ()),
            )
        )
    return cases


def charges_named(book_id: int, keys: Collection[str]) -> dict[str, Charge]:
    """Return charges by key; no query for none."""
    if not keys:
        return {}
    return {row.key: row for row in Charge.objects.filter(book=book_id, key__in=keys)}


def charges_within(wanted: Sequence[tuple[int, Period]]) -> dict[int, list[Charge]]:
    """Return fees and minimums that may count in cycles of subscriptions. One query."""
    cycles = [
        arrays.whole(number for number, _ in wanted),
        arrays.texts(period.starts_at.isoformat() for _, period in wanted),
        arrays.texts(period.ends_at.isoformat() for _, period in wanted),
    ]
    return _by_subscription(Charge.objects.raw(_WITHIN, cycles))


def _touching(at: dict[int, datetime]) -> dict[int, list[Charge]]:
    """Return the charges whose time holds the instant, begins or ends then, by subscription."""
    return _by_subscription(Charge.objects.raw(_TOUCHING, reading.instants(at)))


def _by_subscription(rows: Iterable[Charge]) -> dict[int, list[Charge]]:
    found: dict[int, list[Charge]] = {}
    for row in rows:
        assert row.subscription_id is not None, "it was asked for by it"
        found.setdefault(row.subscription_id, []).append(row)
    return found


def _redemptions(numbers: Collection[int]) -> dict[int, list[CouponRedemption]]:
    rows = CouponRedemption.objects.filter(subscription__in=numbers).select_related("coupon")
    found: dict[int, list[CouponRedemption]] = {}
    for row in rows.order_by("redeemed_at", "pk"):
        found.setdefault(row.subscription_id, []).append(row)
    return found


def move_on(due: dict[Subscription, datetime | None], posted: Collection[int]) -> None:
    """Write down when subscriptions are due next, and that something was posted for some."""
    with connection.cursor() as cursor:
        numbers = arrays.whole(one.pk for one in due)
        counts = arrays.whole(int(one.pk in posted) for one in due)
        cursor.execute(_MOVE_ON, [numbers, list(due.values()), counts])


_TOUCHING: Final = """
    SELECT c.id, c.book_id, c.customer_id, c.key, c.kind, c.subscription_id, c.item_id, c.asset_id,
           c.starts_at, c.ends_at, c.due_at, c.posted, c.earned, c.earned_until, c.taken,
           c.scheduled_at
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, at)
    JOIN billing_charge c ON c.subscription_id = n.id AND c.ends_at >= n.at
    WHERE c.starts_at <= n.at
"""
_WITHIN: Final = """
    SELECT c.* FROM billing_charge c WHERE c.id IN (
        SELECT f.id
        FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS n (id, since, until)
        JOIN billing_charge f ON f.subscription_id = n.id AND f.ends_at >= n.since
        WHERE f.kind IN ('flat', 'minimum')
          AND (f.ends_at <= n.until OR f.due_at BETWEEN n.since AND n.until))
"""
_MOVE_ON: Final = """
    UPDATE billing_subscription s SET due_at = n.due_at, postings = s.postings + n.posted
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::integer[]) AS n (id, due_at, posted)
    WHERE s.id = n.id
"""
