"""
The running values that usage moves: locked, read, and written back, set-based.

A series is one customer's meter under one rate in one period; its Accrual row is its memory.
Rows are locked in one order (by id), after event keys and what is billed of them, and before
balances.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db import connection

from billing import rechecking
from billing.metering.aggregations import Running
from billing.metering.takings import Takings
from billing.rating.free_events import EventState
from ledger import arrays

PRICED: Final = "priced"  # of a state: what event prices remember
UNITS: Final = "units"  # of a state: who gave the units that were granted ahead


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
    priced: Mapping[str, Any] = field(default_factory=dict)  # what event prices remember, written
    events: EventState | None = None  # and read, as far as the price looks at events
    units: dict[str, Takings] = field(default_factory=dict)  # what gave its units, by whose it was

    @property
    def givers(self) -> set[int]:
        """Return the accounts that gave something, money or units, which may go back."""
        return self.takings.accounts.union(*(one.accounts for one in self.units.values()))


class Wanted(NamedTuple):
    """How a series is opened."""

    scale: int  # of its meter's unit
    ends_at: datetime  # of its period
    is_late: bool = False  # what was billed of it may be settled


def lock(
    wanted: Mapping[Series, Wanted], *, charge_ids: Collection[int] = ()
) -> dict[Series, OpenAccrual]:
    """
    Lock the accruals of these series, opening new ones; late ones are looked at once more.

    What is billed of them, and of charges, is locked before. Two queries when all exist and none
    is late.
    """
    found = _find(wanted)
    if len(found) < len(wanted):
        with connection.cursor() as cursor:
            cursor.execute(_CREATE, _created(sorted(wanted, key=order), wanted))
        found = _find(wanted)
    late = {n: wanted[series].ends_at for n, series in found.items() if wanted[series].is_late}
    rechecking.billed(accrual_ids=list(late), charge_ids=charge_ids)
    opened = _locked(found, wanted) if found else {}
    rechecking.adjustments(late)
    return opened


def save(accruals: Iterable[OpenAccrual]) -> None:
    """Write accruals back, in one statement."""
    rows = list(accruals)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            [
                arrays.whole([a.id for a in rows]),
                arrays.exact([a.running.value for a in rows]),
                arrays.exact([a.amount for a in rows]),
                arrays.exact([a.cost for a in rows]),
                arrays.whole([a.running.count for a in rows]),
                arrays.texts([_state(a) for a in rows]),
                arrays.texts([str(a.takings) for a in rows]),
            ],
        )


def order(series: Series) -> tuple[int, int, int, datetime]:
    """Return what series are sorted by wherever they are written."""
    return series.customer_id, series.meter_id, series.rate_id or 0, series.period_start


def columns(series: Iterable[Series]) -> list[str]:
    """Return series as the four arrays that a query unnests."""
    customers, meters, rates, periods = zip(*series, strict=True)
    return [
        arrays.whole(customers),
        arrays.whole(meters),
        "{" + ",".join(["NULL" if rate is None else str(rate) for rate in rates]) + "}",
        arrays.texts([_written(period) for period in periods]),
    ]


@lru_cache(maxsize=256)
def _written(instant: datetime) -> str:
    return instant.isoformat()


def _find(series: Iterable[Series]) -> dict[int, Series]:
    priced = [one for one in series if one.rate_id is not None]
    unpriced = [one for one in series if one.rate_id is None]
    found: dict[int, Series] = {}
    with connection.cursor() as cursor:
        for query, part in ((_FIND, priced), (_FIND_UNPRICED, unpriced)):
            if part:
                cursor.execute(query, columns(part))
                found |= {row[0]: part[row[1] - 1] for row in cursor.fetchall()}
    return found


def _created(series: Sequence[Series], wanted: Mapping[Series, Wanted]) -> list[str]:
    ends = [_written(wanted[one].ends_at) for one in series]
    return [*columns(series), arrays.texts(ends)]


def _locked(
    found: Mapping[int, Series], wanted: Mapping[Series, Wanted]
) -> dict[Series, OpenAccrual]:
    # One table, so that a row that had to be waited for comes as it is then, not as it was.
    accruals: dict[Series, OpenAccrual] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [arrays.whole(found)])
        for accrual_id, quantity, amount, cost, events, state, taken in cursor.fetchall():
            series = found[accrual_id]
            held = json.loads(state) if state != "{}" else {}
            running = Running.load(held) if held else Running()
            running.scale, running.value = wanted[series].scale, quantity
            running.count = events
            opened = accruals[series] = OpenAccrual(
                accrual_id, running, amount, cost, Takings(taken), held.get(PRICED, {})
            )
            if UNITS in held:
                opened.units = {whose: Takings(gave) for whose, gave in held[UNITS].items()}
    return accruals


def _state(accrual: OpenAccrual) -> str:
    """
    Write what the columns don't say.

    An average's total, the latest reading, what event prices remember, where units came from.
    """
    running, priced = accrual.running, accrual.priced
    if accrual.events is not None:
        priced = accrual.events.dump()
    kept: dict[str, Any] = {PRICED: priced} if priced else {}
    if accrual.units:
        kept[UNITS] = {whose: str(gave) for whose, gave in accrual.units.items()}
    if running.total or running.latest_key:
        kept |= {k: v for k, v in running.dump().items() if k not in ("value", "count", "scale")}
    return json.dumps(kept) if kept else "{}"


_FIND: Final = """
    SELECT a.id, s.place
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) WITH ORDINALITY
         AS s (customer_id, meter_id, rate_id, period_start, place)
    JOIN billing_accrual a ON a.customer_id = s.customer_id AND a.meter_id = s.meter_id
         AND a.rate_id = s.rate_id AND a.period_start = s.period_start
"""
_FIND_UNPRICED: Final = _FIND.replace("a.rate_id = s.rate_id", "a.rate_id IS NULL")
_CREATE: Final = """
    INSERT INTO billing_accrual
        (customer_id, meter_id, rate_id, period_start, period_ends_at, quantity, amount, cost,
         events, state, taken)
    SELECT s.*, 0, 0, 0, 0, '{}', ''
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
         AS s (customer_id, meter_id, rate_id, period_start, period_ends_at)
    ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
    SELECT id, quantity, amount, cost, events, state::text, taken
    FROM billing_accrual WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_SAVE: Final = """
    UPDATE billing_accrual a
    SET quantity = n.quantity, amount = n.amount, cost = n.cost, events = n.events, state = n.state,
        taken = n.taken
    FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::bigint[],
                %s::jsonb[], %s::text[]) AS n (id, quantity, amount, cost, events, state, taken)
    WHERE a.id = n.id
"""
