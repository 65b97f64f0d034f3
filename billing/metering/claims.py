"""
Each (book, source, id) is taken once, for ever.

Keys are inserted in sorted order, so that two batches with the same events wait for each other and
never in a circle; what is taken and what is written with it commit together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from django.db import IntegrityError, connection, transaction


class Claim(NamedTuple):
    """A key that an event asks for."""

    key: str  # 32 hex digits
    content: int
    event_id: int


class Taken(NamedTuple):
    """What a key that was taken before stands for."""

    content: int
    event_id: int


def claim(claims: Sequence[Claim]) -> dict[str, Taken]:
    """
    Take the keys that are free; return those that were not, with what they stand for.

    Keys must be different. Nearly always all are free: one COPY. Otherwise it is undone, and
    they are inserted one by one where they can be.
    """
    ordered = sorted(claims)
    try:
        with (
            transaction.atomic(),
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(_COPY) as copy,
        ):
            copy.write("".join([f"{key}\t{said}\t{event}\n" for key, said, event in ordered]))
    except IntegrityError:
        return _claim_free(ordered)
    return {}


def _claim_free(ordered: Iterable[Claim]) -> dict[str, Taken]:
    columns = [list(column) for column in zip(*ordered, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        free = {row[0].hex for row in cursor.fetchall()}
        # In a statement of its own: it must see what a rival committed while this one waited.
        cursor.execute(
            "SELECT key, content, event_id FROM billing_eventkey WHERE key = ANY(%s::uuid[])",
            [[key for key in columns[0] if key not in free]],
        )
        return {row[0].hex: Taken(row[1], row[2]) for row in cursor.fetchall()}


_COPY: Final = "COPY billing_eventkey (key, content, event_id) FROM STDIN"
_INSERT: Final = """
    INSERT INTO billing_eventkey (key, content, event_id)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS c (key, content, event_id)
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING key
"""
