"""Which accounting period a fact is booked in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from ledger.models import Book
from ledger.periods import month_of

ADJUSTMENT = "adjustment"  # the kind of transaction that a closing period still takes


class Fact(NamedTuple):
    """What is to be booked: in which book, as what, and when it happened."""

    book_id: int
    kind: str
    effective_at: datetime


class _Month(NamedTuple):
    """An accounting period."""

    id: int
    starts_at: datetime
    ends_at: datetime


def periods_for(facts: Iterable[Fact]) -> dict[Fact, int]:
    """
    Return the ids of the periods that take what happened, in a few queries for each month.

    That is the month it happened in, by the book's time zone; if that month or a later one is
    closed, the first month after the last closed one: late facts keep their own time and are
    booked in the open. Months are made when they are first needed.
    """
    found: dict[Fact, int] = {}
    barriers: dict[tuple[int, str], datetime | None] = {}
    months: dict[int, list[_Month]] = {}
    for fact in set(facts):
        book_id, kind, instant = fact
        if (book_id, kind) not in barriers:
            barriers[book_id, kind] = _barrier(book_id, kind)
        if (barrier := barriers[book_id, kind]) is not None:
            instant = max(instant, barrier)
        known = months.setdefault(book_id, [])
        month = next((one for one in known if one.starts_at <= instant < one.ends_at), None)
        if month is None:
            month = _covering(book_id, instant)
            known.append(month)
        found[fact] = month.id
    return found


def _barrier(book_id: int, kind: str) -> datetime | None:
    """Return up to when a book takes no more of a kind of transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(ends_at) FROM ledger_period
            WHERE book_id = %s AND (state = 'closed' OR (state = 'closing' AND %s <> %s))
            """,
            [book_id, kind, ADJUSTMENT],
        )
        barrier: datetime | None = cursor.fetchone()[0]
    return barrier


def _covering(book_id: int, instant: datetime) -> _Month:
    month = month_of(instant, _zone_of(book_id))
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "SELECT id, starts_at, ends_at FROM ledger_period"
                " WHERE book_id = %s AND starts_at <= %s AND ends_at > %s",
                [book_id, instant, instant],
            )
            if row := cursor.fetchone():
                return _Month(*row)
            cursor.execute(
                "INSERT INTO ledger_period (book_id, starts_at, ends_at, state)"
                " VALUES (%s, %s, %s, 'open') ON CONFLICT DO NOTHING",
                [book_id, month.starts_at, month.ends_at],
            )
    raise AssertionError("a period that was just made covers its month")


@lru_cache(maxsize=1024)
def _zone_of(book_id: int) -> ZoneInfo:
    # A book's time zone never changes: its periods are cut by it.
    return ZoneInfo(Book.objects.values_list("time_zone", flat=True).get(pk=book_id))
