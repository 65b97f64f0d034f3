"""
Folding usage into quarter-hours, so that a query need not read events one by one.

Events are folded once their batch is final (no running transaction can still precede it), in
(xid, id) order past the watermark. Corrections have a watermark of their own: the quarter-hours of
what they took back are written anew from the events that stand. Folding changes no answer of
``billing.metering.usage``, only what an answer costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from billing.metering import readings
from billing.models import Meter
from ledger import horizon

BATCHES: Final = "rollups"  # watermarks
CORRECTIONS: Final = "rollup_corrections"

_MOST_EVENTS: Final = 100_000  # in one database transaction
_MOST_BATCHES: Final = 1_000
_MOST_CORRECTIONS: Final = 500


class _Final(NamedTuple):
    """Something final: a batch with its events, or a correction with the event it took back."""

    xid: int
    id: int
    extent: int


def fold(*, most_events: int = _MOST_EVENTS) -> int:
    """
    Fold all that is final and not folded yet; return how many batches and corrections.

    Safe to run twice, or at once in many places: one does it, the others return 0. What it has
    folded is committed every ``most_events``, so that it can be interrupted.

    Raises:
        ForeignHistoryError: the journal was written by another cluster.
    """
    horizon.check()
    folded = 0
    while count := fold_some(most_events=most_events):
        folded += count
    return folded


def fold_some(*, most_events: int = _MOST_EVENTS) -> int:
    """Fold about so many events (at least a batch), and then corrections, in one go."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('billing_rollups'), 0)")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_OPEN, [[BATCHES, CORRECTIONS]])
        batches = _prefix(_past(BATCHES, _FINAL_BATCHES, _MOST_BATCHES), most_events)
        if batches:
            _fold_batches(batches)
            _move(BATCHES, batches[-1])
        corrections = _past(CORRECTIONS, _FINAL_CORRECTIONS, _MOST_CORRECTIONS)
        if corrections:
            _fold_corrections(corrections)
            _move(CORRECTIONS, corrections[-1])
    return len(batches) + len(corrections)


def _past(name: str, query: str, most: int) -> list[_Final]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"name": name, "most": most})
        return [_Final(*row) for row in cursor.fetchall()]


def _prefix(batches: list[_Final], most_events: int) -> list[_Final]:
    taken, events = 0, 0
    while taken < len(batches) and (not taken or events + batches[taken].extent <= most_events):
        events += batches[taken].extent
        taken += 1
    return batches[:taken]


def _move(name: str, last: _Final) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [last.xid, last.id, name])


def _fold_batches(batches: Sequence[_Final]) -> None:
    ids = {"batches": [batch.id for batch in batches]}
    for meter in _meters(_TYPES_OF_BATCHES, ids):
        _add(meter, _OF_BATCHES, ids)


def _fold_corrections(corrections: Sequence[_Final]) -> None:
    corrected = {"corrected": [correction.extent for correction in corrections]}
    for meter in _meters(_TYPES_OF_CORRECTED, corrected):
        mine: dict[str, Any] = {
            **corrected,
            "meter": meter.pk,
            "book": meter.book_id,
            "type": meter.event_type,
        }
        with connection.cursor() as cursor:
            cursor.execute(_CLEAR, mine)
        _add(meter, _OF_CORRECTED, {**corrected, "name": BATCHES})


def _meters(query: str, parameters: dict[str, Any]) -> list[Meter]:
    """Return the meters of the events that a query finds."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        types: set[tuple[int, str]] = set(cursor.fetchall())
    meters = Meter.objects.filter(
        book_id__in={book_id for book_id, _ in types}, event_type__in={kind for _, kind in types}
    )
    return [meter for meter in meters if (meter.book_id, meter.event_type) in types]


def _add(meter: Meter, events: str, parameters: dict[str, Any]) -> None:
    names = sorted(meter.dimensions)
    reading = readings.of(meter, names)
    labels = ", ".join(f"d{place}" for place in range(len(names)))
    is_latest = meter.aggregation == readings.LATEST
    query = (
        _ADD.replace("READINGS", reading.sql.replace("{events}", events))
        .replace("LABELS", f"ARRAY[{labels}]::text[]")
        .replace("LATEST_OF_ALL", _LATEST_OF_ALL if is_latest else _LAST)
        .replace("LATEST", _LATEST if is_latest else _NO_LATEST)
    )
    with connection.cursor() as cursor:
        cursor.execute(query, {**parameters, **reading.parameters, "names": names})


_OPEN: Final = """
    INSERT INTO ledger_watermark (name, xid, position)
    SELECT name, 0, 0 FROM unnest(%s::text[]) AS name
    ON CONFLICT DO NOTHING
"""
_MOVE: Final = "UPDATE ledger_watermark SET xid = %s, position = %s WHERE name = %s"
_FINAL_BATCHES: Final = """
    SELECT xid::text::bigint, id, events FROM billing_usagebatch
    WHERE (xid, id) > ((SELECT xid::text::xid8 FROM ledger_watermark WHERE name = %(name)s),
                       (SELECT position FROM ledger_watermark WHERE name = %(name)s))
      AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY billing_usagebatch.xid, id LIMIT %(most)s
"""
_FINAL_CORRECTIONS: Final = _FINAL_BATCHES.replace(
    "billing_usagebatch", "billing_correction"
).replace("id, events", "id, event_id")

_OF_BATCHES: Final = """(
    SELECT v.* FROM unnest(%(batches)s::bigint[]) AS batch
    CROSS JOIN LATERAL (
        SELECT * FROM billing_usageevent WHERE id > batch AND id < batch + 16384 OFFSET 0) v)"""
_TYPES_OF_BATCHES: Final = f"SELECT DISTINCT v.book_id, v.type FROM {_OF_BATCHES} v"  # noqa: S608

_QUARTERS: Final = """
    SELECT DISTINCT v.customer_id, billing_quarter(v.occurred_at) AS starts_at
    FROM billing_usageevent v
    WHERE v.id = ANY(%(corrected)s) AND v.book_id = %(book)s AND v.type = %(type)s"""
_TYPES_OF_CORRECTED: Final = """
    SELECT DISTINCT book_id, type FROM billing_usageevent WHERE id = ANY(%(corrected)s)
"""
_CLEAR: Final = f"""
    DELETE FROM billing_usagerollup r USING ({_QUARTERS}) q
    WHERE r.meter_id = %(meter)s AND r.customer_id = q.customer_id AND r.starts_at = q.starts_at
"""  # noqa: S608
# What is past the watermark of batches comes in when its batch is folded.
_OF_CORRECTED: Final = f"""(
    SELECT v.* FROM ({_QUARTERS}) q
    CROSS JOIN LATERAL (
        SELECT * FROM billing_usageevent
        WHERE customer_id = q.customer_id AND occurred_at >= q.starts_at
          AND occurred_at < q.starts_at + interval '15 minutes' OFFSET 0) v
    WHERE (v.id & -16384) NOT IN (
        SELECT id FROM billing_usagebatch
        WHERE (xid, id) > ((SELECT xid::text::xid8 FROM ledger_watermark WHERE name = %(name)s),
                           (SELECT position FROM ledger_watermark WHERE name = %(name)s))))"""  # noqa: S608

_LATEST: Final = """
    (array_agg(occurred_at ORDER BY occurred_at DESC, key COLLATE "C" DESC))[1],
    (array_agg(key ORDER BY occurred_at DESC, key COLLATE "C" DESC))[1],
    (array_agg(value ORDER BY occurred_at DESC, key COLLATE "C" DESC))[1]"""
_NO_LATEST: Final = "max(occurred_at), '', max(value)"
_LAST: Final = "latest_at = greatest(r.latest_at, excluded.latest_at)"
_LATEST_OF_ALL: Final = """
        (latest_at, latest_key, latest_value) = (
            SELECT l.*
            FROM (VALUES (r.latest_at, r.latest_key, r.latest_value),
                         (excluded.latest_at, excluded.latest_key, excluded.latest_value))
                 AS l (at, key, value)
            ORDER BY l.at DESC, l.key COLLATE "C" DESC LIMIT 1)"""
_ADD: Final = """
    INSERT INTO billing_usagerollup AS r (
        meter_id, customer_id, starts_at, subject, dimensions, counted, series,
        events, total, minimum, maximum, latest_at, latest_key, latest_value)
    SELECT %(meter)s, customer_id, starts_at, subject,
           jsonb_object(%(names)s::text[], labels), counted,
           encode(substr(sha256(convert_to(
               jsonb_build_array(subject, labels, counted)::text, 'UTF8')), 1, 16), 'hex')::uuid,
           count(*), sum(value), min(value), max(value), LATEST
    FROM (SELECT *, LABELS AS labels, billing_quarter(occurred_at) AS starts_at
          FROM (READINGS) each) sorted
    GROUP BY customer_id, starts_at, subject, labels, counted
    ON CONFLICT (meter_id, customer_id, starts_at, series) DO UPDATE SET
        events = r.events + excluded.events,
        total = r.total + excluded.total,
        minimum = least(r.minimum, excluded.minimum),
        maximum = greatest(r.maximum, excluded.maximum),
        LATEST_OF_ALL
"""
