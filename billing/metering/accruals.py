"""
The running values that usage moves: locked, read, and written back, set-based.

A series is one customer's meter under one rate in one period; its Accrual row is its memory.
Rows are locked in one order (by id), after event keys and before balances.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from billing.metering.aggregations import Running
from billing.metering.takings import Takings


class Series(NamedTuple):
    """What an accrual is the running value of."""

    customer_id: int
    meter_id: int
    rate_id: int | None  # none: nothing prices it
    period_start: datetime


@dataclass(slots=True)
class OpenAccrual:
    """An accrual under lock."""

    id: int
    running: Running
    amount: Decimal
    cost: Decimal
    takings: Takings


def lock(scales: dict[Series, int]) -> dict[Series, OpenAccrual]:
    """
    Lock the accruals of these series (with the scale of their meters' units), opening new ones.

    Two queries when all exist.
    """
    ids = _lock_existing(scales)
    if len(ids) < len(scales):
        _create(scales)
        ids = _lock_existing(scales)
    return _read(ids, scales)


def save(accruals: Iterable[OpenAccrual]) -> None:
    """Write accruals back, in one statement."""
    rows = [
        (
            a.id,
            a.running.value,
            a.amount,
            a.cost,
            a.running.count,
            _state(a.running),
            str(a.takings),
        )
        for a in accruals
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, _columns(rows))


def _columns(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _lock_existing(series: Iterable[Series]) -> list[int]:
    priced = [one for one in series if one.rate_id is not None]
    unpriced = [one for one in series if one.rate_id is None]
    ids: list[int] = []
    with connection.cursor() as cursor:
        for query, part in ((_FIND, priced), (_FIND_UNPRICED, unpriced)):
            if part:
                cursor.execute(query, _columns(part))
                ids += [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT 1 FROM billing_accrual WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids]
        )
    return ids


def _create(series: Iterable[Series]) -> None:
    rows = sorted(series, key=lambda s: (s.customer_id, s.meter_id, s.rate_id or 0, s.period_start))
    with connection.cursor() as cursor:
        cursor.execute(_CREATE, _columns(rows))


def _read(ids: list[int], scales: dict[Series, int]) -> dict[Series, OpenAccrual]:
    # In a statement of its own: the locking one may see what was before it waited.
    accruals: dict[Series, OpenAccrual] = {}
    with connection.cursor() as cursor:
        cursor.execute(_READ, [ids])
        for row in cursor.fetchall():
            series = Series(row[1], row[2], row[3], row[4])
            running = Running.load(json.loads(row[9])) if row[9] != "{}" else Running()
            running.scale, running.value, running.count = scales[series], row[5], row[8]
            accruals[series] = OpenAccrual(row[0], running, row[6], row[7], Takings(row[10]))
    return accruals


def _state(running: Running) -> str:
    """Write what the columns don't say: an average's total, the latest reading's time."""
    if not running.total and not running.latest_key:
        return "{}"
    kept = {k: v for k, v in running.dump().items() if k not in ("value", "count", "scale")}
    return json.dumps(kept)


_FIND: Final = """
    SELECT a.id FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])
         AS s (customer_id, meter_id, rate_id, period_start)
    JOIN billing_accrual a ON a.customer_id = s.customer_id AND a.meter_id = s.meter_id
         AND a.rate_id = s.rate_id AND a.period_start = s.period_start
"""
_FIND_UNPRICED: Final = _FIND.replace("a.rate_id = s.rate_id", "a.rate_id IS NULL")
_CREATE: Final = """
    INSERT INTO billing_accrual
        (customer_id, meter_id, rate_id, period_start, quantity, amount, cost, events, state,
         taken)
    SELECT s.*, 0, 0, 0, 0, '{}', ''
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])
         AS s (customer_id, meter_id, rate_id, period_start)
    ON CONFLICT DO NOTHING
"""
_READ: Final = """
    SELECT id, customer_id, meter_id, rate_id, period_start, quantity, amount, cost, events,
           state::text, taken
    FROM billing_accrual WHERE id = ANY(%s)
"""
_SAVE: Final = """
    UPDATE billing_accrual a
    SET quantity = n.quantity, amount = n.amount, cost = n.cost, events = n.events, state = n.state,
        taken = n.taken
    FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::bigint[],
                %s::jsonb[], %s::text[]) AS n (id, quantity, amount, cost, events, state, taken)
    WHERE a.id = n.id
"""
