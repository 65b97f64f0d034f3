"""
Usage that comes when its period has been invoiced, of meters that count it in a later one.

A meter says what becomes of it (``Meter.late_usage``). As a rule it is counted in its own period,
at that period's tiers, and the difference is invoiced. With ``next_period`` it counts in the
period of the same price that is running when it comes, and what has been invoiced stays as it is.
Either way it is posted at once, by the time at which it happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from billing.metering import accruals
from billing.metering.accruals import OpenAccrual, Series
from billing.metering.attribution import Item, OpenSeries
from billing.metering.snapshot import Snapshot
from billing.models import LateUsage
from ledger import arrays
from ledger.periods import month_of


def moved_on(items: list[Item], *, catalogue: Snapshot, at: datetime) -> list[Item]:
    """
    Return the readings with those moved on whose period has been invoiced; ``at`` is receipt.

    What is no longer sold at that price stays in its own period. Two queries where something of
    such a meter is late, none otherwise.
    """
    now = _late(items, catalogue, at)
    if not now:
        return items
    settled = _settled(one.series for one in now)
    zone = ZoneInfo(catalogue.zone)
    moved = {
        one: running
        for one, instant in now.items()
        if one.series in settled and (running := _running(one, instant, zone)) is not None
    }
    return [item._replace(of=moved.get(item.of, item.of)) for item in items]


def as_before(items: list[Item], leaving: Sequence[Item]) -> list[Item]:
    """Have what replaces an event that was moved on count where the event did."""
    moved = {
        item.of.series[:3]: item.of for item in leaving if item.of.series.period_start > item.at
    }
    if not moved:
        return items
    return [
        item._replace(of=replace(moved[item.of.series[:3]], month=item.of.month))
        if item.of.series[:3] in moved
        else item
        for item in items
    ]


def note(items: Iterable[Item], opened: Mapping[Series, OpenAccrual]) -> None:
    """Write down since when there is usage in a series from before its period."""
    earliest: dict[int, datetime] = {}
    for item in items:
        series = item.of.series
        if item.at < series.period_start:
            number = opened[series].id
            earliest[number] = min(item.at, earliest.get(number, item.at))
    if not earliest:
        return
    numbers = sorted(earliest)
    times = arrays.texts([earliest[number].isoformat() for number in numbers])
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [arrays.whole(numbers), times])


def earliest_of(accrual_id: int, period_start: datetime) -> datetime:
    """Return when the first event may have happened that counts in a series."""
    found = LateUsage.objects.filter(pk=accrual_id).values_list("earliest_at", flat=True).first()
    return min(found, period_start) if found is not None else period_start


def _late(items: Iterable[Item], catalogue: Snapshot, at: datetime) -> dict[OpenSeries, datetime]:
    """Return the series that may move on and are over, with their customers' time."""
    latest = max(at, catalogue.latest_clock_at or at)
    over = {
        item.of
        for item in items
        if item.of.meter.moves_on and item.of.rate is not None and item.of.period_ends_at <= latest
    }
    if not over:
        return {}
    times = _times({one.series.customer_id for one in over})
    now = {one: times[one.series.customer_id] or at for one in over}
    return {one: instant for one, instant in now.items() if one.period_ends_at <= instant}


def _running(of: OpenSeries, now: datetime, zone: ZoneInfo) -> OpenSeries | None:
    if of.item is None:
        period = month_of(now, zone)
    elif of.item.ends_at <= now:
        return None
    else:
        period = of.item.period_of(now)
    series = of.series._replace(period_start=period.starts_at)
    return replace(of, series=series, period_ends_at=period.ends_at)


def _times(customer_ids: Collection[int]) -> dict[int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_CLOCKS, [arrays.whole(customer_ids)])
        return dict(cursor.fetchall())


def _settled(series: Iterable[Series]) -> set[Series]:
    wanted = sorted(series, key=accruals.order)
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, accruals.columns(wanted))
        return {wanted[place - 1] for (place,) in cursor.fetchall()}


_CLOCKS: Final = """
    SELECT c.id, k.now_at FROM ledger_customer c LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE c.id = ANY(%s::bigint[])
"""
_NOTE: Final = """
    INSERT INTO billing_lateusage (accrual_id, earliest_at)
    SELECT * FROM unnest(%s::bigint[], %s::timestamptz[])
    ON CONFLICT (accrual_id) DO UPDATE
    SET earliest_at = least(billing_lateusage.earliest_at, excluded.earliest_at)
"""
_SETTLED: Final = """
    SELECT s.place
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) WITH ORDINALITY
         AS s (customer_id, meter_id, rate_id, period_start, place)
    JOIN billing_accrual a ON a.customer_id = s.customer_id AND a.meter_id = s.meter_id
         AND a.rate_id = s.rate_id AND a.period_start = s.period_start
    JOIN billing_billable b ON b.accrual_id = a.id
    WHERE b.settled_at IS NOT NULL AND b.last_line_id IS NOT NULL
"""
