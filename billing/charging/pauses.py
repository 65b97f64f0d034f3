"""
What goes on after a pause within a cycle, where the policy leaves changes whole.

The fee of the cycle was charged in full before the pause: it is not charged again. Another price
or quantity is another fee.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from billing.charging import agreement as plain
from billing.charging import reading
from billing.charging.agreement import Sold
from billing.charging.cases import Case
from billing.charging.reading import Item
from ledger.periods import Period


def note(cases: Iterable[Case]) -> None:
    """Note the items whose first cycle is paid; a query only where a policy asks for it."""
    again = {case.subscription.pk: (case, found) for case in cases if (found := _resuming(case))}
    if not again:
        return
    named = {number: {one.key for one in found} for number, (_, found) in again.items()}
    held = reading.items_named(named)
    for number, (case, found) in again.items():
        ended = [item for item in held.get(number, {}).values() if item.ends_at is not None]
        case.paid = {one.id for one in found if any(_is_paid(case, one, item) for item in ended)}


def _resuming(case: Case) -> list[Sold]:
    if case.agreement.cuts_changes:
        return []
    sold = case.sold.values()
    return [one for one in sold if plain.resumes_within_a_cycle(one, case.agreement)]


def _is_paid(case: Case, one: Sold, ended: Item) -> bool:
    """Say whether an item that has ended was the same, and was sold in the first cycle of one."""
    assert ended.ends_at is not None, "it has ended"
    if ended.offer != case.items[one.id].offer or ended.ends_at > one.starts_at:
        return False
    cycle = plain.cycle(one, case.agreement, one.starts_at)
    return _is_sold_in(cycle, ended.starts_at, ended.ends_at)


def _is_sold_in(cycle: Period, starts_at: datetime, ends_at: datetime) -> bool:
    return max(starts_at, cycle.starts_at) < min(ends_at, cycle.ends_at)
