"""
Folding deltas into day buckets, and into the balances of accounts that are not guarded.

Writers append deltas and lock no house account; this sums them up later. Reads add what is not
folded yet, so folding changes no answer, only what an answer costs.
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from ledger import horizon

MOST_ENTRIES: Final = 200_000  # in one database transaction


def fold(*, most_entries: int = MOST_ENTRIES) -> int:
    """
    Fold all final transactions not folded yet; return how many.

    Safe to run twice, or at once in many places: one does it, the others return 0. What it has
    folded is committed every ``most_entries``, so that it can be interrupted.

    Raises:
        ForeignHistoryError: the journal was written by another cluster.
    """
    horizon.check()
    folded = 0
    while count := _fold_some(most_entries):
        folded += count
    return folded


def _fold_some(most_entries: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_fold(%s)", [most_entries])
        return cursor.fetchone()[0] or 0


def rebuild() -> int:
    """
    Derive buckets and balances from the journal's deltas anew; return how many were refolded.

    For the database's owner, after ``verify_ledger`` named a bucket or balance. Writers wait until
    guarded balances are rebuilt. What is held is kept: holds are its truth.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger_fold'), 0)")
        # In the order in which posting takes them.
        cursor.execute("LOCK TABLE ledger_entry, ledger_balance IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM ledger_bucket")
        cursor.execute("DELETE FROM ledger_watermark WHERE name = 'fold'")
        cursor.execute(_REBUILD)
    return fold()


_REBUILD: Final = """
    UPDATE ledger_balance b SET debits = coalesce(moved.debits, 0), version = b.version + 1,
                                credits = coalesce(moved.credits, 0)
    FROM ledger_balance kept
    LEFT JOIN (SELECT account_id, sum(debits) AS debits, sum(credits) AS credits
               FROM ledger_delta GROUP BY account_id) moved
         ON moved.account_id = kept.account_id AND kept.is_guarded
    WHERE kept.account_id = b.account_id
      AND (b.debits, b.credits) IS DISTINCT FROM
          (coalesce(moved.debits, 0), coalesce(moved.credits, 0))
"""
