"""Events and their batch, written in two statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.db import connection

from billing.metering.measuring import Measured
from billing.models import UsageBatch
from ledger.models import Book


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
    moved: Mapping[int, Sequence[int]],
    received_at: datetime,
) -> None:
    """Write events under their ids; ``moved`` gives the accruals that each one moved."""
    received, book_id = received_at.isoformat(), book.pk
    lines = []
    for event_id, (fact, _, _, at, _) in numbered.items():
        subject = fact.subject
        accrual_ids = ",".join([str(accrual_id) for accrual_id in moved.get(event_id, ())])
        lines.append(
            f"{event_id}\t{book_id}\t{_copied(fact.source)}\t{_copied(fact.external_id)}"
            f"\t{_copied(fact.type)}\t{_copied(subject)}\t{owners[subject]}\t{at.isoformat()}"
            f"\t{received}\t{_copied(fact.data_json)}\t{{{accrual_ids}}}\n"
        )
    with connection.cursor() as cursor, cursor.copy(_COPY_EVENTS) as copy:
        copy.write("".join(lines))


_COPY_EVENTS: Final = (
    "COPY billing_usageevent (id, book_id, source, external_id, type, subject, customer_id,"
    " occurred_at, received_at, data, accrual_ids) FROM STDIN"
)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copied(text: str) -> str:
    """Escape text for COPY; nearly all has nothing to escape."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
