"""
Invoices of customers that live by a test clock: made at the instants at which they would be.

Nothing here depends on the real time. What is done is kept in memory only: a clock that is
advanced again from where it stood makes the same documents, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from billing import collection
from billing.invoicing import advancing, making
from billing.invoicing.materials import Profile
from billing.payments import dispositions
from ledger import arrays
from ledger.durations import cycle_of, parse
from ledger.models import Book, Customer

CAUSE: Final = "clock"


@dataclass(slots=True)
class Clockwork:
    """What is due of invoices for customers of one clock, as it moves on."""

    payers: dict[int, Customer]
    done: dict[int, datetime] = field(default_factory=dict)  # by payer: up to when

    @property
    def book(self) -> Book:
        """Return the book they are all of."""
        return next(iter(self.payers.values())).book

    def next_due(self, until: datetime, before: datetime | None) -> tuple[int, datetime] | None:
        """Return whose documents are due next, and when: up to ``until``, before an instant."""
        found = [
            (instant, payer_id)
            for payer_id, instants in self._instants(until).items()
            if (instant := self._next(payer_id, instants)) is not None
            and instant <= until
            and (before is None or instant < before)
        ]
        if not found:
            return None
        instant, payer_id = min(found)
        return payer_id, instant

    def do(self, payer_id: int, at: datetime) -> int:
        """Make a payer's documents that are due, set credit off; return how many were issued."""
        self.done[payer_id] = at
        made = making.make(book=self.book, payer_ids=[payer_id], until=at, at=at, by=CAUSE)
        advanced = advancing.advance(at=at, by=CAUSE, payer_ids=[payer_id])
        dispositions.set_off_open(payer_id=payer_id, by=CAUSE, at=at)
        return made.issued + advanced.issued

    def _next(self, payer_id: int, instants: Sequence[datetime]) -> datetime | None:
        last = self.done.get(payer_id)
        if last is not None:
            return min((instant for instant in instants if instant > last), default=None)
        clock = self.payers[payer_id].clock
        assert clock is not None, "only customers that live by one are seen to"
        return max(min(instants), clock.now_at) if instants else None

    def _instants(self, until: datetime) -> dict[int, list[datetime]]:
        """Return when something of each payer may be due: too often does no harm."""
        book, payers = self.book, list(self.payers)
        consumers = collection.consumers_of(book=book, payer_ids=payers)
        profiles = collection.profiles_of(book=book, customer_ids=payers)
        payer_of = {number: payer for payer, mine in consumers.items() for number in mine}
        found: dict[int, list[datetime]] = {
            payer_id: [until] if profiles[payer_id].is_progressive else [] for payer_id in payers
        }
        zone = ZoneInfo(book.time_zone)
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, [arrays.whole(payer_of), until])
            for consumer_id, due_at in cursor.fetchall():
                payer_id = payer_of[consumer_id]
                found[payer_id] += _collected(due_at, profiles[payer_id], zone)
            cursor.execute(_WAITING, [arrays.whole(payers)] * 2)
            for payer_id, issue_after, due_date in cursor.fetchall():
                found[payer_id].append(issue_after or _day_after(due_date, zone))
        return found


def of(customers: Sequence[Customer]) -> Clockwork | None:
    """Return what makes invoices of these customers; None: their book makes none by itself."""
    payers = {customer.pk: customer for customer in customers if customer.clock_id is not None}
    if not payers or not making.is_on(customers[0].book_id):
        return None
    return Clockwork(payers)


def _collected(due_at: datetime, profile: Profile, zone: ZoneInfo) -> Iterator[datetime]:
    if profile.alignment == "anchored" and profile.anchor is not None:
        cycle = cycle_of(due_at, profile.anchor, parse("cadence", profile.cadence), zone)
        due_at = due_at if cycle.starts_at == due_at else cycle.ends_at
    yield due_at
    yield due_at + profile.grace


def _day_after(due_date: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(due_date + timedelta(days=1), time.min, zone)


_OPEN: Final = """
    SELECT DISTINCT customer_id, due_at FROM billing_billable
    WHERE customer_id = ANY(%s::bigint[]) AND settled_at IS NULL AND due_at <= %s
"""
_WAITING: Final = """
    SELECT payer_id, issue_after, NULL::date FROM billing_invoice
    WHERE payer_id = ANY(%s::bigint[]) AND state IN ('draft', 'approved') AND NOT is_blocked
      AND issue_after IS NOT NULL
    UNION ALL SELECT payer_id, NULL, due_date FROM billing_invoice
    WHERE payer_id = ANY(%s::bigint[]) AND state IN ('issued', 'partially_paid') AND open > 0
      AND due_date IS NOT NULL
"""
