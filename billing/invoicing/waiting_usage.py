"""
Usage of customers that no document can hold yet: refused as it was sent, or not posted yet.

What was refused names its subject in what was sent, in the shape of an event. Usage of a subject
that nobody has mapped is nobody's so far: the list of unattributed usage shows it, and the close of
a month asks for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from billing.invoicing.facts import Problem
from ledger import arrays

_MOST: Final = 5000  # open dead letters of a book that are looked at, the newest
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many events of a customer wait, and which of its subjects sent them."""

    refused: int
    unposted: int
    subjects: tuple[str, ...]

    @property
    def problem(self) -> Problem:
        """Return what a draft says of it."""
        named = ", ".join(self.subjects[:_NAMED])
        more = f" and {len(self.subjects) - _NAMED} more" if len(self.subjects) > _NAMED else ""
        said = [
            f"{self.refused:,} refused: mend and replay the dead letters, or dismiss them"
            if self.refused
            else "",
            f"{self.unposted:,} to be posted: they come by themselves unless no meter can read them"
            if self.unposted
            else "",
        ]
        return Problem(
            code="usage_waits",
            component="usage",
            path=f"{named}{more}",
            remedy="events are not on it; " + "; ".join(each for each in said if each),
        )


def waiting(consumer_ids: Collection[int], *, until: datetime) -> dict[int, Waiting]:
    """Return what waits of customers' usage until an instant, by customer; one statement."""
    asked: dict[str, Any] = {
        "customers": arrays.whole(consumer_ids),
        "until": until,
        "most": _MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, asked)
        return {
            customer: Waiting(int(refused), int(unposted), tuple(subjects))
            for customer, refused, unposted, subjects in cursor.fetchall()
        }


# An event's own subject stands at its end or before its data: the first one that is named counts.
_WAITING: Final = r"""
    WITH mine AS MATERIALIZED (
        SELECT book_id, key, customer_id FROM billing_subject
        WHERE customer_id = ANY(%(customers)s::bigint[])
    ), letters AS MATERIALIZED (
        SELECT d.book_id, d.times,
               (regexp_match(d.raw, '"subject"\s*:\s*"([^"\\]+)"'))[1] AS subject
        FROM (SELECT DISTINCT book_id FROM mine) b
        CROSS JOIN LATERAL (
            SELECT book_id, times, raw FROM billing_deadletter
            WHERE book_id = b.book_id AND status = 'open' ORDER BY id DESC LIMIT %(most)s) d
    ), found AS (
        SELECT m.customer_id, m.key, l.times AS refused, 0 AS unposted
        FROM letters l JOIN mine m ON m.book_id = l.book_id AND m.key = l.subject
        UNION ALL
        SELECT m.customer_id, m.key, 0, 1
        FROM mine m JOIN billing_unattributedevent u
          ON u.book_id = m.book_id AND u.subject = m.key AND u.posted_at IS NULL
        WHERE u.occurred_at < %(until)s
    )
    SELECT customer_id, sum(refused), sum(unposted), array_agg(DISTINCT key ORDER BY key)
    FROM found GROUP BY customer_id
"""
