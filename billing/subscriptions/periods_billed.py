"""When usage falls due that was recorded before its item's end moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from billing.cycles import cycle_of
from billing.models import Billable, Subscription, SubscriptionItem
from ledger import durations

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def follow(subscription: Subscription, items: Sequence[SubscriptionItem], since: datetime) -> None:
    """Move what is billed of usage that ends after an instant to where its period ends now."""
    item_of = {item.rate_id: item for item in items if item.rate_id is not None}
    if not item_of:
        return
    rows = Billable.objects.select_for_update(no_key=True, of=("self",)).select_related("accrual")
    moved = []
    for row in rows.filter(accrual__rate__in=item_of, due_at__gte=since).order_by("accrual"):
        assert row.accrual is not None, "it was asked for by its rate"
        assert row.accrual.rate_id is not None, "it was asked for by its rate"
        due_at = _end(subscription, item_of[row.accrual.rate_id], row.accrual.period_start)
        if due_at != row.due_at:
            row.due_at, row.settled_at = due_at, None
            moved.append(row)
    Billable.objects.bulk_update(moved, ["due_at", "settled_at"])


def _end(subscription: Subscription, item: SubscriptionItem, starts_at: datetime) -> datetime:
    ends_at = item.ends_at or _NEVER
    if item.billing_cadence:
        cadence = durations.parse("billing_cadence", item.billing_cadence)
        zone = ZoneInfo(subscription.time_zone)
        cycle = cycle_of(starts_at, subscription.billing_anchor, cadence, zone)
        ends_at = min(cycle.ends_at, ends_at)
    return max(ends_at, starts_at)
