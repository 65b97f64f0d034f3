"""Entitlements as subscriptions' items say: one row for each item that comes with a right."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.models import Entitlement, Subscription, SubscriptionItem
from ledger.money import multiply


def follow(*, subscription: Subscription, at: datetime) -> None:
    """
    Make a subscription's entitlements what its items say; again changes nothing.

    The caller has locked the customer and written the items. What is new is added, what ends
    sooner or later is ended then; of items that never began the rows are gone with them.
    """
    items = SubscriptionItem.objects.filter(
        subscription=subscription, entitlement__isnull=False, feature__isnull=False
    ).select_related("granted_entitlement")
    new: list[Entitlement] = []
    moved: list[Entitlement] = []
    for item in items:
        row: Entitlement | None = getattr(item, "granted_entitlement", None)
        if row is None:
            new.append(_row(subscription, item, at))
        elif row.ends_at != item.ends_at:
            row.ends_at = item.ends_at
            moved.append(row)
    if new:
        Entitlement.objects.bulk_create(new)
    if moved:
        Entitlement.objects.bulk_update(moved, ["ends_at"])


def _row(subscription: Subscription, item: SubscriptionItem, at: datetime) -> Entitlement:
    assert item.feature_id is not None, "an entitlement is to a feature"
    terms: dict[str, Any] = item.entitlement or {}
    limit = terms.get("limit")
    is_metered = terms["type"] == Entitlement.Kind.METERED
    period = terms.get("usage_period") or item.billing_cadence
    return Entitlement(
        book_id=subscription.book_id,
        customer_id=subscription.customer_id,
        feature_id=item.feature_id,
        item=item,
        kind=terms["type"],
        config=terms.get("config"),
        limit=None if limit is None else multiply(Decimal(limit), Decimal(item.quantity)),
        is_soft_limit=bool(terms.get("is_soft_limit")),
        usage_period=period if is_metered else "",
        preserves_overage=bool(terms.get("preserves_overage")),
        anchor=subscription.billing_anchor,
        time_zone=subscription.time_zone,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        created_at=at,
    )
