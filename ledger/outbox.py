"""
What must happen after commit, written down in the same transaction.

A row is published with the fact it follows from, so that neither exists without the
other. Whoever claims it has a lease: a worker that dies loses nothing, its rows are
claimed anew. Handling a row must therefore be safe to repeat.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Q

from ledger import arrays
from ledger.models import Outbox

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 15  # about half a day; then a person has to look
KEEP_SETTLED = timedelta(days=30)

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_SHOWN = 2000  # characters of an error that are kept


def publish(*, topic: str, key: str, payload: Mapping[str, Any], at: datetime) -> Outbox:
    """
    Write down, in the caller's transaction, what must happen after it.

    A topic knows a key once: publishing it again returns the first row.
    """
    assert connection.in_atomic_block, "an outbox row belongs to the transaction of its fact"
    row, _ = Outbox.objects.get_or_create(
        topic=topic,
        key=key,
        defaults={"payload": dict(payload), "created_at": at, "available_at": at},
    )
    return row


def publish_all(*, topic: str, payloads: Mapping[str, Mapping[str, Any]], at: datetime) -> None:
    """Write down, as ``publish`` does, what must happen under each key; one statement."""
    assert connection.in_atomic_block, "an outbox row belongs to the transaction of its fact"
    written = [json.dumps(payload, ensure_ascii=False) for payload in payloads.values()]
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISH, [topic, at, at, arrays.texts(payloads), arrays.texts(written)])


def claim(*, topic: str, limit: int, at: datetime, lease: timedelta = LEASE) -> list[Outbox]:
    """
    Take up to ``limit`` due rows, oldest first, for the time of the lease.

    A row that was never tried is due whatever its time: a test clock may be ahead of ours.
    """
    due = Q(topic=topic, settled_at=None, is_dead=False)
    due &= Q(available_at__lte=at) | Q(attempts=0)
    free = Q(claimed_until=None) | Q(claimed_until__lte=at)
    with transaction.atomic():
        rows = list(
            Outbox.objects.select_for_update(skip_locked=True)
            .filter(due & free)
            .order_by("available_at", "pk")[:limit]
        )
        Outbox.objects.filter(pk__in=[row.pk for row in rows]).update(
            claimed_until=at + lease, attempts=F("attempts") + 1
        )
    for row in rows:
        row.claimed_until, row.attempts = at + lease, row.attempts + 1
    return rows


def settle(*, row: Outbox, at: datetime) -> None:
    """Record that a row was handled."""
    Outbox.objects.filter(pk=row.pk, settled_at=None).update(
        settled_at=at, claimed_until=None, last_error=""
    )


def fail(*, row: Outbox, error: str, at: datetime) -> None:
    """
    Record that handling a row failed: it is due again later, and later each time.

    After the last attempt it is dead, until somebody revives it.
    """
    Outbox.objects.filter(pk=row.pk, settled_at=None, claimed_until=row.claimed_until).update(
        available_at=at + pause(row.attempts),
        claimed_until=None,
        is_dead=row.attempts >= MOST_ATTEMPTS,
        last_error=error[:_SHOWN],
    )


def revive(*, row: Outbox, at: datetime) -> None:
    """Let a dead row be tried again from the beginning."""
    Outbox.objects.filter(pk=row.pk, settled_at=None).update(
        is_dead=False, attempts=0, available_at=at, claimed_until=None
    )


def prune(*, at: datetime) -> int:
    """Delete rows that were settled long ago; return how many."""
    deleted, _ = Outbox.objects.filter(settled_at__lt=at - KEEP_SETTLED).delete()
    return deleted


def pause(attempts: int) -> timedelta:
    """
    Return how long a row rests after so many attempts.

    >>> pause(1), pause(4)
    (datetime.timedelta(seconds=5), datetime.timedelta(seconds=40))
    """
    doubled: int = 1 << min(attempts - 1, 20)
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * doubled)


_PUBLISH: Final = """
    INSERT INTO ledger_outbox
        (topic, key, payload, created_at, available_at, attempts, is_dead, last_error)
    SELECT %s, key, payload, %s, %s, 0, false, ''
    FROM unnest(%s::text[], %s::jsonb[]) AS n (key, payload)
    ON CONFLICT (topic, key) DO NOTHING
"""
