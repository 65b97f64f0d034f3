"""What was sent as usage and could not be taken, kept with its reason as dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from django.db import connection

from billing.metering.facts import Rejection
from ledger.models import Book


def keep(*, book: Book, rejections: Sequence[Rejection], at: datetime) -> None:
    """Keep rejected events; the same content for the same reason is one letter that counts."""
    rows: dict[tuple[bytes, str], tuple[object, ...]] = {}
    times = Counter[tuple[bytes, str]]()
    for rejection in rejections:
        content = sha256(rejection.raw).digest()
        times[content, rejection.reason] += 1
        rows[content, rejection.reason] = (
            book.pk,
            content,
            as_text(rejection.raw),
            rejection.reason,
            _kept(rejection.detail),
            _kept(rejection.field)[:200],
            at,
        )
    ordered = [(*rows[name], times[name]) for name in sorted(rows)]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [list(column) for column in zip(*ordered, strict=True)])


def as_text(raw: bytes) -> str:
    """Show bytes as text that the database can hold; what is not UTF-8 is escaped."""
    return _kept(raw.decode("utf-8", "backslashreplace"))


def _kept(text: str) -> str:
    # PostgreSQL's text holds no null character, and UTF-8 no lone surrogate.
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


_KEEP: Final = """
    INSERT INTO billing_deadletter
        (book_id, content, raw, reason, detail, field, received_at, times, status)
    SELECT d.*, 'open'
    FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::timestamptz[], %s::integer[])
         AS d (book_id, content, raw, reason, detail, field, received_at, times)
    ON CONFLICT (book_id, content, reason)
    DO UPDATE SET times = billing_deadletter.times + excluded.times
"""
