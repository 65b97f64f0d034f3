"""
Runs: the documents of many payers, drafted and issued in parts by any number of workers.

A part is a chunk of payers. It is said to be done in the transaction that drafts and issues its
documents: kill a worker at any moment, and its part waits to be done, nothing of it is there.
Workers take parts that nobody else is at. What fails is halved, until it stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import InterfaceError, OperationalError, connection, transaction

from billing import collection, due
from billing.invoicing import lifecycle, making, states
from billing.models import Invoice, Run, RunPart
from ledger import arrays, horizon, inputs, outbox
from ledger.errors import IdempotencyConflictError, InvalidInputError, TransientError
from ledger.integrity import refusals
from ledger.models import Book, Customer

State = Run.State
PART: Final = 100  # payers
MOST_ATTEMPTS: Final = 3  # of what fails for a reason that passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    state: str
    payers: int = 0
    payers_done: int = 0
    payers_failed: int = 0
    drafted: int = 0
    issued: int = 0
    lines: int = 0


def start(
    *, book: Book, key: str, until: datetime, at: datetime, by: str, issues: bool = True
) -> Run:
    """
    Begin a run for all who have something due up to an instant; the same key again: that run.

    Without ``issues``, drafts stay drafts. Who lives by a test clock is seen to by it.

    Raises:
        InvalidInputError: a malformed key, or an instant that lies ahead.
        IdempotencyConflictError: the key stands for another run.
        ForeignHistoryError: the books were restored into another cluster, and are not ready.
    """
    key = inputs.key("key", key)
    if until > at:
        remedy = f"documents are for what is over: name an instant up to {at.isoformat()}"
        raise InvalidInputError(field="until", value=until.isoformat(), remedy=remedy)
    horizon.check()
    with transaction.atomic():
        run, is_new = Run.objects.get_or_create(
            book=book,
            key=key,
            defaults={"until": until, "issues": issues, "cause": by, "started_at": at},
        )
        if (run.until, run.issues) != (until, issues):
            raise IdempotencyConflictError(key=key)
        if is_new:
            payers = payers_due(book=book, until=until, at=at)
            chunks = [payers[n : n + PART] for n in range(0, len(payers), PART)]
            RunPart.objects.bulk_create(RunPart(run=run, payer_ids=chunk) for chunk in chunks)
    return run


def payers_due(*, book: Book, until: datetime, at: datetime) -> list[int]:
    """Return who has something due, will have once it is charged, or a draft to be made anew."""
    with connection.cursor() as cursor:
        cursor.execute(_CHARGED_SOON, {"book": book.pk, "until": until})
        soon = [row[0] for row in cursor.fetchall()]
        cursor.execute(_STALE, [book.pk])
        stale = {row[0] for row in cursor.fetchall()}
    found = stale | set(collection.payers_due(book=book, until=until))
    return sorted(found | set(collection.payers_of(book=book, customer_ids=soon).values()))


def work(*, run: Run, at: datetime, most: int | None = None) -> Progress:
    """
    Do waiting parts of a run, up to ``most``, as long as it is not paused; return how far it is.

    Safe to be called by several at once, and again after any crash.

    Raises:
        OperationalError, InterfaceError: the database is away; what is done stays done.
    """
    prepared: set[int] = set()
    done = 0
    while most is None or done < most:
        if not Run.objects.filter(pk=run.pk, state=State.RUNNING).exists():
            break
        part = _next(run, prepared, at=at)
        if part is None:
            break
        done += part
    _finish(run, at=at)
    return progress(run)


def pause(*, run: Run) -> Run:
    """Have workers stop after the parts that they are at; a run that is over stays so."""
    Run.objects.filter(pk=run.pk, state=State.RUNNING).update(state=State.PAUSED)
    run.refresh_from_db()
    return run


def resume(*, run: Run) -> Run:
    """Have a paused run go on, and try again what failed in one that is over."""
    with transaction.atomic():
        again = RunPart.objects.filter(run=run, state=RunPart.State.FAILED)
        failed = again.update(state=RunPart.State.WAITING, failure="", attempts=0)
        stopped = Run.objects.filter(pk=run.pk)
        stopped.filter(state=State.PAUSED).update(state=State.RUNNING)
        if failed:
            stopped.update(state=State.RUNNING, finished_at=None)
    run.refresh_from_db()
    return run


def progress(run: Run) -> Progress:
    """Return how far a run is."""
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, [run.pk])
        state, *counts = cursor.fetchone()
    names = ("payers", "payers_done", "payers_failed", "drafted", "issued", "lines")
    return Progress(state=state, **dict(zip(names, counts, strict=True)))


def _next(run: Run, prepared: set[int], *, at: datetime) -> int | None:
    """Do a waiting part, or what falls due before it can be; None: there is none."""
    part: RunPart | None = None
    try:
        with refusals(), transaction.atomic():
            part = _take(run)
            if part is None:
                return None
            waiting = _not_charged(run, part, at) if part.pk not in prepared else []
            if not waiting:
                _do(run, part, at)
                return 1
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        assert part is not None, "taking it does not fail"
        _failed(part.pk, error, at=at, by=run.cause)
        return 1
    prepared.add(part.pk)
    _charge(waiting, until=run.until)
    return 0


def _take(run: Run) -> RunPart | None:
    free = RunPart.objects.select_for_update(skip_locked=True, no_key=True)
    return free.filter(run=run, state=RunPart.State.WAITING).order_by("pk").first()


def _not_charged(run: Run, part: RunPart, at: datetime) -> list[int]:
    """Return whose subscriptions or contracts have something due that is not charged yet."""
    consumers = collection.consumers_of(book=run.book, payer_ids=part.payer_ids)
    whose = [number for mine in consumers.values() for number in mine]
    with connection.cursor() as cursor:
        cursor.execute(_NOT_CHARGED, {"customers": arrays.whole(whose), "until": run.until})
        return [row[0] for row in cursor.fetchall()]


def _charge(customer_ids: Sequence[int], *, until: datetime) -> None:
    """Have done what is due for customers; whose fails says so on its draft, the sweep logs why."""
    customers = Customer.objects.filter(pk__in=customer_ids).order_by("pk")
    due.run_each(customers=list(customers), until=until)


def _do(run: Run, part: RunPart, at: datetime) -> None:
    made = making.make(
        book=run.book, payer_ids=part.payer_ids, until=run.until, at=at, by=run.cause, run=run
    )
    part.drafted, part.issued, part.lines = made.drafted, made.issued, made.lines
    part.state, part.finished_at, part.failure = RunPart.State.DONE, at, ""
    part.save()


def _failed(part_id: int, error: Exception, *, at: datetime, by: str) -> None:
    """Try a part again, in halves; what fails alone is noted."""
    with transaction.atomic():
        waiting = RunPart.objects.select_for_update(skip_locked=True, no_key=True)
        part = waiting.filter(pk=part_id, state=RunPart.State.WAITING).first()
        if part is None:
            return  # somebody else is at it
        part.attempts += 1
        part.failure = str(error)
        middle = len(part.payer_ids) // 2
        if isinstance(error, TransientError) and part.attempts < MOST_ATTEMPTS:
            pass  # once more, as it is
        elif middle:
            RunPart.objects.create(run=part.run, payer_ids=part.payer_ids[middle:])
            part.payer_ids, part.attempts = part.payer_ids[:middle], 0
        else:
            part.state, part.finished_at = RunPart.State.FAILED, at
            drafts = Invoice.objects.filter(payer__in=part.payer_ids, state=states.DRAFT)
            numbers = list(drafts.values_list("pk", flat=True))
            lifecycle.failed(invoice_ids=numbers, error=str(error), by=by, at=at)
        part.save()


def _finish(run: Run, *, at: datetime) -> None:
    """Close a run that has nothing left to do, and tell it once."""
    with transaction.atomic():
        parts = RunPart.objects.filter(run=run)
        if parts.filter(state=RunPart.State.WAITING).exists():
            return
        has_failed = parts.filter(state=RunPart.State.FAILED).exists()
        state = State.FAILED if has_failed else State.DONE
        running = Run.objects.filter(pk=run.pk, state=State.RUNNING)
        if not running.update(state=state, finished_at=at):
            return
        found = progress(run)
        outbox.publish(
            topic="event",
            key=f"run.finished:{run.pk}:{at.isoformat()}",
            payload={
                "type": "run.finished",
                "book": run.book_id,
                "customer": None,
                "data": {
                    "run": run.key,
                    "run_id": str(run.pk),
                    "state": state.value,
                    "until": run.until.isoformat(),
                    "drafted": found.drafted,
                    "issued": found.issued,
                    "failed": found.payers_failed,
                },
            },
            at=at,
        )


_CHARGED_SOON: Final = """
    SELECT d.customer_id FROM (
        SELECT s.customer_id FROM billing_subscription s
        WHERE s.book_id = %(book)s AND s.due_at <= %(until)s
        UNION SELECT k.customer_id FROM billing_contract k
        WHERE k.book_id = %(book)s AND k.due_at <= %(until)s
        UNION SELECT h.customer_id FROM billing_charge h
        WHERE h.book_id = %(book)s AND h.scheduled_at <= %(until)s) d
    JOIN ledger_customer c ON c.id = d.customer_id AND c.clock_id IS NULL
"""
_NOT_CHARGED: Final = """
    SELECT customer_id FROM billing_subscription
    WHERE customer_id = ANY(%(customers)s::bigint[]) AND due_at <= %(until)s
    UNION SELECT customer_id FROM billing_contract
    WHERE customer_id = ANY(%(customers)s::bigint[]) AND due_at <= %(until)s
    UNION SELECT customer_id FROM billing_charge
    WHERE customer_id = ANY(%(customers)s::bigint[]) AND scheduled_at <= %(until)s
"""
_STALE: Final = """
    SELECT DISTINCT i.payer_id
    FROM billing_invoice i JOIN ledger_customer c ON c.id = i.payer_id AND c.clock_id IS NULL
    WHERE i.book_id = %s AND i.state = 'draft' AND i.problems @> '[{"code": "stale"}]'
"""
_PROGRESS: Final = """
    SELECT r.state,
           coalesce(sum(cardinality(p.payer_ids)), 0),
           coalesce(sum(cardinality(p.payer_ids)) FILTER (WHERE p.state = 'done'), 0),
           coalesce(sum(cardinality(p.payer_ids)) FILTER (WHERE p.state = 'failed'), 0),
           coalesce(sum(p.drafted), 0), coalesce(sum(p.issued), 0), coalesce(sum(p.lines), 0)
    FROM billing_run r LEFT JOIN billing_runpart p ON p.run_id = r.id
    WHERE r.id = %s GROUP BY r.state
"""
