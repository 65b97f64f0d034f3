"""
Shares as usage and holds meet them: how much of a shared wallet a customer may still take.

Read under the lock of the customers' ``unbilled`` accounts, written in the same transaction. What
usage and captures took is counted in the period that it happened in (``count``), what a hold sets
aside in the period that it was made in: that is given back with its parts, by the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from ledger import arrays, durations
from wallets.burndown import Cap

Caps = dict[int, dict[int, Cap]]  # by customer and wallet
Place = tuple[int, datetime]  # a share, and the start of one of its periods


def caps_of(customer_ids: Collection[int], *, since: datetime, until: datetime) -> Caps:
    """Return what customers may take for usage in ``[since, until]``. One query, two if any."""
    found: Caps = defaultdict(dict)
    by_share: dict[int, Cap] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, [arrays.whole(customer_ids)])
        for share_id, customer_id, wallet_id, amount, since_id, *terms in cursor.fetchall():
            start_of = _start_of(*terms)
            cap = Cap(share_id=share_id, amount=amount, start_of=start_of, since_id=since_id)
            found[customer_id][wallet_id] = by_share[share_id] = cap
        if not by_share:
            return {}
        starts = arrays.texts(cap.start_of(since).isoformat() for cap in by_share.values())
        cursor.execute(_USES, [arrays.whole(by_share), starts, until])
        for share_id, starts_at, used in cursor.fetchall():
            by_share[share_id].used[starts_at] = used
    return dict(found)


def count(caps: Iterable[Cap]) -> None:
    """Write down what was taken of shares, or given back, since they were read."""
    rows = sorted(
        (cap.share_id, starts_at, amount)
        for cap in caps
        for starts_at, amount in cap.taken.items()
        if amount
    )
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            [
                arrays.whole(share_id for share_id, _, _ in rows),
                arrays.texts(starts_at.isoformat() for _, starts_at, _ in rows),
                arrays.exact(amount for _, _, amount in rows),
            ],
        )
    for cap in caps:
        cap.taken.clear()


def open_uses(places: Collection[Place]) -> dict[Place, int]:
    """Return the numbers of shares' periods, making those that are not there yet. Two queries."""
    ordered = sorted(set(places))
    columns = [
        arrays.whole(share_id for share_id, _ in ordered),
        arrays.texts(starts_at.isoformat() for _, starts_at in ordered),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [*columns, arrays.exact(Decimal(0) for _ in ordered)])
        cursor.execute(_NUMBERS, columns)
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def wallets_of(account_ids: Collection[int]) -> dict[int, int]:
    """Return the wallets of those accounts that are lots. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS, [arrays.whole(account_ids)])
        return dict(cursor.fetchall())


def _start_of(anchor: datetime, cadence: str, zone: str) -> Callable[[datetime], datetime]:
    length, named = durations.parse("cadence", cadence), ZoneInfo(zone)
    return lambda at: durations.cycle_of(at, anchor, length, named).starts_at


_SHARES: Final = """
    SELECT id, customer_id, wallet_id, amount, since_id, anchor, cadence, time_zone
    FROM wallets_walletshare
    WHERE customer_id = ANY(%s::bigint[]) AND ended_at IS NULL
"""
_USES: Final = """
    SELECT u.share_id, u.starts_at, u.used + u.held
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (share_id, since)
    JOIN wallets_shareuse u ON u.share_id = n.share_id
         AND u.starts_at >= n.since AND u.starts_at <= %s
"""
_COUNT: Final = """
    INSERT INTO wallets_shareuse AS u (share_id, starts_at, used, held)
    SELECT n.*, 0 FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[])
         AS n (share_id, starts_at, used)
    ORDER BY 1, 2
    ON CONFLICT (share_id, starts_at) DO UPDATE SET used = u.used + excluded.used
"""
_NUMBERS: Final = """
    SELECT u.share_id, u.starts_at, u.id
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (share_id, starts_at)
    JOIN wallets_shareuse u USING (share_id, starts_at)
"""
_WALLETS: Final = """
    SELECT account_id, wallet_id FROM wallets_creditgrant WHERE account_id = ANY(%s::bigint[])
"""
