"""Which accounting period a fact is booked in."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection

from ledger.models import Book
from ledger.periods import month_of

ADJUSTMENT = "adjustment"  # the kind of transaction that a closing period still takes


def period_for(*, book_id: int, effective_at: datetime, kind: str) -> int:
    """
    Return the id of the period that takes what happened at ``effective_at``.

    That is the month it happened in, by the book's time zone; if that month or a later one is
    closed, the first month after the last closed one: late facts keep their own time and are
    booked in the open. Months are made when they are first needed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(ends_at) FROM ledger_period
            WHERE book_id = %s AND (state = 'closed' OR (state = 'closing' AND %s <> %s))
            """,
            [book_id, kind, ADJUSTMENT],
        )
        barrier = cursor.fetchone()[0]
    return _covering(book_id, effective_at if barrier is None else max(effective_at, barrier))


def _covering(book_id: int, instant: datetime) -> int:
    month = month_of(instant, _zone_of(book_id))
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "SELECT id FROM ledger_period"
                " WHERE book_id = %s AND starts_at <= %s AND ends_at > %s",
                [book_id, instant, instant],
            )
            if row := cursor.fetchone():
                return int(row[0])
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
