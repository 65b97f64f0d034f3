"""The values that unique counts have seen, so that each counts once a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from django.db import connection


def see(readings: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """
    Count readings (accrual id, value) and return those that no event had before.

    The accruals must be locked: that keeps two batches from both being first.
    """
    counted = Counter(readings)
    if not counted:
        return set()
    hashes = {(accrual_id, hash_of(value)): value for accrual_id, value in counted}
    rows = sorted((a, h, counted[a, value]) for (a, h), value in hashes.items())
    with connection.cursor() as cursor:
        cursor.execute(_SEE, [list(column) for column in zip(*rows, strict=True)])
        return {(row[0], hashes[row[0], row[1].hex]) for row in cursor.fetchall() if row[2]}


def forget(*, accrual_id: int, value: str) -> bool:
    """Take one event's value out again; say whether no event of the series has it any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_uniquevalue SET events = events - 1"
            " WHERE accrual_id = %s AND value = %s::uuid RETURNING events",
            [accrual_id, hash_of(value)],
        )
        is_last = bool(cursor.fetchone()[0] == 0)
        if is_last:
            cursor.execute(
                "DELETE FROM billing_uniquevalue WHERE accrual_id = %s AND value = %s::uuid",
                [accrual_id, hash_of(value)],
            )
    return is_last


def hash_of(value: str) -> str:
    """Return what a value is kept as: 128 bits, as hex."""
    return blake2b(value.encode(), digest_size=16).hexdigest()


_SEE: Final = """
    INSERT INTO billing_uniquevalue (accrual_id, value, events)
    SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::bigint[])
    ON CONFLICT (accrual_id, value)
    DO UPDATE SET events = billing_uniquevalue.events + excluded.events
    RETURNING accrual_id, value, xmax = 0
"""
