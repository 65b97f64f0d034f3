"""
What accounts have moved in all, up to an instant of either clock.

The journal is summed in four layers, so that the cost does not grow with it: day buckets; deltas
that are not folded into buckets yet; deltas of the posting day that the instant cuts; and the
entries of the effective day that it cuts. Of that day the shorter part is read: past noon,
what follows the instant is taken off the whole day.

Of a customer's account the cut day's entries are found by index. A house account takes part in
all of them: its transactions of that day are read through their ids, which costs what
the day holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from ledger.ids import LINES, first_id_at, is_house

_DAY: Final = timedelta(days=1)
_NOON: Final = timedelta(hours=12)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Total(NamedTuple):
    """All that was moved on one account, by side."""

    account_id: int
    debits: Decimal
    credits: Decimal


def of_accounts(
    account_ids: Iterable[int],
    *,
    effective_at: datetime | None = None,
    posted_at: datetime | None = None,
) -> list[Total]:
    """Return the totals of accounts, before both instants; one row for each that exists."""
    return _totals(list(account_ids), None, effective_at, posted_at)


def of_book(
    book_id: int, *, effective_at: datetime | None = None, posted_at: datetime | None = None
) -> list[Total]:
    """Return the totals of all accounts of a book, before both instants."""
    return _totals(None, book_id, effective_at, posted_at)


def of_periods(book_id: int, *, before: datetime, until: datetime) -> list[tuple[Total, Total]]:
    """
    Return the totals of a book's accounts by the periods they were booked in.

    Each account has two: what was booked in periods that start before ``before``, and in those
    that start from then to before ``until``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {UNFOLDED}, {_BY_PERIOD}",
            {"book": book_id, "before": before, "until": until},
        )
        return [(Total(*row[:3]), Total(row[0], *row[3:])) for row in cursor.fetchall()]


def of_each_period(book_id: int, *, since: datetime, until: datetime) -> list[tuple[int, Total]]:
    """Return what a book's accounts moved in each period that starts in ``[since, until)``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {UNFOLDED}, {_BY_EACH_PERIOD}",
            {"book": book_id, "since": since, "until": until},
        )
        return [(row[0], Total(*row[1:])) for row in cursor.fetchall()]


def of_days(account_ids: Iterable[int], *, since: date) -> list[tuple[date, Total]]:
    """Return what accounts moved from a day on (UTC), by effective day; no rows where nothing."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {UNFOLDED}, {_BY_DAY}", {"ids": list(account_ids), "since": since})
        return [(row[0], Total(*row[1:])) for row in cursor.fetchall()]


def _totals(
    account_ids: list[int] | None,
    book_id: int | None,
    effective_at: datetime | None,
    posted_at: datetime | None,
) -> list[Total]:
    parameters = {
        "ids": account_ids,
        "book": book_id,
        "lines": LINES,
        **_effective_cut(effective_at),
        **_posted_cut(posted_at),
    }
    layers = " UNION ALL ".join(_layers(account_ids, parameters))
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {UNFOLDED}, {_WANTED}, layers AS ({layers}) {_SUMMED}", parameters)
        return [Total(*row) for row in cursor.fetchall()]


def _layers(account_ids: list[int] | None, parameters: dict[str, Any]) -> list[str]:
    """Return only the layers that hold something: each costs planning time."""
    layers = [_BUCKETED, _TAIL]
    if parameters["posted_date"] is not None:
        layers.append(_POSTING_DAY)
    if parameters["cut_date"] is not None:
        if account_ids is not None and not all(map(is_house, account_ids)):
            layers.append(_CUT_BY_INDEX)
        if account_ids is None or any(map(is_house, account_ids)):
            layers.append(_CUT_BY_TRANSACTION)
    return layers


def _effective_cut(instant: datetime | None) -> dict[str, Any]:
    """Cut effective time into whole days before a date and a part of a day to add or take off."""
    if instant is None:
        return dict.fromkeys(("until_date", "cut_date", "cut_from", "cut_to"), None) | {"sign": 1}
    midnight = _midnight(instant)
    takes_off = instant - midnight > _NOON
    is_cut = instant != midnight
    return {
        "until_date": (midnight + _DAY if takes_off else midnight).date(),
        "cut_date": midnight.date() if is_cut else None,
        "cut_from": instant if takes_off else midnight,
        "cut_to": midnight + _DAY if takes_off else instant,
        "sign": -1 if takes_off else 1,
    }


def _posted_cut(instant: datetime | None) -> dict[str, Any]:
    if instant is None:
        return dict.fromkeys(("posted_date", "day_id", "until_id"), None)
    midnight = _midnight(instant)
    # Ids know milliseconds: what was posted in one that has begun is before the instant.
    until = -((midnight - instant) // _MILLISECOND) * _MILLISECOND + midnight
    return {
        "posted_date": midnight.date(),
        "day_id": first_id_at(midnight),
        "until_id": first_id_at(until),
    }


def _midnight(instant: datetime) -> datetime:
    day: date = instant.astimezone(UTC).date()
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# Receipts past the fold's watermark; their deltas are in no bucket yet.
UNFOLDED: Final = """
    mark AS MATERIALIZED (
        SELECT coalesce(max(xid), 0)::text::xid8 AS xid, coalesce(max(position), 0) AS position
        FROM ledger_watermark WHERE name = 'fold'
    ), unfolded AS MATERIALIZED (
        SELECT transaction_id FROM ledger_receipt
        WHERE (xid, transaction_id) > ((SELECT xid FROM mark), (SELECT position FROM mark))
    )"""

_WANTED: Final = """
    wanted AS (
        SELECT id FROM ledger_account
        WHERE (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
          AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ), by_index AS (
        SELECT id FROM wanted WHERE id >= 4611686018427387904 AND %(ids)s::bigint[] IS NOT NULL
    ), by_transaction AS (
        SELECT id FROM wanted WHERE id < 4611686018427387904 OR %(ids)s::bigint[] IS NULL
    )"""
_BUCKETED: Final = """
    SELECT w.id, sum(k.debits) AS debits, sum(k.credits) AS credits
    FROM wanted w JOIN ledger_bucket k ON k.account_id = w.id
    WHERE (%(until_date)s::date IS NULL OR k.effective_date < %(until_date)s)
      AND (%(posted_date)s::date IS NULL OR k.posted_date < %(posted_date)s)
    GROUP BY w.id
"""
_TAIL: Final = """
    SELECT w.id, sum(d.debits), sum(d.credits)
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT debits, credits FROM ledger_delta
        WHERE account_id = w.id AND transaction_id IN (SELECT transaction_id FROM unfolded)
          AND transaction_id BETWEEN (SELECT min(transaction_id) FROM unfolded)
                                 AND (SELECT max(transaction_id) FROM unfolded)
          AND (%(day_id)s::bigint IS NULL OR transaction_id < %(day_id)s)
          AND (%(until_date)s::date IS NULL OR effective_date < %(until_date)s)
        OFFSET 0) d
    GROUP BY w.id
"""
_POSTING_DAY: Final = """
    SELECT w.id, sum(d.debits), sum(d.credits)
    FROM wanted w JOIN ledger_delta d ON d.account_id = w.id
    WHERE d.transaction_id >= %(day_id)s AND d.transaction_id < %(until_id)s
      AND (%(until_date)s::date IS NULL OR d.effective_date < %(until_date)s)
    GROUP BY w.id
"""
# The predicates on 2**62 let the planner see that the partial indexes apply.
_CUT_BY_INDEX: Final = """
    SELECT w.id, %(sign)s * sum(e.debit), %(sign)s * sum(e.credit)
    FROM by_index w
    CROSS JOIN LATERAL (
        SELECT amount AS debit, 0 AS credit FROM ledger_entry
        WHERE debit_account_id = w.id AND debit_account_id >= 4611686018427387904
          AND effective_at >= %(cut_from)s AND effective_at < %(cut_to)s
          AND (%(until_id)s::bigint IS NULL OR id < %(until_id)s)
        UNION ALL
        SELECT 0, amount FROM ledger_entry
        WHERE credit_account_id = w.id AND credit_account_id >= 4611686018427387904
          AND effective_at >= %(cut_from)s AND effective_at < %(cut_to)s
          AND (%(until_id)s::bigint IS NULL OR id < %(until_id)s)) e
    GROUP BY w.id
"""
_CUT_BY_TRANSACTION: Final = """
    SELECT side.id, %(sign)s * sum(side.debit), %(sign)s * sum(side.credit)
    FROM (
        SELECT DISTINCT d.transaction_id
        FROM (
            SELECT ledger_first_id_at(posted_date::timestamp AT TIME ZONE 'UTC') AS first,
                   ledger_first_id_at((posted_date + 1)::timestamp AT TIME ZONE 'UTC') - 1 AS last
            FROM (SELECT DISTINCT k.posted_date
                  FROM ledger_bucket k JOIN by_transaction w ON w.id = k.account_id
                  WHERE k.effective_date = %(cut_date)s) days
            UNION ALL
            SELECT transaction_id, transaction_id FROM unfolded) r
        JOIN ledger_delta d ON d.transaction_id BETWEEN r.first AND r.last
        JOIN by_transaction w ON w.id = d.account_id
        WHERE d.effective_date = %(cut_date)s
          AND (%(until_id)s::bigint IS NULL OR d.transaction_id < %(until_id)s)) t
    CROSS JOIN LATERAL (
        SELECT * FROM ledger_entry
        WHERE id > t.transaction_id AND id < t.transaction_id + %(lines)s
          AND effective_at >= %(cut_from)s AND effective_at < %(cut_to)s
        OFFSET 0) e
    CROSS JOIN LATERAL (
        VALUES (e.debit_account_id, e.amount, 0), (e.credit_account_id, 0, e.amount))
        AS side (id, debit, credit)
    WHERE side.id IN (SELECT id FROM by_transaction)
    GROUP BY side.id
"""
_SUMMED: Final = """
    SELECT w.id, coalesce(sum(l.debits), 0), coalesce(sum(l.credits), 0)
    FROM wanted w LEFT JOIN layers l ON l.id = w.id
    GROUP BY w.id
"""

_BOOKED: Final = """
    booked AS (
        SELECT k.account_id, k.period_id, k.debits, k.credits
        FROM ledger_account a JOIN ledger_bucket k ON k.account_id = a.id
        WHERE a.book_id = %(book)s
        UNION ALL
        SELECT d.account_id, t.period_id, d.debits, d.credits
        FROM unfolded u
        JOIN ledger_transaction t ON t.id = u.transaction_id AND t.book_id = %(book)s
        CROSS JOIN LATERAL (
            SELECT * FROM ledger_delta WHERE transaction_id = u.transaction_id OFFSET 0) d
    )"""
_BY_EACH_PERIOD: Final = f"""{_BOOKED}
    SELECT b.period_id, b.account_id, sum(b.debits), sum(b.credits)
    FROM booked b JOIN ledger_period p ON p.id = b.period_id
    WHERE p.starts_at >= %(since)s AND p.starts_at < %(until)s
    GROUP BY b.period_id, b.account_id
"""  # noqa: S608 - fixed fragments
_BY_PERIOD: Final = f"""{_BOOKED}
    SELECT b.account_id,
           coalesce(sum(b.debits) FILTER (WHERE p.starts_at < %(before)s), 0),
           coalesce(sum(b.credits) FILTER (WHERE p.starts_at < %(before)s), 0),
           coalesce(sum(b.debits) FILTER (WHERE p.starts_at >= %(before)s), 0),
           coalesce(sum(b.credits) FILTER (WHERE p.starts_at >= %(before)s), 0)
    FROM booked b JOIN ledger_period p ON p.id = b.period_id AND p.starts_at < %(until)s
    GROUP BY b.account_id
"""  # noqa: S608 - fixed fragments
_BY_DAY: Final = """
    moved AS (
        SELECT account_id, effective_date, debits, credits FROM ledger_bucket
        WHERE account_id = ANY(%(ids)s) AND effective_date >= %(since)s
        UNION ALL
        SELECT d.account_id, d.effective_date, d.debits, d.credits
        FROM unnest(%(ids)s::bigint[]) AS w (id)
        CROSS JOIN LATERAL (
            SELECT account_id, effective_date, debits, credits FROM ledger_delta
            WHERE account_id = w.id AND transaction_id IN (SELECT transaction_id FROM unfolded)
              AND transaction_id BETWEEN (SELECT min(transaction_id) FROM unfolded)
                                     AND (SELECT max(transaction_id) FROM unfolded)
              AND effective_date >= %(since)s
            OFFSET 0) d
    )
    SELECT effective_date, account_id, sum(debits), sum(credits)
    FROM moved GROUP BY effective_date, account_id ORDER BY effective_date, account_id
"""
