"""Transactions against their entries, receipts and deltas, a span of ids at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

from ledger.verification.findings import RESTORE, Disagreement, Scope

ENTRIES: Final = 50_000  # in a span, more or less


def spans(scope: Scope) -> list[tuple[int, int, int, int]]:
    """
    Cut the ids of the journal into spans, without a gap between them.

    Each is (first id, last id, transactions, entries), as the receipts count them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SPANS, {**scope.parameters(), "size": ENTRIES})
        rows = cursor.fetchall()
    starts = [scope.since_id, *(row[0] for row in rows[1:])]
    ends = [*(start - 1 for start in starts[1:]), (1 << 63) - 1]
    counts = [row[1:] for row in rows] or [(0, 0)]
    return [(start, end, *count) for start, end, count in zip(starts, ends, counts, strict=True)]


def check(scope: Scope, first: int, last: int) -> Iterator[Disagreement]:
    """Yield what disagrees among the transactions of a span."""
    parameters = {**scope.parameters(), "first": first, "last": last}
    with connection.cursor() as cursor:
        cursor.execute(_TRANSACTIONS, parameters)
        for number, key, problem in cursor.fetchall():
            named = f"transaction {number}" + (f" ({key})" if key else "")
            yield Disagreement("transactions", named, problem, RESTORE)
        cursor.execute(_DELTAS, parameters)
        for number, account, day, said, found in cursor.fetchall():
            yield Disagreement(
                "deltas",
                f"delta of transaction {number} on account {account}, {day}",
                f"says {said or 'nothing'}, its entries say {found or 'nothing'}",
                RESTORE,
            )


_SPANS: Final = """
    SELECT min(transaction_id), count(*), sum(entries)::bigint
    FROM (SELECT transaction_id, entries,
                 (sum(entries) OVER (ORDER BY transaction_id) - entries) / %(size)s AS span
          FROM ledger_receipt WHERE transaction_id >= %(since)s) numbered
    GROUP BY span ORDER BY span
"""
_TRANSACTIONS: Final = """
    WITH found AS (
        SELECT transaction_id AS id, count(*) AS entries,
               min((debit_account_id >> 48) & 16383) AS book_id,
               max((debit_account_id >> 48) & 16383) AS other_book_id,
               string_agg(
                   ledger_entry_line(id, debit_account_id, credit_account_id, amount, effective_at,
                                     source_id), E'\\n' ORDER BY id) AS lines
        FROM ledger_entry WHERE id BETWEEN %(first)s AND %(last)s
        GROUP BY transaction_id
    ), header AS (
        SELECT id, book_id, key, period_id, t AS whole FROM ledger_transaction t
        WHERE id BETWEEN %(first)s AND %(last)s
    ), receipt AS (
        SELECT * FROM ledger_receipt WHERE transaction_id BETWEEN %(first)s AND %(last)s
    ), compared AS (
        SELECT coalesce(h.id, r.transaction_id, f.id) AS id, h.key,
               coalesce(h.book_id, f.book_id) AS book_id,
               CASE
               WHEN h.id IS NULL AND f.id IS NOT NULL THEN 'entries without their transaction'
               WHEN h.id IS NULL THEN 'a receipt without its transaction'
               WHEN r.transaction_id IS NULL THEN 'has no receipt: it was never completed'
               WHEN f.id IS NULL THEN 'its ' || r.entries || ' entries are gone'
               WHEN f.entries <> r.entries
                   THEN 'has ' || f.entries || ' entries, its receipt says ' || r.entries
               WHEN f.book_id <> h.book_id OR f.other_book_id <> h.book_id
                   THEN 'has entries of another book'
               WHEN p.book_id IS DISTINCT FROM h.book_id
                   THEN 'is booked in a period of another book'
               WHEN r.digest <> sha256(convert_to(
                        ledger_header_line(h.whole, f.entries) || E'\\n' || f.lines, 'UTF8'))
                   THEN 'its header or entries were changed: the digest differs'
               END AS problem
        FROM header h
        FULL JOIN receipt r ON r.transaction_id = h.id
        FULL JOIN found f ON f.id = coalesce(h.id, r.transaction_id)
        LEFT JOIN ledger_period p ON p.id = h.period_id
    )
    SELECT id, key, problem FROM compared
    WHERE problem IS NOT NULL AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ORDER BY id LIMIT %(most)s
"""
_DELTAS: Final = """
    WITH moved AS (
        SELECT account_id, transaction_id, effective_date,
               sum(debit) AS debits, sum(credit) AS credits, count(*) AS entries
        FROM (SELECT transaction_id, debit_account_id AS account_id, amount AS debit, 0 AS credit,
                     (effective_at AT TIME ZONE 'UTC')::date AS effective_date
              FROM ledger_entry WHERE id BETWEEN %(first)s AND %(last)s
              UNION ALL
              SELECT transaction_id, credit_account_id, 0, amount,
                     (effective_at AT TIME ZONE 'UTC')::date
              FROM ledger_entry WHERE id BETWEEN %(first)s AND %(last)s) side
        GROUP BY account_id, transaction_id, effective_date
    ), said AS (
        SELECT * FROM ledger_delta WHERE transaction_id BETWEEN %(first)s AND %(last)s
    )
    SELECT transaction_id, account_id, effective_date,
           '+' || trim_scale(s.debits) || ' −' || trim_scale(s.credits) || ' in ' || s.entries,
           '+' || trim_scale(m.debits) || ' −' || trim_scale(m.credits) || ' in ' || m.entries
    FROM said s FULL JOIN moved m USING (account_id, transaction_id, effective_date)
    WHERE (s.debits IS DISTINCT FROM m.debits OR s.credits IS DISTINCT FROM m.credits
           OR s.entries IS DISTINCT FROM m.entries)
      AND (%(book)s::bigint IS NULL OR (account_id >> 48) & 16383 = %(book)s)
    ORDER BY transaction_id, account_id LIMIT %(most)s
"""
