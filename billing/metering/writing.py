"""Events and their batch, written in two statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.db import connection

from billing.budgets.using import LOCK
from billing.metering.attribution import Item
from billing.metering.measuring import Measured
from billing.models import UsageBatch
from ledger.models import Book


def new_batch(book_id: int) -> int:
    """
    Return the id of a new batch, at the start of its transaction.

    What begins to count usage, a budget, waits until the transaction is over.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_next_id(), pg_advisory_xact_lock_shared(%s, %s)", [LOCK, book_id]
        )
        return int(cursor.fetchone()[0])


def digest_of(numbered: Mapping[int, Measured]) -> bytes:
    """Return what the transactions of a batch carry as evidence of its events."""
    said = "".join([f"{event_id}|{m.key}|{m.content}\n" for event_id, m in numbered.items()])
    return blake2b(said.encode(), digest_size=32).digest()


def write_batch(
    *, book: Book, batch_id: int, events: int, posted: list[int], digest: bytes, at: datetime
) -> None:
    """Record that a batch came, and which transactions it made."""
    UsageBatch.objects.create(
        id=batch_id,
        book=book,
        received_at=at,
        events=events,
        transaction_ids=posted,
        digest=digest,
    )


def write_events(
    *,
    book: Book,
    numbered: Mapping[int, Measured],
    owners: Mapping[str, int],
    moved: Mapping[int, str],
    received_at: datetime,
) -> None:
    """Write events under their ids; ``moved`` lists the accruals that each one moved."""
    received, book_id = received_at.isoformat(), book.pk
    lines = []
    for event_id, (fact, _, _, at, _) in numbered.items():
        texts = [fact.source, fact.external_id, fact.type, fact.subject, fact.data_json]
        together = "".join(texts)
        if not together.isprintable() or "\\" in together:  # hardly ever
            texts = [text.translate(_ESCAPES) for text in texts]
        source, external_id, type_, subject, data = texts
        lines.append(
            f"{event_id}\t{book_id}\t{source}\t{external_id}\t{type_}\t{subject}"
            f"\t{owners[fact.subject]}\t{at.isoformat()}\t{received}\t{data}"
            f"\t{{{moved.get(event_id, '')}}}\n"
        )
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(_COPY_EVENTS) as copy,
    ):
        copy.write("".join(lines))


def moved_by(items: Iterable[Item]) -> dict[int, str]:
    """List the accruals that each event moved, by commas."""
    moved: dict[int, str] = {}
    for item in items:
        event_id, number = item.event_id, item.of.accrual.id
        moved[event_id] = f"{moved[event_id]},{number}" if event_id in moved else str(number)
    return moved


_COPY_EVENTS: Final = (
    "COPY billing_usageevent (id, book_id, source, external_id, type, subject, customer_id,"
    " occurred_at, received_at, data, accrual_ids) FROM STDIN"
)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
