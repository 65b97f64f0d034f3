"""Recorded events: found, read again, and which of them stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from billing.metering import decode
from billing.metering.facts import Fact
from billing.models import Correction, EventKey, UnattributedEvent, UsageEvent
from ledger.errors import NotFoundError
from ledger.models import Book


def fact_of(event: UsageEvent) -> Fact:
    """Read a recorded event again, numbers exactly as they were sent."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM billing_usageevent WHERE id = %s", [event.pk])
        return _fact(event, cursor.fetchone()[0])


def facts_of(events: QuerySet[UsageEvent]) -> Iterator[tuple[datetime, Fact]]:
    """Read recorded events again, with the time of each; in one query, a few at a time."""
    written = events.defer("data").annotate(written=Cast("data", TextField()))
    for event in written.iterator():
        yield event.occurred_at, _fact(event, event.written)


def _fact(event: UsageEvent, text: str) -> Fact:
    return Fact(
        index=0,
        source=event.source,
        external_id=event.external_id,
        type=event.type,
        subject=event.subject,
        occurred_at=event.occurred_at,
        data=decode.payload(text.encode()),
        data_json=text,
        raw=text.encode(),
    )


def standing(events: QuerySet[UsageEvent]) -> QuerySet[UsageEvent]:
    """Leave out the events that have been voided or amended."""
    return events.filter(~Exists(Correction.objects.filter(event_id=OuterRef("pk"))))


def find(*, book: Book, source: str, external_id: str) -> UsageEvent:
    """
    Return the event that stands for (source, id): after amendments, the last replacement.

    Raises:
        NotFoundError: no event of the book was taken under that name, or it is not attributed yet.
    """
    named = Fact(0, source, external_id, "", "", None, {}, "", b"").key(book.pk)
    taken = EventKey.objects.filter(pk=named).first()
    if taken is None:
        raise NotFoundError(source=source, id=external_id)
    event_id = taken.event_id
    if kept := UnattributedEvent.objects.filter(pk=event_id).first():
        if kept.event_id is None:
            raise NotFoundError(source=source, id=external_id, remedy="map its subject first")
        event_id = kept.event_id
    while correction := Correction.objects.filter(event_id=event_id).first():
        if correction.replacement_id is None:
            break
        event_id = correction.replacement_id
    return UsageEvent.objects.get(pk=event_id)
