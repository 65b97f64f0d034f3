"""
The entries behind a line, page by page: of its charge, or of the usage it is for.

Entries of usage go by event, then by id. A page reads as many events as it has room for entries:
what it costs does not follow what the line is for. Ids of events and entries are of one kind, so a
position is the last entry of a page, or the last event where events have made no entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Q, QuerySet

from billing.invoicing import explaining
from billing.models import InvoiceLine, UsageBatch, UsageEvent
from ledger.ids import head_of
from ledger.models import Entry


class Page(NamedTuple):
    """Some entries, and where the next page starts; none: nowhere."""

    entries: Sequence[Entry]
    position: int | None


def page(
    *, line: InvoiceLine, size: int, after: int | None = None, event: UsageEvent | None = None
) -> Page:
    """
    Return up to ``size`` entries of a line, or of one of its events, ``after`` a page's position.

    A page may have fewer while there is a next one: not every event makes entries.
    """
    billable = line.billable
    if event is not None or billable is None or billable.accrual_id is None:
        rows = explaining.entries(line=line, event=event)
        found = list((rows.filter(pk__gt=after) if after else rows)[: size + 1])
        return Page(found[:size], found[size - 1].pk if len(found) > size else None)
    return _of_usage(line, size, after)


def _of_usage(line: InvoiceLine, size: int, after: int | None) -> Page:
    last = Entry.objects.filter(pk=after, source_id__isnull=False).first() if after else None
    rows = explaining.events(line=line).order_by("pk")
    if last is not None:
        rows = rows.filter(pk__gte=last.source_id)  # whose entries may go on
    elif after:
        rows = rows.filter(pk__gt=after)
    numbers = list(rows.values_list("pk", flat=True)[: size + 1])
    entries = list(_made_by(numbers[:size], last)[: size + 1])
    if len(entries) > size:
        return Page(entries[:size], entries[size - 1].pk)
    return Page(entries, numbers[size - 1] if len(numbers) > size else None)


def _made_by(events: Sequence[int], last: Entry | None) -> QuerySet[Entry]:
    """Return what these events have moved, event by event, from after the last page on."""
    heads = {head_of(event) for event in events}
    batches = UsageBatch.objects.filter(pk__in=heads).values_list("transaction_ids", flat=True)
    posted = [number for numbers in batches for number in numbers]
    rows = Entry.objects.of(*posted).filter(source_id__in=events)
    if last is not None:
        rows = rows.filter(Q(source_id__gt=last.source_id) | Q(pk__gt=last.pk))
    return rows.order_by("source_id", "pk")
