"""
An event taken back, or replaced: the meter's value becomes what it is without it.

The difference is posted, effective when the event happened, and money returns to the lots it came
from, last in first out: the event's own first, then those of its series.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, connection, transaction

from billing.metering import accruals, recording, snapshot, unique_values, writing
from billing.metering.accruals import Series
from billing.metering.aggregations import RETRACT, Reading, recompute
from billing.metering.facts import Fact
from billing.metering.history import fact_of, standing
from billing.metering.measuring import Measured, measure
from billing.metering.recording import Item, Work
from billing.models import Accrual, Correction, Rate, UsageBatch, UsageEvent
from ledger.errors import ConflictError, IdempotencyConflictError
from ledger.ids import head_of, is_house
from ledger.integrity import refusals
from ledger.models import Book, Entry


class AlreadyCorrectedError(ConflictError):
    """The event has been voided or amended before; correct its replacement instead."""

    code = "already_corrected"


def void(
    *, book: Book, event: UsageEvent, key: str, at: datetime, reason: str = "", cause: str = ""
) -> Correction:
    """
    Take an event back, once, and return the correction.

    The same key again changes nothing and returns the first correction.

    Raises:
        AlreadyCorrectedError: it has been voided or amended.
        IdempotencyConflictError: the key stands for another correction.
    """
    correction = Correction(
        book=book,
        key=key,
        kind=Correction.Kind.VOID,
        event_id=event.pk,
        corrected_at=at,
        reason=reason,
        cause=cause,
    )
    return _correct(correction, event, None)


def amend(
    *,
    book: Book,
    event: UsageEvent,
    replacement: Fact,
    key: str,
    at: datetime,
    reason: str = "",
    cause: str = "",
) -> Correction:
    """
    Replace an event by another under the same source and id, and return the correction.

    Raises:
        AlreadyCorrectedError, IdempotencyConflictError: as ``void``.
        InvalidInputError: a meter cannot read the replacement; nothing is changed then.
    """
    correction = Correction(
        book=book,
        key=key,
        kind=Correction.Kind.AMEND,
        event_id=event.pk,
        corrected_at=at,
        reason=reason,
        cause=cause,
    )
    return _correct(correction, event, replacement)


def _correct(correction: Correction, event: UsageEvent, replacement: Fact | None) -> Correction:
    with refusals(), transaction.atomic():
        if before := Correction.objects.filter(book=correction.book, key=correction.key).first():
            return _same(before, correction)
        catalogue = snapshot.current(correction.book.pk)
        numbered = _numbered(catalogue, event, replacement)
        _post(correction, catalogue, event, numbered)
        try:
            with transaction.atomic():
                correction.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyCorrectedError(event=event.pk) from error
    return correction


def _same(before: Correction, wanted: Correction) -> Correction:
    if (before.event_id, before.kind) != (wanted.event_id, wanted.kind):
        raise IdempotencyConflictError(key=wanted.key)
    return before


def _numbered(
    catalogue: snapshot.Snapshot, event: UsageEvent, replacement: Fact | None
) -> dict[int, Measured]:
    if replacement is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_next_id()")
        event_id = cursor.fetchone()[0] + 1
    measures = measure(replacement.data, catalogue.meters.get(replacement.type, ()))
    at = replacement.occurred_at or event.occurred_at
    key = replacement.key(catalogue.book_id)
    return {event_id: Measured(replacement, key, replacement.content(), at, measures)}


def _post(
    correction: Correction,
    catalogue: snapshot.Snapshot,
    event: UsageEvent,
    numbered: dict[int, Measured],
) -> None:
    book, at = correction.book, correction.corrected_at
    subjects = {measured.fact.subject for measured in numbered.values()}
    known = catalogue.customers_of(subjects)
    owners = {subject: known.get(subject, event.customer_id) for subject in subjects}
    terms = catalogue.terms_of({event.customer_id, *owners.values()})
    leaving = list(_leaving(event))
    arriving = recording.items_of(
        catalogue=catalogue, numbered=numbered, owners=owners, terms=terms
    )
    work = recording.open_work(
        catalogue=catalogue, items=arriving, terms=terms, at=at, leaving=leaving
    )
    if Correction.objects.filter(event_id=event.pk).exists():  # now that its series are locked
        raise AlreadyCorrectedError(event=event.pk)
    work.own = _paid_from(event)
    for item in leaving:
        if change := _retract(item, event, work):
            recording.charge(item, change, work)
    for item in arriving:
        recording.apply(item, work)
    kind, key = "correction", f"correction:{correction.key}"
    correction.transaction_ids = recording.post(book=book, key=key, kind=kind, work=work)
    accruals.save(work.accruals.values())
    if numbered:
        correction.replacement_id = next(iter(numbered))
        writing.write_batch(
            book=book,
            batch_id=head_of(correction.replacement_id),
            events=1,
            posted=correction.transaction_ids,
            digest=writing.digest_of(numbered),
            at=at,
        )
        writing.write_events(
            book=book,
            numbered=numbered,
            owners=owners,
            moved=recording.moved_by(arriving, work),
            received_at=at,
        )


def _leaving(event: UsageEvent) -> Iterator[Item]:
    """Read the event again with the meters and rates that it moved when it came."""
    fact = fact_of(event)
    moved = Accrual.objects.filter(pk__in=event.accrual_ids).select_related("meter__unit")
    rates = Rate.objects.select_related("rate_card").in_bulk(
        [a.rate_id for a in moved if a.rate_id]
    )
    for accrual in moved:
        [reading] = measure(fact.data, [snapshot.compiled(accrual.meter)])
        rate = rates.get(accrual.rate_id or 0)
        yield Item(
            event_id=event.pk,
            at=event.occurred_at,
            order_key=fact.name,
            measure=reading,
            series=Series(
                accrual.customer_id, accrual.meter_id, accrual.rate_id, accrual.period_start
            ),
            rate=snapshot.dated_of(rate) if rate else None,
            asset_id=rate.rate_card.asset_id if rate else 0,
        )


def _retract(item: Item, event: UsageEvent, work: Work) -> Decimal:
    accrual, reading = work.accruals[item.series], item.measure
    is_last = reading.text is not None and unique_values.forget(
        accrual_id=accrual.id, value=reading.text
    )
    aggregation = reading.meter.aggregation
    change = RETRACT[aggregation](accrual.running, reading.value, item.at, item.order_key, is_last)
    if change is None:
        change = recompute(aggregation, accrual.running, _remaining(item, accrual.id, event))
    return change


def _remaining(item: Item, accrual_id: int, event: UsageEvent) -> Iterator[Reading]:
    """Read what is left of a series: its events that stand, without the one taken back."""
    series = item.series
    events = UsageEvent.objects.filter(
        customer_id=series.customer_id,
        occurred_at__gte=series.period_start,
        accrual_ids__contains=[accrual_id],
    ).exclude(pk=event.pk)
    for other in standing(events).iterator():
        fact = fact_of(other)
        [reading] = measure(fact.data, [item.measure.meter])
        yield Reading(reading.value, reading.text, other.occurred_at, fact.name)


def _paid_from(event: UsageEvent) -> dict[tuple[int, int], list[tuple[int, Decimal]]]:
    """Return which customers' accounts an event has paid from, by revenue account, in order."""
    batch = UsageBatch.objects.get(pk=head_of(event.pk))
    own = defaultdict[tuple[int, int], list[tuple[int, Decimal]]](list)
    if batch.transaction_ids:
        for entry in Entry.objects.of(*batch.transaction_ids).filter(source_id=event.pk):
            if not is_house(entry.debit_account_id):
                own[event.pk, entry.credit_account_id].append(
                    (entry.debit_account_id, entry.amount)
                )
    return own
