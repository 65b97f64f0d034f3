"""Release what is set aside, and end what has expired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from ledger import arrays, bulk
from ledger.money import ZERO
from wallets.errors import HoldClosedError
from wallets.holds import parts, standing, telling
from wallets.models import Hold

_CHUNK: Final = 500
_OVER: Final = {Hold.State.RELEASED, Hold.State.EXPIRED}


def release(*, hold: Hold, at: datetime) -> Hold:
    """
    Give back what a hold still sets aside, and end it.

    Releasing what was released or has expired changes nothing.

    Raises:
        HoldClosedError: it was captured or denied.
    """
    with transaction.atomic():
        hold = standing.lock(hold)
        if hold.state in _OVER:
            return hold
        if hold.state != Hold.State.ACTIVE:
            raise HoldClosedError(hold=hold.key, state=hold.state)
        _give_back([hold.pk])
        is_expired = hold.expires_at <= at
        hold.state = Hold.State.EXPIRED if is_expired else Hold.State.RELEASED
        hold.closed_at = hold.expires_at if is_expired else at
        hold.save(update_fields=["state", "closed_at"])
        if is_expired:
            telling.expired([hold.pk], at=at)
    return hold


def expire(*, at: datetime, limit: int | None = None) -> int:
    """
    End the holds that have expired by ``at``, or by their customers' test clocks; return how many.

    What they set aside counts as given back from that very instant, whether this has run or not.
    Safe to run twice, late, or concurrently; each chunk is committed by itself.
    """
    done = 0
    for query in (_DUE, _DUE_BY_CLOCK):
        while limit is None or done < limit:
            chunk = _CHUNK if limit is None else min(_CHUNK, limit - done)
            with transaction.atomic():
                ended = _expire(query, at, chunk)
            done += ended
            if not ended:
                break
    return done


def _expire(query: str, at: datetime, limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, {"at": at, "limit": limit})
        numbers = [row[0] for row in cursor.fetchall()]
        if numbers:
            _give_back(numbers)
            cursor.execute(_END, [arrays.whole(numbers)])
            telling.expired(numbers, at=at)
    return len(numbers)


def _give_back(hold_ids: Sequence[int]) -> None:
    """Give back all that holds set aside; their rows are locked, so nobody adds to it."""
    before = parts.of_holds(hold_ids)
    bulk.lock({part.account_id for spread in before.values() for part in spread})
    # Read again: what had expired may have been given back while the locks were waited for.
    held = parts.of_holds(hold_ids)
    parts.reduce((part, ZERO) for spread in held.values() for part in spread)


# Rows that somebody else is at work on are left to them.
_DUE: Final = """
    SELECT h.id FROM wallets_hold h
    JOIN ledger_customer c ON c.id = h.customer_id AND c.clock_id IS NULL
    WHERE h.state = 'active' AND h.expires_at <= %(at)s
    ORDER BY h.expires_at LIMIT %(limit)s FOR NO KEY UPDATE OF h SKIP LOCKED
"""
_DUE_BY_CLOCK: Final = """
    SELECT h.id FROM ledger_testclock k
    JOIN ledger_customer c ON c.clock_id = k.id
    JOIN wallets_hold h ON h.customer_id = c.id
    WHERE h.state = 'active' AND h.expires_at <= k.now_at
    LIMIT %(limit)s FOR NO KEY UPDATE OF h SKIP LOCKED
"""
_END: Final = """
    UPDATE wallets_hold SET state = 'expired', closed_at = expires_at
    WHERE id = ANY(%s::bigint[])
"""
