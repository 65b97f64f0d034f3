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
