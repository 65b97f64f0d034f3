"""
Captures that wait for usage: their events are paid from what was captured, and not again.

An event that is named goes first to what its capture took: that returns to where it came from and
pays from exactly there, so that a correction finds the lots. After the last one the rest returns.
What returns is dated by the capture if that is later than the event, and booked in that month.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.metering.attribution import Item
from billing.metering.funding import Purse
from billing.metering.measuring import Measured
from billing.metering.takings import Part
from ledger import bulk
from ledger.ids import asset_of
from ledger.money import negate, subtract
from ledger.moves import Move
from wallets.caps import Caps, wallets_of
from wallets.holds import captures
from wallets.holds.captures import Awaited, Name


@dataclass(slots=True)
class Prepaid:
    """The events of a batch that captures wait for, under the locks of their customers."""

    by_event: Mapping[int, tuple[Name, Awaited]] = field(default_factory=dict)
    back: list[Move] = field(default_factory=list)  # what returns to where it was taken
    caps: Caps = field(default_factory=dict)  # of shares that captures count in
    wallets: Mapping[int, int] = field(default_factory=dict)  # of the lots that they took from

    def __bool__(self) -> bool:
        return bool(self.by_event)

    @property
    def customer_ids(self) -> set[int]:
        """Return whose captures they are."""
        return {one.customer_id for _, one in self.by_event.values()}

    @property
    def accounts(self) -> set[int]:
        """Return every account that paying for these events may move."""
        waiting = dict(self.by_event.values())
        return captures.accounts(waiting, waiting)

    def arrive(self, event_id: int, at: datetime, purse: Purse) -> None:
        """Note that an event has come and is paid; after the last one the rest returns."""
        if event_id not in self.by_event:
            return
        name, one = self.by_event[event_id]
        one.arrive(name)
        rest = one.rest()
        for account_id, part in rest:
            purse.restore(account_id, part)
        self.give_back(one, rest, event_id, at)

    def give_back(self, one: Awaited, parts: Iterable[Part], event_id: int, at: datetime) -> None:
        """Note that parts of what was captured return, for an event that happened at an instant."""
        since, caps = one.since(at), self.caps.get(one.customer_id, {})
        for account_id, part in parts:
            self.back.append(Move(one.account_id, account_id, part, since, event_id))
            cap = caps.get(self.wallets.get(account_id, 0))
            # What usage takes instead is counted with it.
            if cap is not None and one.transaction_id > cap.since_id:
                cap.take(negate(part), one.created_at)

    def bind(self, caps: Caps) -> None:
        """Give back to shares what captures took of them. One query if anybody has a share."""
        self.caps = caps
        self.wallets = wallets_of(self.accounts) if caps and self.by_event else {}

    def settle(self, *, at: datetime) -> None:
        """Write down what has come."""
        captures.settle([one for _, one in self.by_event.values()], at=at)


def find(numbered: Mapping[int, Measured], customer_ids: Collection[int]) -> Prepaid:
    """Return the events of a batch that captures of its customers wait for. One query."""
    waiting = captures.awaited(customer_ids=customer_ids)
    if not waiting:
        return Prepaid()
    names = {i: (m.fact.source, m.fact.external_id) for i, m in numbered.items()}
    return Prepaid({i: (name, waiting[name]) for i, name in names.items() if name in waiting})


def under_lock(
    numbered: Mapping[int, Measured],
    customer_ids: Collection[int],
    purse: Purse,
    expected: Prepaid,
) -> Prepaid:
    """
    Return the events that captures wait for, once no capture of them can be under way.

    ``expected`` was found before the locks. One query, none where nothing is locked.
    """
    if not numbered or not (purse.payers or expected):
        return expected
    found = find(numbered, customer_ids)
    if missing := found.accounts.difference(purse.locked):
        bulk.lock(missing)
    return found


def pay(item: Item, due: Decimal, prepaid: Prepaid) -> list[Part]:
    """
    Bring back what was captured for an event, as far as it costs, and return what came where.

    What an account gave back before anything had come is taken again first.
    """
    of = item.of
    _, one = prepaid.by_event.get(item.event_id, (None, None))
    if one is None or asset_of(one.account_id) != of.asset_id:
        return []
    parts = one.pay(subtract(due, min(due, of.accrual.takings.owing)))
    prepaid.give_back(one, parts, item.event_id, item.at)
    return parts


def arrive_unmetered(prepaid: Prepaid, numbered: Mapping[int, Measured], purse: Purse) -> None:
    """Note that events have come which no meter counts: they cost nothing."""
    for event_id in prepaid.by_event:
        measured = numbered[event_id]
        if not measured.measures:
            prepaid.arrive(event_id, measured.occurred_at, purse)
