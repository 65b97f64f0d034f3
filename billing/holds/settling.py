"""
Captures that wait for usage which has come already, settled by a sweep.

Usage without a price locks no money. If it is recorded at the very moment in which a capture that
names it is made, neither sees the other: the capture would wait for ever. What has been paid for
the event since, if anything, goes back as if it had come first, and after the last one the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection, transaction

from billing.holds import arrivals
from billing.metering.prepaid import Prepaid
from billing.models import UsageEvent
from ledger import bulk
from ledger.ids import asset_of
from ledger.moves import Posting
from ledger.sweeps import Sweep
from wallets import caps, watches
from wallets.holds import captures
from wallets.holds.captures import Awaited, Name
from wallets.holds.means import unbilled_accounts

_CHUNK: Final = 1000


class _Waiting(NamedTuple):
    """An event that a capture waits for."""

    id: int
    book_id: int
    customer_id: int
    name: Name


def settle_arrived(*, at: datetime) -> Sweep:
    """
    Settle captures as far as their usage has been recorded, and say for how many events.

    Safe to run twice, late, or concurrently; each customer's are committed by themselves. One
    statement for a thousand events that are waited for, and more only where some have come.
    """
    sweep, last = Sweep(), 0
    while waiting := _waiting(last):
        last = waiting[-1].id
        by_owner: defaultdict[tuple[int, int], list[Name]] = defaultdict(list)
        for one in waiting:
            by_owner[one.book_id, one.customer_id].append(one.name)
        for book_id in sorted({book_id for book_id, _ in by_owner}):
            mine = {whose[1]: names for whose, names in by_owner.items() if whose[0] == book_id}
            come = arrivals.recorded(book_id, [name for names in mine.values() for name in names])
            for customer_id, names in mine.items() if come else ():
                found = {name: come[name] for name in names if name in come}
                with sweep.each(customer_id):
                    sweep.done += _settle(book_id, customer_id, found, at) if found else 0
    return sweep


def _waiting(last: int) -> list[_Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [last, _CHUNK])
        return [
            _Waiting(number, book_id, customer_id, (source, key))
            for number, book_id, customer_id, source, key in cursor.fetchall()
        ]


@transaction.atomic
def _settle(book_id: int, customer_id: int, come: Mapping[Name, int], at: datetime) -> int:
    """Note that events have come, under the locks of their customer's money."""
    expected = captures.awaited(customer_ids=[customer_id])
    assets = {asset_of(expected[name].account_id) for name in come if name in expected}
    unbilled = unbilled_accounts(book_id, [(customer_id, asset) for asset in assets], at=at)
    bulk.lock(captures.accounts(expected, come) | set(unbilled.values()))
    waiting = captures.awaited(customer_ids=[customer_id])
    found = {i: (name, waiting[name]) for name, i in come.items() if name in waiting}
    prepaid = Prepaid(found)
    bound = _caps(prepaid.by_event.values())
    prepaid.bind(bound)
    for asset in sorted(assets):
        paid = arrivals.paid_for(set(come.values()), asset)
        for event in UsageEvent.objects.filter(pk__in=found).order_by("pk"):
            name, one = found[event.pk]
            if asset_of(one.account_id) == asset:
                one.arrive(name)
                back = [*one.pay(paid[event.pk]), *one.rest()]
                prepaid.give_back(one, back, event.pk, event.occurred_at)
    _post(book_id, prepaid)
    prepaid.settle(at=at)
    caps.count([cap for mine in bound.values() for cap in mine.values()])
    return len(found)


def _caps(found: Collection[tuple[Name, Awaited]]) -> caps.Caps:
    times = [one.created_at for _, one in found]
    customer_ids = {one.customer_id for _, one in found}
    return caps.caps_of(customer_ids, since=min(times), until=max(times)) if times else {}


def _post(book_id: int, prepaid: Prepaid) -> None:
    """Post what goes back, each event's by itself: it belongs to the month of its own date."""
    postings = []
    for event_id, (_, one) in prepaid.by_event.items():
        moves = [move for move in prepaid.back if move.source_id == event_id]
        if moves:
            assert moves[0].effective_at is not None, "it is dated by itself"
            postings.append(
                Posting(
                    book_id=book_id,
                    kind="capture",
                    key=f"captured:{one.id}:{event_id}",
                    effective_at=moves[0].effective_at,
                    moves=moves,
                )
            )
    if postings:
        bulk.post(postings=postings)
        watches.touch(_lots(postings))


def _lots(postings: Iterable[Posting]) -> list[int]:
    return sorted({move.credit for posting in postings for move in posting.moves})


_WAITING: Final = """
    SELECT e.id, c.book_id, c.customer_id, e.source, e.event_key
    FROM wallets_capture c
    JOIN wallets_capturedevent e ON e.capture_id = c.id AND e.arrived_at IS NULL
    WHERE c.settled_at IS NULL AND e.id > %s
    ORDER BY e.id LIMIT %s
"""
