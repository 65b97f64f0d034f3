"""
An event taken back, or replaced: the meter's value becomes what it is without it.

The difference is posted, effective when the event happened, and money returns to the lots it came
from, last in first out: the event's own first, then those of its series.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import IntegrityError, connection, transaction

from billing.budgets import using
from billing.metering import (
    accruals,
    late,
    own_items,
    recording,
    retracting,
    snapshot,
    unpriced_models,
    writing,
)
from billing.metering.attribution import items_of
from billing.metering.compiling import CompiledMeter, compiled
from billing.metering.facts import Fact
from billing.metering.ingest import latest_at, untimely
from billing.metering.measuring import Measured, measure
from billing.metering.repetition import repetitions
from billing.metering.work import post
from billing.models import Accrual, Correction, Meter, UsageEvent
from ledger import clocks
from ledger.errors import (
    ConflictError,
    IdempotencyConflictError,
    InvalidInputError,
    TransientError,
)
from ledger.ids import head_of
from ledger.integrity import refusals
from ledger.models import Book

_ATTEMPTS: Final = 3


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
        TransientError: nothing was changed, in several attempts; the same may be sent again.
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
    return _correct(correction, event, None, None)


def amend(
    *,
    book: Book,
    event: UsageEvent,
    replacement: Fact,
    key: str,
    at: datetime,
    reason: str = "",
    cause: str = "",
    reach: frozenset[int] | None = None,
) -> Correction:
    """
    Replace an event by another under the same source and id, and return the correction.

    With ``reach``, only a subject of those customers may take the usage over.

    Raises:
        AlreadyCorrectedError, IdempotencyConflictError, TransientError: as ``void``.
        InvalidInputError: another source or id, a time that cannot be, a subject that nobody is
            mapped to, or a value that a meter cannot read; nothing is changed then.
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
    timed = replace(replacement, occurred_at=replacement.occurred_at or event.occurred_at)
    return _correct(correction, event, timed, reach)


def _correct(
    correction: Correction,
    event: UsageEvent,
    replacement: Fact | None,
    reach: frozenset[int] | None,
) -> Correction:
    for attempt in range(_ATTEMPTS):
        try:
            with refusals(), transaction.atomic():
                return _correct_once(correction, event, replacement, reach)
        except TransientError:
            if attempt == _ATTEMPTS - 1 or connection.in_atomic_block:
                raise
    raise AssertionError("every attempt returns or raises")


def _correct_once(
    correction: Correction,
    event: UsageEvent,
    replacement: Fact | None,
    reach: frozenset[int] | None,
) -> Correction:
    _wait_for_others(event)
    if before := Correction.objects.filter(book=correction.book, key=correction.key).first():
        return _same(before, correction, replacement)
    if Correction.objects.filter(event_id=event.pk).exists():
        raise AlreadyCorrectedError(event=event.pk)
    catalogue = snapshot.current(correction.book.pk)
    numbered = _numbered(event, replacement, correction.corrected_at) if replacement else {}
    owners = _owners(catalogue, event, numbered, reach)
    _post(correction, catalogue, event, numbered, owners)
    try:
        with transaction.atomic():
            correction.save(force_insert=True)
    except IntegrityError as error:  # another event's correction came first under this key
        raise IdempotencyConflictError(key=correction.key) from error
    return correction


def _wait_for_others(event: UsageEvent) -> None:
    """
    Let one correction of an event happen at a time; the later ones see what the first did.

    What begins to count usage waits until it is over, as for a batch.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('billing_correction'), hashint8(%s)),"
            " pg_advisory_xact_lock_shared(%s, %s)",
            [event.pk, using.LOCK, event.book_id],
        )


def _same(before: Correction, wanted: Correction, replacement: Fact | None) -> Correction:
    is_same = (before.event_id, before.kind) == (wanted.event_id, wanted.kind)
    if is_same and replacement is not None and before.replacement_id is not None:
        is_same = bool(repetitions({before.replacement_id: replacement}))
    if not is_same:
        raise IdempotencyConflictError(key=wanted.key)
    return before


def _numbered(event: UsageEvent, replacement: Fact, at: datetime) -> dict[int, Measured]:
    """Measure a replacement as the event it stands for was: by the meters of its day."""
    if (replacement.source, replacement.external_id) != (event.source, event.external_id):
        remedy = f"keep the source {event.source} and the id {event.external_id}"
        raise InvalidInputError(field="id", value=replacement.external_id, remedy=remedy)
    if refused := untimely(replacement, latest_at(at, clocks.latest(event.book_id))):
        raise InvalidInputError(
            field="time", value=str(replacement.occurred_at), remedy=refused.detail
        )
    event_id = writing.new_batch(event.book_id) + 1
    return {
        event_id: Measured(
            replacement,
            replacement.key(event.book_id),
            replacement.content(),
            replacement.occurred_at or event.occurred_at,
            measure(replacement.data, _meters(event, replacement.type)),
        )
    }


def _meters(event: UsageEvent, event_type: str) -> list[CompiledMeter]:
    """Return the meters that counted an event; of another type, those that would have."""
    meters = Meter.objects.filter(book_id=event.book_id, event_type=event_type)
    if event_type == event.type:
        counted = Accrual.objects.filter(pk__in=event.accrual_ids).values("meter_id")
        meters = meters.filter(pk__in=counted)
    else:
        meters = meters.filter(archived_at=None, created_at__lte=event.received_at)
    return [compiled(meter) for meter in meters.select_related("unit", "book")]


def _owners(
    catalogue: snapshot.Snapshot,
    event: UsageEvent,
    numbered: dict[int, Measured],
    reach: frozenset[int] | None,
) -> dict[str, int]:
    """Say whose a replacement is; what was posted stays its customer's, whoever has the subject."""
    owners = {event.subject: event.customer_id}
    for measured in numbered.values():
        subject = measured.fact.subject
        if subject not in owners:
            known = catalogue.customers_of([subject])
            if subject not in known or (reach is not None and known[subject] not in reach):
                raise InvalidInputError(
                    field="subject", value=subject, remedy="map it to a customer first"
                )
            owners[subject] = known[subject]
    return owners


def _post(
    correction: Correction,
    catalogue: snapshot.Snapshot,
    event: UsageEvent,
    numbered: dict[int, Measured],
    owners: dict[str, int],
) -> None:
    book, at = correction.book, correction.corrected_at
    terms = catalogue.terms_of(owners.values())
    leaving = list(retracting.leaving(event, catalogue, terms))
    own = own_items.of(book_id=book.pk, customer_ids=terms.keys(), unit_ids=catalogue.unit_ids)
    arriving = items_of(
        catalogue=catalogue, numbered=numbered, owners=owners, terms=terms, own=own.items
    )
    arriving = late.as_before(arriving, leaving)
    work = recording.open_work(
        catalogue=catalogue,
        items=arriving,
        terms=terms,
        budgets=catalogue.budgets,
        at=at,
        leaving=leaving,
        has_contracts=own.has_contracts,
        has_units=own.has_units,
        has_shares=own.has_shares,
    )
    work.leaving_id = event.pk
    paid = retracting.paid_by(event, leaving)
    work.own = paid.payers
    for item in leaving:
        retracting.take_back(item, event, paid, work)
    recording.apply_all(arriving, work)
    kind, key = "correction", f"correction:{correction.key}"
    digest = writing.digest_of(numbered) if numbered else None
    correction.transaction_ids = post(book=book, key=key, kind=kind, work=work, evidence=digest)
    accruals.save(work.accruals.values())
    late.note(arriving, work.accruals)
    if digest is not None:
        correction.replacement_id = next(iter(numbered))
        writing.write_batch(
            book=book,
            batch_id=head_of(correction.replacement_id),
            events=1,
            posted=correction.transaction_ids,
            digest=digest,
            at=at,
        )
        writing.write_events(
            book=book,
            numbered=numbered,
            owners=owners,
            moved=writing.moved_by(arriving),
            received_at=at,
        )
        unpriced_models.note(book_id=book.pk, items=arriving)
    work.purse.count_shares()
    if own.has_watches:
        work.touch_watched()
    using.add_up(work.used, book_id=book.pk, at=at, cause=f"correction:{event.pk}")
