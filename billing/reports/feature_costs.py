"""
What a feature's usage has cost us: by window, customer, subject and dimensions.

Read from the ledger: units as they were counted on the accounts of customers, and the cost that was
posted beside them. Corrections are entries at the time of what they correct, so they are in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.metering import readings, windows
from billing.metering.windows import Window
from billing.models import Feature, Meter
from billing.rating import filters
from ledger.errors import InvalidInputError
from ledger.money import ZERO, add

MOST_ROWS: Final = 10_000
SUBJECT: Final = "subject"
CUSTOMER: Final = "customer_id"
_MOST_GROUPS: Final = 100_000  # before filters
_ID: Final = re.compile("[0-9]{1,18}")
_EQUALS: Final = frozenset({"eq", "in"})


@dataclass(slots=True, kw_only=True)
class CostRow:
    """Usage and cost over ``[window_start, window_end)`` for one group."""

    window_start: datetime
    window_end: datetime
    group: dict[str, str | None]
    usage: Decimal = ZERO  # in the meter's unit
    cost: Decimal | None = None  # in the book's base currency; None: none was posted
    entries: int = 0
    without_cost: int = 0  # entries of usage beside which no cost stands


def query(
    *,
    feature: Feature,
    starts_at: datetime,
    ends_at: datetime,
    window: Window | None = None,
    zone: tzinfo = UTC,
    group_by: Sequence[str] = (),
    conditions: Mapping[str, Any] | None = None,
) -> list[CostRow]:
    """
    Return what usage of a feature that happened in ``[starts_at, ends_at)`` has cost.

    Groups are the meter's dimensions, ``subject`` and ``customer_id``; ``conditions`` are asked of
    the same, beside the feature's own filters. Rows are in the order of window and group.

    Raises:
        InvalidInputError: a feature without a meter, an empty range, an unknown dimension, a
            condition that cannot be, or too many windows or rows.
    """
    meter, asked = feature.meter, dict(conditions or {})
    if meter is None:
        remedy = "name a feature that a meter counts"
        raise InvalidInputError(field="feature", value=feature.key, remedy=remedy)
    if not starts_at < ends_at:
        remedy = "name a time after the start"
        raise InvalidInputError(field="to", value=ends_at.isoformat(), remedy=remedy)
    _check(meter, group_by, asked)
    cuts = windows.cuts(starts_at, ends_at, window, zone)
    names = sorted({*group_by, *asked, *feature.filters})
    fitting = [filters.compiled(document, names) for document in (feature.filters, asked)]
    rows: dict[tuple[int, tuple[str | None, ...]], CostRow] = {}
    for place, labels, *figures in _groups(meter, cuts, names, asked):
        if not all(one is None or one.fits(labels) for one in fitting):
            continue
        said = dict(zip(names, labels, strict=True))
        group = {name: said[name] for name in group_by}
        row = rows.setdefault(
            (place, tuple(group.values())),
            CostRow(window_start=cuts[place - 1], window_end=cuts[place], group=group),
        )
        _add(row, *figures)
    if len(rows) > MOST_ROWS:
        remedy = f"ask for fewer windows or groups: at most {MOST_ROWS:,} rows at a time"
        raise InvalidInputError(field="granularity", value=window, remedy=remedy)
    return [rows[key] for key in sorted(rows, key=_order)]


def _check(meter: Meter, group_by: Sequence[str], asked: Mapping[str, Any]) -> None:
    known = {*meter.dimensions, SUBJECT, CUSTOMER}
    unknown = [name for name in group_by if name not in known]
    if unknown or len(set(group_by)) < len(group_by):
        remedy = f"name each once; known are {', '.join(sorted(known))}"
        value = unknown[0] if unknown else ", ".join(group_by)
        raise InvalidInputError(field="group_by_dimensions", value=value, remedy=remedy)
    found = filters.problems(asked, dimensions=known, field="filters.dimensions")
    if found:
        first = found[0]
        raise InvalidInputError(
            field=first.field,
            value=first.attributes.get("value", ""),
            remedy=first.message,
            problems=tuple(found),
        )
    for name in (SUBJECT, CUSTOMER):
        if asked.get(name, {}).keys() - _EQUALS:
            field = f"filters.dimensions.{name}"
            raise InvalidInputError(field=field, value=asked[name], remedy="use eq or in")


def _groups(
    meter: Meter, cuts: Sequence[datetime], names: Sequence[str], asked: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """Yield place, labels, units, cost, entries, and how many of them have no cost."""
    parameters: dict[str, Any] = {
        "book": meter.book_id,
        "meter": meter.key,
        "from": cuts[0],
        "to": cuts[-1],
        "starts": cuts[:-1],
        "customers": _customers(asked.get(CUSTOMER)),
        "most": _MOST_GROUPS + 1,
    }
    labels = {SUBJECT: "e.subject", CUSTOMER: "e.customer_id::text"}
    inner = [name for name in names if name not in labels]
    labels |= zip(inner, readings.labels_of(meter, inner, parameters), strict=True)
    columns = ", ".join(labels[name] for name in names)
    with connection.cursor() as cursor:
        cursor.execute(_COSTS.replace("<LABELS>", columns), parameters)
        found = cursor.fetchall()
    if len(found) > _MOST_GROUPS:
        remedy = "ask for a shorter time, longer windows or fewer dimensions"
        raise InvalidInputError(field="group_by_dimensions", value=", ".join(names), remedy=remedy)
    for place, said, *figures in found:
        yield place, tuple(said), *figures


def _customers(condition: Mapping[str, Any] | None) -> list[int] | None:
    """Return whose entries are read, as far as a condition names them."""
    if condition is None:
        return None
    named = [condition["eq"]] if "eq" in condition else condition["in"]
    return [int(text) for text in named if _ID.fullmatch(text)]


def _add(
    row: CostRow, usage: Decimal, cost: Decimal | None, entries: int, without_cost: int
) -> None:
    row.usage = add(row.usage, usage)
    if cost is not None:
        row.cost = add(row.cost or ZERO, cost)
    row.entries += entries
    row.without_cost += without_cost


def _order(
    key: tuple[int, tuple[str | None, ...]],
) -> tuple[int, list[tuple[bool, str]]]:
    place, group = key
    return place, [(label is None, label or "") for label in group]


# An entry of units comes before all else of its reading, and a batch may have been posted in
# several transactions. 4611686018427387904 is in the numbers of customers' accounts, which are
# those with an index; 16384 is what one transaction's entries, or one batch's events, may number.
_COSTS: Final = """
    WITH units AS MATERIALIZED (
        SELECT counted.*
        FROM ledger_account a CROSS JOIN LATERAL (
            SELECT id, source_id, effective_at, amount FROM ledger_entry
            WHERE debit_account_id = a.id AND debit_account_id >= 4611686018427387904
              AND effective_at >= %(from)s AND effective_at < %(to)s
            UNION ALL
            SELECT id, source_id, effective_at, -amount FROM ledger_entry
            WHERE credit_account_id = a.id AND credit_account_id >= 4611686018427387904
              AND effective_at >= %(from)s AND effective_at < %(to)s) counted
        WHERE a.book_id = %(book)s AND a.purpose = 'consumed_units'
          AND a.discriminator = %(meter)s
          AND (%(customers)s::bigint[] IS NULL OR a.customer_id = ANY(%(customers)s))
    ), posted AS MATERIALIZED (
        SELECT id & -16384 AS id FROM units
        UNION
        SELECT unnest(transaction_ids) FROM billing_usagebatch
        WHERE id IN (SELECT source_id & -16384 FROM units)
    ), house AS MATERIALIZED (
        SELECT id, purpose FROM ledger_account
        WHERE book_id = %(book)s AND customer_id IS NULL
          AND purpose IN ('metered_units', 'cost_of_revenue')
    ), moved AS (
        SELECT e.id, e.source_id, e.amount, d.purpose AS debited, c.purpose AS credited
        FROM posted p
        CROSS JOIN LATERAL (SELECT * FROM ledger_entry
                            WHERE id > p.id AND id < p.id + 16384 OFFSET 0) e
        LEFT JOIN house d ON d.id = e.debit_account_id
        LEFT JOIN house c ON c.id = e.credit_account_id
        WHERE coalesce(d.id, c.id) IS NOT NULL AND e.source_id IN (SELECT source_id FROM units)
    ), beside AS (
        SELECT amount, debited, credited,
               max(id) FILTER (WHERE 'metered_units' IN (debited, credited))
                   OVER (PARTITION BY source_id ORDER BY id) AS units_id
        FROM moved
    ), owed AS (
        SELECT units_id, sum(CASE debited WHEN 'cost_of_revenue' THEN amount ELSE -amount END)
                   AS cost
        FROM beside WHERE 'cost_of_revenue' IN (debited, credited) GROUP BY units_id
    )
    SELECT width_bucket(u.effective_at, %(starts)s::timestamptz[]), ARRAY[<LABELS>]::text[],
           sum(u.amount), sum(o.cost), count(*), count(*) FILTER (WHERE o.units_id IS NULL)
    FROM units u
    JOIN billing_usageevent e ON e.id = u.source_id
    LEFT JOIN owed o ON o.units_id = u.id
    GROUP BY 1, 2
    LIMIT %(most)s
"""
