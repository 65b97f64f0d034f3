"""
Captures that wait for usage: what was taken stands on ``captured`` until the named events come.

Whoever records usage pays for it in this order, inside its transaction:

    lock the customers' ``unbilled`` and ``captured`` accounts with the others (``bulk.lock``);
    found = awaited(customer_ids=those whose ``captured`` account holds something);
    lock what else ``accounts(found)`` names;
    per event that is named: ``one.arrive(name)``, then ``one.pay(price)``: what each account gets
    back from ``one.account_id``, to be taken from exactly there at once;
    ``one.rest()``: what goes back to where it came from, once nothing more is awaited;
    ``settle(found, at=…)``.

Every capture is made, paid from and settled under the lock of the customer's ``unbilled`` account
in its asset, so what ``awaited`` returns after that lock is true until the transaction ends. What
goes back is effective at ``one.since(event's time)``: not before it was taken.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from ledger import arrays
from ledger.money import ZERO, add, subtract, text
from wallets.holds.parts import Part

Name = tuple[str, str]  # of an event: source and id


@dataclass(slots=True, kw_only=True, eq=False)
class Awaited:
    """A capture that waits for events; what remains of it shrinks as they are paid."""

    id: int
    customer_id: int
    account_id: int  # ``captured``: where it stands
    taken: list[Part]  # where what remains came from, in burn order
    created_at: datetime
    transaction_id: int = 0  # that took it
    awaits: set[Name] = field(default_factory=set)
    arrived: set[Name] = field(default_factory=set)

    @property
    def remaining(self) -> Decimal:
        """Return what no event has been paid from yet."""
        total = ZERO
        for _, amount in self.taken:
            total = add(total, amount)
        return total

    def since(self, at: datetime) -> datetime:
        """Return from when on money may go back for what happened at an instant."""
        return max(at, self.created_at)

    def arrive(self, name: Name) -> None:
        """Note that an event has come; again changes nothing."""
        if name in self.awaits:
            self.awaits.discard(name)
            self.arrived.add(name)

    def pay(self, amount: Decimal) -> list[Part]:
        """
        Take up to an amount of what remains, and return what goes back to which account.

        >>> one = Awaited(id=1, customer_id=1, account_id=9, created_at=datetime.max,
        ...               taken=[(1, Decimal(2)), (2, Decimal(3))])
        >>> one.pay(Decimal(4)), one.taken
        ([(1, Decimal('2')), (2, Decimal('2'))], [(2, Decimal('1'))])
        """
        paid: list[Part] = []
        left: list[Part] = []
        for account_id, held in self.taken:
            part = min(held, amount)
            amount = subtract(amount, part)
            if part:
                paid.append((account_id, part))
            if kept := subtract(held, part):
                left.append((account_id, kept))
        self.taken = left
        return paid

    def rest(self) -> list[Part]:
        """Take what remains, once every event has come; nothing before."""
        if self.awaits:
            return []
        rest, self.taken = self.taken, []
        return rest


def awaited(*, customer_ids: Collection[int]) -> dict[Name, Awaited]:
    """Return the captures of customers that wait, by each event that has not come. One query."""
    found: dict[int, Awaited] = {}
    by_name: dict[Name, Awaited] = {}
    with connection.cursor() as cursor:
        cursor.execute(_AWAITED, [list(customer_ids)])
        for number, customer_id, account_id, taken, since, posted, *name in cursor.fetchall():
            one = found.get(number)
            if one is None:
                one = found[number] = Awaited(
                    id=number,
                    customer_id=customer_id,
                    account_id=account_id,
                    taken=read_parts(json.loads(taken)),
                    created_at=since,
                    transaction_id=posted,
                )
            source, event_key = name
            one.awaits.add((source, event_key))
            by_name[source, event_key] = one
    return by_name


def accounts(found: Mapping[Name, Awaited], names: Iterable[Name]) -> set[int]:
    """Return every account that paying for these events from captures may move."""
    touched = {one.id: one for name in names if (one := found.get(name))}.values()
    numbers = {account_id for one in touched for account_id, _ in one.taken}
    return numbers | {one.account_id for one in touched}


def settle(touched: Iterable[Awaited], *, at: datetime) -> None:
    """Write down what events have come and what remains; a capture is settled when all have."""
    changed = [one for one in {each.id: each for each in touched}.values() if one.arrived]
    if not changed:
        return
    names = [(one.id, source, key) for one in changed for source, key in sorted(one.arrived)]
    with connection.cursor() as cursor:
        cursor.execute(
            _ARRIVED,
            [
                at,
                arrays.whole(number for number, _, _ in names),
                arrays.texts(source for _, source, _ in names),
                arrays.texts(key for _, _, key in names),
            ],
        )
        cursor.execute(
            _SETTLED,
            [
                at,
                arrays.whole(one.id for one in changed),
                arrays.exact(one.remaining for one in changed),
                [write_parts(one.taken) for one in changed],
                [not one.awaits for one in changed],
            ],
        )
    for one in changed:
        one.arrived = set()


def read_parts(written: object) -> list[Part]:
    """Read what ``write_parts`` wrote, as JSON's lists."""
    assert isinstance(written, list)
    return [(int(account_id), Decimal(amount)) for account_id, amount in written]


def write_parts(parts: Iterable[Part]) -> str:
    """Write parts as JSON, amounts as text."""
    return "[" + ",".join(f'[{account_id},"{text(amount)}"]' for account_id, amount in parts) + "]"


_AWAITED: Final = """
    SELECT c.id, c.customer_id, c.account_id, c.taken::text, c.created_at, c.transaction_id,
           e.source, e.event_key
    FROM wallets_capture c
    JOIN wallets_capturedevent e ON e.capture_id = c.id AND e.arrived_at IS NULL
    WHERE c.customer_id = ANY(%s) AND c.settled_at IS NULL
    ORDER BY c.id
"""
_ARRIVED: Final = """
    UPDATE wallets_capturedevent e SET arrived_at = %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS n (capture_id, source, event_key)
    WHERE e.capture_id = n.capture_id AND e.source = n.source AND e.event_key = n.event_key
"""
_SETTLED: Final = """
    UPDATE wallets_capture c
    SET remaining = n.remaining, taken = n.taken,
        settled_at = CASE WHEN n.is_settled THEN %s::timestamptz END
    FROM unnest(%s::bigint[], %s::numeric[], %s::jsonb[], %s::boolean[])
         AS n (id, remaining, taken, is_settled)
    WHERE c.id = n.id
"""
