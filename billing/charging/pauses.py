"""
What goes on after a pause within a cycle, where the policy leaves changes whole.

The fee of the cycle was charged in full before the pause: it is not charged again. Another price
or quantity is another fee.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from billing.charging import agreement as plain
from billing.charging.agreement import Agreement, Sold
from billing.models import SubscriptionItem
from ledger.periods import Period


def paid_in_full(
    agreement: Agreement, sold: Iterable[Sold], items: Mapping[int, SubscriptionItem]
) -> set[int]:
    """Return the items whose first cycle is paid; a query only where a policy asks for it."""
    if agreement.cuts_changes:
        return set()
    again = {one.id: one for one in sold if plain.resumes_within_a_cycle(one, agreement)}
    if not again:
        return set()
    ended = SubscriptionItem.objects.filter(
        subscription=items[min(again)].subscription_id,
        key__in={one.key for one in again.values()},
        ends_at__lte=max(one.starts_at for one in again.values()),
    )
    held = [(_offer(row), row.starts_at, row.ends_at) for row in ended if row.ends_at]
    return {
        number
        for number, one in again.items()
        for offer, starts_at, ends_at in held
        if offer == _offer(items[number])
        and ends_at <= one.starts_at
        and _is_sold_in(plain.cycle(one, agreement, one.starts_at), starts_at, ends_at)
    }


def _offer(item: SubscriptionItem) -> tuple[Any, ...]:
    return item.key, item.terms, item.quantity, item.billing_cadence, item.payment_term


def _is_sold_in(cycle: Period, starts_at: datetime, ends_at: datetime) -> bool:
    return max(starts_at, cycle.starts_at) < min(ends_at, cycle.ends_at)
