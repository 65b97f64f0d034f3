"""Partitions of the journal and of usage, made before they are needed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

AHEAD: Final = timedelta(days=92)


def ensure(*, at: datetime) -> int:
    """
    Make the months' partitions from ``at`` to three months later; return how many were missing.

    Rows that had to go into a default partition while none were made are moved into theirs.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_ensure_partitions(%s, %s)", [at, at + AHEAD])
        return int(cursor.fetchone()[0])


def default_rows() -> list[str]:
    """Name the tables whose default partition holds rows: the making of partitions has stopped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM ledger_default_rows() WHERE has_rows")
        return [name for (name,) in cursor.fetchall()]
