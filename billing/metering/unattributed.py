"""Usage of subjects that nobody has mapped yet: kept, and posted once somebody does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from billing.metering import decode, snapshot, timeless
from billing.metering.facts import Fact, Outcome
from billing.metering.measuring import Measured, measure
from billing.metering.recording import record
from billing.metering.writing import new_batch
from billing.models import Subject, UnattributedEvent
from ledger.errors import InvalidInputError, PrecisionError
from ledger.integrity import refusals
from ledger.models import Book

_BATCH: Final = 2000


def keep(*, book: Book, numbered: Mapping[int, Measured], received_at: datetime) -> None:
    """Keep events that have no customer, under the ids their keys were claimed with."""
    rows = [
        (
            event_id,
            book.pk,
            m.fact.source,
            m.fact.external_id,
            m.fact.type,
            m.fact.subject,
            m.occurred_at,
            received_at,
            m.fact.data_json,
        )
        for event_id, m in numbered.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])


def post_mapped(*, book: Book, at: datetime) -> Outcome:
    """
    Post the kept events whose subjects have been mapped since.

    Safe to run twice, or twice at once: rows are locked, those that another run has are left to it.
    An event that a meter made meanwhile cannot read, or that is more than the ledger keeps, stays
    and is counted as rejected.
    """
    outcome = Outcome()
    after = 0
    while True:
        with transaction.atomic():
            rows = _locked(book, after)
            if not rows:
                return outcome
            after = rows[-1].pk
            _post_all(book, rows, at, outcome)


def _post_all(book: Book, rows: list[UnattributedEvent], at: datetime, outcome: Outcome) -> None:
    """Post these events but for those that would take a total beyond what the ledger keeps."""
    part = Outcome()
    try:
        with refusals(), transaction.atomic():
            _post(book, rows, at, part)
    except PrecisionError:
        if len(rows) == 1:
            outcome.rejected += 1
            return
        middle = len(rows) // 2
        _post_all(book, rows[:middle], at, outcome)
        _post_all(book, rows[middle:], at, outcome)
    else:
        outcome.add(part)


def books_with_mapped() -> list[Book]:
    """Return the books in which kept events wait whose subjects have been mapped."""
    mapped = Subject.objects.filter(book=OuterRef("book"), key=OuterRef("subject"))
    waiting = UnattributedEvent.objects.filter(Exists(mapped), posted_at=None, book=OuterRef("pk"))
    return list(Book.objects.filter(Exists(waiting)))


def _post(book: Book, rows: list[UnattributedEvent], at: datetime, outcome: Outcome) -> None:
    catalogue = snapshot.current(book.pk)
    without_time = {row.subject for row in rows if row.occurred_at == row.received_at}
    clocks = timeless.clocks_of(catalogue, without_time)
    numbered: dict[int, Measured] = {}
    batch_id = new_batch(book.pk)
    for line, row in enumerate(rows, 1):
        fact = _fact(row)
        meters = catalogue.meters.get(fact.type, ())
        try:
            measures = measure(fact.data, [m for m in meters if m.created_at <= row.received_at])
        except InvalidInputError:
            outcome.rejected += 1
            continue
        occurred_at = row.occurred_at
        if occurred_at == row.received_at:
            occurred_at = clocks.get(row.subject, occurred_at)
        numbered[batch_id + line] = Measured(
            fact, fact.key(book.pk), fact.content(), occurred_at, measures
        )
    if not numbered:
        return
    record(book=book, catalogue=catalogue, batch_id=batch_id, numbered=numbered, received_at=at)
    for event_id in numbered:
        row = rows[event_id - batch_id - 1]
        row.posted_at, row.event_id = at, event_id
    UnattributedEvent.objects.bulk_update(
        [rows[event_id - batch_id - 1] for event_id in numbered], ["posted_at", "event_id"]
    )
    outcome.accepted += len(numbered)


def _locked(book: Book, after: int) -> list[UnattributedEvent]:
    return list(UnattributedEvent.objects.raw(_MAPPED, [book.pk, after, _BATCH]))


def _fact(row: UnattributedEvent) -> Fact:
    # Read as text: Django's decoder would make floats of the numbers.
    text: str = row.data_text  # type: ignore[attr-defined]  # an extra column of the query
    return Fact(
        index=0,
        source=row.source,
        external_id=row.external_id,
        type=row.type,
        subject=row.subject,
        occurred_at=row.occurred_at,
        data=decode.payload(text.encode()),
        data_json=text,
        raw=json.dumps({"id": row.external_id}).encode(),
    )


_KEEP: Final = """
    INSERT INTO billing_unattributedevent
        (id, book_id, source, external_id, type, subject, occurred_at, received_at, data)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                         %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
"""
_MAPPED: Final = """
    SELECT u.*, u.data::text AS data_text
    FROM billing_unattributedevent u
    JOIN billing_subject s ON s.book_id = u.book_id AND s.key = u.subject
    WHERE u.book_id = %s AND u.posted_at IS NULL AND u.id > %s
    ORDER BY u.id LIMIT %s
    FOR UPDATE OF u SKIP LOCKED
"""
