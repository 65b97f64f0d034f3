"""
How much was used: a meter's value by window, customer, subject and dimensions.

Whole quarters of an hour are read from rollups. Events are read one by one only where they must be:
quarters that a window's edge cuts, quarters with a correction that is not folded yet, and batches
past the watermark. All in one statement, so that folding meanwhile changes nothing; its cost
depends on what was used in the asked range, not on what came before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.metering import aggregations, readings, rollups, windows
from billing.metering.windows import Window
from billing.models import Meter
from ledger.errors import InvalidInputError
from ledger.models import Book, Customer
from ledger.money import text

MOST_ROWS: Final = 10_000
SUBJECT: Final = "subject"
CUSTOMER: Final = "customer"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=readings.QUARTER_MINUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A meter's value over ``[window_start, window_end)`` for one group."""

    window_start: datetime
    window_end: datetime
    group: dict[str, str | None]
    value: Decimal  # in the meter's unit
    events: int


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Rows in the order of window and group; ``cursor`` asks for the next ones, if any."""

    rows: list[UsageRow]
    cursor: str | None = None


def query(
    *,
    book: Book,
    meter: Meter,
    starts_at: datetime,
    ends_at: datetime,
    customers: Iterable[Customer] | None = None,
    include_descendants: bool = False,
    subjects: Collection[str] | None = None,
    window: Window | None = None,
    zone: tzinfo = UTC,
    group_by: Sequence[str] = (),
    filters: Mapping[str, Collection[str | None]] | None = None,
    limit: int = 1_000,
    cursor: str | None = None,
) -> UsagePage:
    """
    Return a meter's values over events that happened in ``[starts_at, ends_at)``.

    A row stands for each window and group with usage; no window means the whole range, and no
    customers all of the book. Groups are the meter's dimensions, ``subject`` and ``customer``
    (its key); an event without a dimension is in the group None. Voided events don't count.

    Raises:
        InvalidInputError: another book's meter or customer, an empty range, too many windows or
            rows, a dimension that the meter lacks, or a cursor that is not from here.
    """
    _check(book, meter, starts_at, ends_at, limit)
    filters = filters or {}
    dimensions = _dimensions(meter, group_by, filters)
    cuts = windows.cuts(starts_at, ends_at, window, zone)
    reading = readings.of(meter, dimensions)
    parameters: dict[str, Any] = {
        **reading.parameters,
        "from": cuts[0],
        "to": cuts[-1],
        "first": _floor(cuts[0]),
        "starts": cuts[:-1],
        "cut_quarters": sorted({_floor(cut) for cut in cuts if cut != _floor(cut)}),
        "customers": _customer_ids(book, customers, include_descendants),
        "subjects": None if subjects is None else list(subjects),
        "batches": rollups.BATCHES,
        "corrections": rollups.CORRECTIONS,
        "limit": limit + 1,
    }
    statement = _statement(meter, reading.sql, dimensions, group_by, filters, parameters)
    parameters["after_window"], parameters["after_group"] = _position(cursor, cuts, len(group_by))
    with connection.cursor() as database:
        database.execute(statement, parameters)
        found = database.fetchall()
    rows = [_row(meter, cuts, group_by, *values) for values in found[:limit]]
    return UsagePage(rows, _cursor(rows[-1]) if len(found) > limit else None)


def _check(book: Book, meter: Meter, starts_at: datetime, ends_at: datetime, limit: int) -> None:
    if meter.book_id != book.pk:
        raise InvalidInputError(
            field="meter", value=meter.key, remedy="name a meter of the same book"
        )
    if not starts_at < ends_at:
        raise InvalidInputError(
            field="to", value=ends_at.isoformat(), remedy="name a time after the start"
        )
    if not 0 < limit <= MOST_ROWS:
        raise InvalidInputError(
            field="limit", value=limit, remedy=f"send a number from 1 to {MOST_ROWS}"
        )


def _dimensions(meter: Meter, group_by: Sequence[str], filters: Iterable[str]) -> list[str]:
    """Return the dimensions that are read, in the order of their columns."""
    named = sorted({*group_by, *filters} - {SUBJECT, CUSTOMER})
    unknown = [name for name in named if name not in meter.dimensions]
    if reserved := {SUBJECT, CUSTOMER}.intersection(filters):
        unknown.extend(sorted(reserved))
    if unknown or len(set(group_by)) < len(group_by):
        known = ", ".join(sorted(meter.dimensions)) or "none"
        remedy = f"name each once; dimensions of {meter.key}: {known}"
        value = unknown[0] if unknown else ", ".join(group_by)
        raise InvalidInputError(field="dimension", value=value, remedy=remedy)
    return named


def _customer_ids(
    book: Book, customers: Iterable[Customer] | None, include_descendants: bool
) -> list[int] | None:
    if customers is None:
        return None
    named = list(customers)
    for customer in named:
        if customer.book_id != book.pk:
            remedy = "name a customer of the same book"
            raise InvalidInputError(field="customer", value=customer.key, remedy=remedy)
    ids = [customer.pk for customer in named]
    if not include_descendants:
        return ids
    with connection.cursor() as database:
        database.execute(_BELOW, [ids])
        return [row[0] for row in database.fetchall()]


def _statement(
    meter: Meter,
    reading: str,
    dimensions: Sequence[str],
    group_by: Sequence[str],
    filters: Mapping[str, Collection[str | None]],
    parameters: dict[str, Any],
) -> str:
    column = {name: f"d{place}" for place, name in enumerate(dimensions)}
    for name, place in column.items():
        parameters[f"name_{place}"] = name
    conditions = []
    for name, allowed in filters.items():
        place = column[name]
        parameters[f"allowed_{place}"] = [value for value in allowed if value is not None]
        condition = f"{place} = ANY(%(allowed_{place})s::text[])"
        conditions.append(f"({condition} OR {place} IS NULL)" if None in allowed else condition)
    column |= {SUBJECT: "part.subject", CUSTOMER: "c.key"}
    group = ", ".join(f'({column[name]})::text COLLATE "C"' for name in group_by)
    joined = "JOIN ledger_customer c ON c.id = part.customer_id" if CUSTOMER in group_by else ""
    fragments = {
        "RAW_LABELS": "".join(f", d{place}" for place in range(len(dimensions))),
        "ROLLED_LABELS": "".join(
            f", r.dimensions ->> %(name_d{place})s" for place in range(len(dimensions))
        ),
        "READINGS": reading.replace("{events}", "raw"),
        "GROUP": f"ARRAY[{group}]::text[]",
        "CUSTOMERS": joined,
        "FILTERS": "".join(f" AND {condition}" for condition in conditions),
        "VALUE": _VALUES[Meter.Aggregation(meter.aggregation)],
    }
    statement = _QUERY
    for name, fragment in fragments.items():
        statement = statement.replace(f"<{name}>", fragment)
    return statement


def _row(
    meter: Meter,
    cuts: Sequence[datetime],
    group_by: Sequence[str],
    place: int,
    group: list[str | None],
    events: int,
    value: Decimal,
) -> UsageRow:
    if meter.aggregation == Meter.Aggregation.AVG:
        value = aggregations.average(value, int(events), meter.unit.scale)
    return UsageRow(
        window_start=cuts[place - 1],
        window_end=cuts[place],
        group=dict(zip(group_by, group, strict=True)),
        value=Decimal(text(value)),
        events=int(events),
    )


def _cursor(row: UsageRow) -> str:
    position = [row.window_start.isoformat(), list(row.group.values())]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _position(
    cursor: str | None, cuts: Sequence[datetime], width: int
) -> tuple[int, list[str | None]]:
    if cursor is None:
        return 0, []
    try:
        at, group = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place = cuts.index(datetime.fromisoformat(at)) + 1
        is_ours = len(group) == width and all(isinstance(label, str | None) for label in group)
    except (ValueError, TypeError):
        is_ours = False
    if not is_ours:
        remedy = "send the cursor of the page before, with the same question"
        raise InvalidInputError(field="cursor", value=cursor, remedy=remedy)
    return place, group


def _floor(at: datetime) -> datetime:
    return at - (at - _EPOCH) % _QUARTER


_BELOW: Final = """
    WITH RECURSIVE below AS (
        SELECT id FROM ledger_customer WHERE id = ANY(%s)
        UNION SELECT c.id FROM ledger_customer c JOIN below b ON c.parent_id = b.id
    )
    SELECT id FROM below
"""

_LAST: Final = """
    (array_agg(latest_value ORDER BY latest_at DESC, latest_key COLLATE "C" DESC))[1]"""
_VALUES: Final[dict[Meter.Aggregation, str]] = {
    Meter.Aggregation.SUM: "sum(total)",
    Meter.Aggregation.COUNT: "sum(total)",
    Meter.Aggregation.AVG: "sum(total)",  # by its events, once read
    Meter.Aggregation.MAX: "max(maximum)",
    Meter.Aggregation.MIN: "min(minimum)",
    Meter.Aggregation.LATEST: _LAST,
    Meter.Aggregation.UNIQUE_COUNT: "count(DISTINCT counted)::numeric",
}

_QUERY: Final = """
    WITH mark AS MATERIALIZED (
        SELECT coalesce(max(xid) FILTER (WHERE name = %(batches)s), 0)::text::xid8 AS batch_xid,
               coalesce(max(position) FILTER (WHERE name = %(batches)s), 0) AS batch_id,
               coalesce(max(xid) FILTER (WHERE name = %(corrections)s), 0)::text::xid8
                   AS correction_xid,
               coalesce(max(position) FILTER (WHERE name = %(corrections)s), 0) AS correction_id
        FROM ledger_watermark WHERE name IN (%(batches)s, %(corrections)s)
    ), tail AS MATERIALIZED (
        SELECT id FROM billing_usagebatch
        WHERE (xid, id) > ((SELECT batch_xid FROM mark), (SELECT batch_id FROM mark))
          AND book_id = %(book)s
    ), corrected AS MATERIALIZED (
        SELECT DISTINCT e.customer_id, billing_quarter(e.occurred_at) AS starts_at
        FROM billing_correction c JOIN billing_usageevent e ON e.id = c.event_id
        WHERE (c.xid, c.id) > ((SELECT correction_xid FROM mark), (SELECT correction_id FROM mark))
          AND c.book_id = %(book)s AND e.type = %(type)s
          AND e.occurred_at >= %(first)s AND e.occurred_at < %(to)s
          AND (%(customers)s::bigint[] IS NULL OR e.customer_id = ANY(%(customers)s))
    ), quarters AS MATERIALIZED (
        SELECT customer_id, starts_at FROM corrected
        UNION
        SELECT customer_id, starts_at FROM billing_usagerollup
        WHERE meter_id = %(meter)s AND starts_at = ANY(%(cut_quarters)s::timestamptz[])
          AND (%(customers)s::bigint[] IS NULL OR customer_id = ANY(%(customers)s))
    ), raw AS (
        SELECT e.* FROM quarters q
        CROSS JOIN LATERAL (
            SELECT * FROM billing_usageevent
            WHERE customer_id = q.customer_id AND occurred_at >= greatest(q.starts_at, %(from)s)
              AND occurred_at < least(q.starts_at + interval '15 minutes', %(to)s) OFFSET 0) e
        WHERE (e.id & -16384) NOT IN (SELECT id FROM tail)
        UNION ALL
        SELECT e.* FROM tail t
        CROSS JOIN LATERAL (
            SELECT * FROM billing_usageevent
            WHERE id > t.id AND id < t.id + 16384
              AND (%(customers)s::bigint[] IS NULL OR customer_id = ANY(%(customers)s))
              AND occurred_at >= %(from)s AND occurred_at < %(to)s OFFSET 0) e
    ), part AS (
        SELECT width_bucket(occurred_at, %(starts)s::timestamptz[]) AS place, customer_id, subject,
               1::bigint AS events, value AS total, value AS minimum, value AS maximum,
               occurred_at AS latest_at, key AS latest_key, value AS latest_value, counted
               <RAW_LABELS>
        FROM (<READINGS>) reading
        UNION ALL
        SELECT width_bucket(starts_at, %(starts)s::timestamptz[]), customer_id, subject,
               events, total, minimum, maximum, latest_at, latest_key, latest_value, counted
               <ROLLED_LABELS>
        FROM billing_usagerollup r
        WHERE meter_id = %(meter)s AND starts_at >= %(first)s AND starts_at < %(to)s
          AND starts_at <> ALL(%(cut_quarters)s::timestamptz[])
          AND (%(customers)s::bigint[] IS NULL OR customer_id = ANY(%(customers)s))
          AND NOT EXISTS (SELECT FROM corrected c
                          WHERE c.customer_id = r.customer_id AND c.starts_at = r.starts_at)
    )
    SELECT place, labels, sum(events), <VALUE>
    FROM (SELECT part.*, <GROUP> AS labels FROM part <CUSTOMERS>
          WHERE (%(subjects)s::text[] IS NULL OR part.subject = ANY(%(subjects)s))
          <FILTERS>) grouped
    WHERE (place, labels) > (%(after_window)s, %(after_group)s::text[])
    GROUP BY place, labels
    ORDER BY place, labels
    LIMIT %(limit)s
"""
