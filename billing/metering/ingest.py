"""
Ingest: usage events in, postings out, in one database transaction a batch.

    prepare  read and measure what was sent            (no lock, may run ahead)
    claim    take each (source, id) once               → duplicates, conflicts
    record   quantify, rate, fund and post what is new (``recording``)

Locks are taken in one order everywhere: event keys, accruals, balances. What cannot be taken is
kept: as a dead letter with its reason, or as unattributed until somebody maps its subject.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from billing.metering import claims, pace, snapshot, timeless, unattributed
from billing.metering.collector import collector_paused
from billing.metering.facts import Fact, Outcome, Rejection, Row, Sent
from billing.metering.measuring import Measured, measure
from billing.metering.recording import record
from billing.metering.rejections import keep as keep_rejected
from billing.metering.repetition import is_same, repetitions
from billing.metering.snapshot import Snapshot
from billing.metering.writing import new_batch
from ledger.errors import InvalidInputError, PrecisionError, TransientError
from ledger.integrity import refusals
from ledger.models import Book

_ATTEMPTS: Final = 3
_OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Prepared:
    """A batch that has been read and measured; nothing is written yet."""

    catalogue: Snapshot
    measured: list[Measured]
    outcome: Outcome
    rejections: list[Rejection] = field(default_factory=list)


def ingest(
    *,
    book: Book,
    sent: Iterable[Sent],
    received_at: datetime,
    reach: frozenset[int] | None = None,
) -> Outcome:
    """
    Take usage in, each event once, and say what became of every one.

    What is reported accepted, unattributed or rejected is committed. Sending the same again changes
    nothing: events count by (source, id), whatever the batches. Time missing is ``received_at``, or
    where the customer's test clock stands.
    With ``reach``, only subjects of those customers are taken.
    """
    outcome = Outcome()
    with collector_paused:
        for prepared in prepare(book=book, sent=sent, received_at=received_at, reach=reach):
            outcome.add(commit(book=book, prepared=prepared, received_at=received_at))
    return outcome


def prepare(
    *,
    book: Book,
    sent: Iterable[Sent],
    received_at: datetime,
    reach: frozenset[int] | None = None,
) -> Iterator[Prepared]:
    """Read what was sent, a transaction's worth at a time; needs no lock and writes nothing."""
    stream = iter(sent)
    while chunk := list(islice(stream, pace.events(book.pk, at=received_at))):
        catalogue = snapshot.current(book.pk)
        prepared = Prepared(catalogue, [], Outcome())
        if reach is not None:
            chunk = _within(reach, chunk, prepared)
        yield _prepared(chunk, prepared, received_at)


def commit(*, book: Book, prepared: Prepared, received_at: datetime) -> Outcome:
    """
    Write a prepared batch, all or nothing.

    An event that would take a total beyond what the ledger keeps is set aside as a dead letter; the
    batch is cut in halves until it is found.

    Raises:
        TransientError: nothing was written, in several attempts; the same may be sent again.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _commit(book, prepared, received_at)
        except PrecisionError as error:
            return _without_excess(book, prepared, received_at, error)
        except TransientError:
            if attempt == _ATTEMPTS - 1 or connection.in_atomic_block:
                raise
            prepared.catalogue = snapshot.current(book.pk)  # it may be what has moved
    raise AssertionError("every attempt returns or raises")


def _without_excess(
    book: Book, prepared: Prepared, received_at: datetime, error: PrecisionError
) -> Outcome:
    events = prepared.measured
    if len(events) == 1:
        fact = events[0].fact
        rejected = Rejection(fact.index, "invalid_value", str(error), "data", fact.raw)
        rejections = [*prepared.rejections, rejected]
        return commit(
            book=book,
            prepared=replace(prepared, measured=[], rejections=rejections),
            received_at=received_at,
        )
    middle = len(events) // 2
    rest = replace(prepared, measured=events[middle:], outcome=Outcome(), rejections=[])
    first = replace(prepared, measured=events[:middle])
    outcome = commit(book=book, prepared=first, received_at=received_at)
    outcome.add(commit(book=book, prepared=rest, received_at=received_at))
    outcome.rows.sort(key=lambda row: row.index)
    return outcome


def _commit(book: Book, prepared: Prepared, received_at: datetime) -> Outcome:
    outcome = replace(prepared.outcome, rows=list(prepared.outcome.rows))
    rejections = list(prepared.rejections)
    with refusals(), transaction.atomic():
        if prepared.measured:
            _take(book, prepared, received_at, outcome, rejections)
        if rejections:
            keep_rejected(book=book, rejections=rejections, at=received_at)
    for rejection in rejections:
        is_conflict = rejection.reason == "conflict"
        outcome.conflicting += is_conflict
        outcome.rejected += not is_conflict
        status = "conflict" if is_conflict else "rejected"
        outcome.rows.append(
            Row(rejection.index, status, rejection.reason, rejection.detail, rejection.field)
        )
    outcome.rows.sort(key=lambda row: row.index)
    return outcome


def _within(reach: frozenset[int], chunk: Sequence[Sent], prepared: Prepared) -> list[Sent]:
    """Refuse the subjects that are not of these customers, whether others' or nobody's."""
    subjects = [sent.subject for sent in chunk if isinstance(sent, Fact)]
    owners = prepared.catalogue.customers_of(subjects)
    allowed: list[Sent] = []
    for sent in chunk:
        if isinstance(sent, Fact) and owners.get(sent.subject) not in reach:
            detail = f"this key may not send usage of subject {sent.subject!r}"
            refused = Rejection(sent.index, "subject_not_allowed", detail, "subject", sent.raw)
            prepared.rejections.append(refused)
        else:
            allowed.append(sent)
    return allowed


def _prepared(chunk: Sequence[Sent], prepared: Prepared, received_at: datetime) -> Prepared:
    catalogue = prepared.catalogue
    latest = latest_at(received_at, catalogue.latest_clock_at)
    without_time = {s.subject for s in chunk if isinstance(s, Fact) and s.occurred_at is None}
    clocks = timeless.clocks_of(catalogue, without_time)
    first: dict[str, Measured] = {}
    for sent in chunk:
        if isinstance(sent, Rejection):
            prepared.rejections.append(sent)
            continue
        rejection = untimely(sent, latest)
        if rejection is None:
            try:
                measures = measure(sent.data, catalogue.meters.get(sent.type, ()))
            except InvalidInputError as error:
                rejection = Rejection(
                    sent.index, "invalid_value", str(error), error.field, sent.raw
                )
        if rejection is not None:
            prepared.rejections.append(rejection)
            continue
        key, content = sent.key(catalogue.book_id), sent.content()
        at = sent.occurred_at or clocks.get(sent.subject, received_at)
        measured = Measured(sent, key, content, at, measures)
        if (earlier := first.setdefault(key, measured)) is not measured:
            again = earlier.content == content or is_same(earlier.fact, sent)
            _repeated(sent, prepared.outcome, prepared.rejections, is_same=again)
            continue
        prepared.measured.append(measured)
    return prepared


def latest_at(received_at: datetime, clock_at: datetime | None) -> datetime:
    """
    Return the latest time that an event may carry: clocks differ.

    ``clock_at`` is where the book's latest test clock stands, if there is one.
    """
    latest = received_at if clock_at is None else max(received_at, clock_at)
    return latest + timedelta(seconds=settings.METERBOOK_EVENT_CLOCK_SKEW_SECONDS)


def untimely(fact: Fact, latest: datetime) -> Rejection | None:
    """Return why an event's time cannot be right, if so."""
    at = fact.occurred_at
    if at is None or _OLDEST <= at <= latest:
        return None
    if at > latest:
        detail = f"{at.isoformat()} is later than {latest.isoformat()}: check the sender's clock"
        return Rejection(fact.index, "in_the_future", detail, "time", fact.raw)
    detail = f"{at.isoformat()} is before 2000: check the sender's clock"
    return Rejection(fact.index, "too_old", detail, "time", fact.raw)


def _repeated(fact: Fact, outcome: Outcome, rejections: list[Rejection], *, is_same: bool) -> None:
    if is_same:
        outcome.duplicate += 1
        outcome.rows.append(Row(fact.index, "duplicate"))
        return
    detail = f"source {fact.source!r} and id {fact.external_id!r} stand for other content"
    rejections.append(Rejection(fact.index, "conflict", detail, "id", fact.raw))


def _take(
    book: Book,
    prepared: Prepared,
    received_at: datetime,
    outcome: Outcome,
    rejections: list[Rejection],
) -> None:
    """Claim what is new, keep what has no customer, record the rest."""
    batch_id = new_batch(book.pk)
    numbered = {batch_id + line: m for line, m in enumerate(prepared.measured, 1)}
    taken = claims.claim([claims.Claim(m.key, m.content, i) for i, m in numbered.items()])
    if taken:
        old = [m for m in numbered.values() if m.key in taken]
        numbered = {i: m for i, m in numbered.items() if m.key not in taken}
        _tell_apart(old, taken, outcome, rejections)
    numbered = _attributed(book, prepared.catalogue, numbered, received_at, outcome)
    if numbered:
        record(
            book=book,
            catalogue=prepared.catalogue,
            batch_id=batch_id,
            numbered=numbered,
            received_at=received_at,
        )
    outcome.accepted += len(numbered)
    outcome.unmetered += sum(not m.measures for m in numbered.values())


def _tell_apart(
    old: Collection[Measured],
    taken: Mapping[str, claims.Taken],
    outcome: Outcome,
    rejections: list[Rejection],
) -> None:
    """Note which events of names that were taken before are the same, and which are others."""
    changed = {taken[m.key].event_id: m for m in old if taken[m.key].content != m.content}
    same = repetitions({i: m.fact for i, m in changed.items()}) if changed else set()
    for measured in old:
        event_id = taken[measured.key].event_id
        again = event_id not in changed or event_id in same
        _repeated(measured.fact, outcome, rejections, is_same=again)


def _attributed(
    book: Book,
    catalogue: Snapshot,
    numbered: dict[int, Measured],
    received_at: datetime,
    outcome: Outcome,
) -> dict[int, Measured]:
    """Set events of unknown subjects aside, and return the others."""
    known = catalogue.customers_of(m.fact.subject for m in numbered.values())
    strangers = {i: m for i, m in numbered.items() if m.fact.subject not in known}
    if not strangers:
        return numbered
    unattributed.keep(book=book, numbered=strangers, received_at=received_at)
    outcome.unattributed += len(strangers)
    for measured in strangers.values():
        detail = f"no customer is mapped to subject {measured.fact.subject!r}"
        outcome.rows.append(
            Row(measured.fact.index, "unattributed", "unknown_subject", detail, "subject")
        )
    return {i: m for i, m in numbered.items() if i not in strangers}
