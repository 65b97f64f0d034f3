"""
Dunning: what is overdue is asked for, step by step, each step once; it ends when it is paid.

Safe to run twice, late, or concurrently: a step is done in the transaction that writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing import collection
from billing.dunning import schedules, steps, suspending, telling
from billing.dunning.steps import Step
from billing.models import Dunning, DunningAct, DunningSchedule, Invoice
from billing.payments import locking
from ledger.models import Customer
from ledger.money import ZERO, subtract
from ledger.sweeps import Sweep

Act = DunningAct.Act
_CHUNK: Final = 200
CAUSE: Final = "dunning"


@dataclass(slots=True)
class Dunned(Sweep):
    """What a pass did, by documents' ids; failures do not keep others waiting."""

    started: list[int] = field(default_factory=list)
    acted: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


def dun(*, at: datetime, book_id: int | None = None) -> Dunned:
    """
    Begin with what has become overdue, do the steps that are due, end what is settled.

    By each payer's own time: its test clock's, or ``at``.
    """
    dunned = Dunned()
    turns: tuple[tuple[str, list[int], Callable[[int, datetime], bool]], ...] = (
        (_SETTLED, dunned.ended, _end),
        (_OVERDUE, dunned.started, _begin),
        (_DUE, dunned.acted, _act),
    )
    for query, made, run in turns:
        for number, now in _all(query, at, book_id):
            with dunned.each(number), transaction.atomic():
                if run(number, now):
                    made.append(number)
    dunned.done = len(dunned.started) + len(dunned.acted) + len(dunned.ended)
    return dunned


def _all(query: str, at: datetime, book_id: int | None) -> Iterator[tuple[int, datetime]]:
    """Return documents, by id in chunks, and their payers' time."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, {"at": at, "book": book_id, "after": after, "limit": _CHUNK})
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1][0]


def lock(invoice_id: int) -> tuple[Customer, Invoice, Dunning | None]:
    """Lock a document's payer and the document, and return how it stands."""
    payer = locking.payer(Invoice.objects.values_list("payer_id", flat=True).get(pk=invoice_id))
    locking.documents([invoice_id])
    invoice = Invoice.objects.select_related("asset", "book").get(pk=invoice_id)
    found = Dunning.objects.select_related("schedule").filter(pk=invoice_id).first()
    return payer, invoice, found


def _begin(number: int, at: datetime) -> bool:
    payer, invoice, known = lock(number)
    schedule = _schedule_of(payer)
    if known is not None or schedule is None or not _is_owed(invoice):
        return False
    if invoice.open < schedules.least(schedule, invoice.asset.code):
        return False
    assert invoice.due_date is not None, "it is overdue"
    first = steps.following(
        schedules.steps_of(schedule), 0, due_date=invoice.due_date, zone=_zone(invoice), at=at
    )
    Dunning.objects.create(invoice=invoice, schedule=schedule, next_at=first, started_at=at)
    return True


def _act(number: int, at: datetime) -> bool:
    payer, invoice, dunning = lock(number)
    if dunning is None or dunning.stopped_at is not None or not _is_owed(invoice):
        return False
    if dunning.next_at is None or dunning.next_at > at:
        return False
    if dunning.promised_until is not None and dunning.promised_until <= at:
        _break_promise(dunning, invoice, at)
    plan = schedules.steps_of(dunning.schedule)
    step = plan[dunning.position]
    act = DunningAct.objects.create(
        dunning=dunning, position=dunning.position, act=step.act, at=at, cause=CAUSE,
        facts={"text": step.text, "open": str(invoice.open)},
    )  # fmt: skip
    _do(step, act, dunning, invoice, payer, at)
    dunning.position += 1
    assert invoice.due_date is not None, "it is overdue"
    dunning.next_at = steps.following(
        plan, dunning.position, due_date=invoice.due_date, zone=_zone(invoice), at=at
    )
    dunning.save()
    return True


def _do(
    step: Step, act: DunningAct, dunning: Dunning, invoice: Invoice, payer: Customer, at: datetime
) -> None:
    if step.act == Act.SUSPEND and not suspending.suspend(dunning, payer):
        return  # somebody else did, who will lift it
    telling.tell(act, invoice, payer, at=at, step=step)


def _break_promise(dunning: Dunning, invoice: Invoice, at: datetime) -> None:
    """Write down that a promise was not kept; one that was is forgotten all the same."""
    promised = dunning.promised_amount or ZERO
    said = DunningAct.objects.filter(dunning=dunning, act=Act.PROMISE).order_by("-pk").first()
    was_open = said.facts["open"] if said else invoice.open
    paid = subtract(Decimal(was_open), invoice.open)
    if paid < promised:
        DunningAct.objects.create(
            dunning=dunning, act=Act.BROKEN, at=at, cause=CAUSE,
            facts={"promised": str(promised), "paid": str(paid)},
        )  # fmt: skip
    dunning.promised_until = dunning.promised_amount = None


def _end(number: int, at: datetime) -> bool:
    payer, invoice, dunning = lock(number)
    if dunning is None or dunning.stopped_at is not None or _is_owed(invoice):
        return False
    stop(dunning, invoice, payer, because=invoice.state, by=CAUSE, at=at)
    return True


def stop(
    dunning: Dunning, invoice: Invoice, payer: Customer, *, because: str, by: str, at: datetime
) -> None:
    """End a document's dunning for good, and lift what it suspended; all is locked."""
    dunning.next_at, dunning.stopped_at, dunning.stopped_because = None, at, because
    DunningAct.objects.create(
        dunning=dunning, act=Act.STOP, at=at, cause=by, facts={"because": because}
    )
    suspending.lift(dunning, invoice, payer, by=by, at=at)
    dunning.save()


def _schedule_of(payer: Customer) -> DunningSchedule | None:
    profiles = collection.profiles_of(book=payer.book, customer_ids=[payer.pk])
    named = profiles[payer.pk].dunning_schedule
    current = DunningSchedule.objects.filter(book=payer.book, effective_to=None)
    return current.filter(key=named).first() if named else current.filter(is_default=True).first()


def _is_owed(invoice: Invoice) -> bool:
    is_document = invoice.kind != Invoice.Kind.CREDIT_NOTE and bool(invoice.number)
    return is_document and invoice.open > ZERO and invoice.state != Invoice.State.VOID


def _zone(invoice: Invoice) -> ZoneInfo:
    return ZoneInfo(invoice.book.time_zone)


_FROM: Final = """
    FROM billing_invoice i JOIN ledger_customer c ON c.id = i.payer_id
    JOIN ledger_book b ON b.id = i.book_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    LEFT JOIN billing_dunning d ON d.invoice_id = i.id
    WHERE i.id > %(after)s AND (%(book)s::bigint IS NULL OR i.book_id = %(book)s)
"""
_SELECT: Final = "SELECT i.id, coalesce(k.now_at, %(at)s)" + _FROM
_OVERDUE: Final = (
    _SELECT
    + """
      AND d.invoice_id IS NULL AND i.open > 0 AND i.number <> '' AND i.kind <> 'credit_note'
      AND i.state <> 'void'
      AND i.due_date < (coalesce(k.now_at, %(at)s) AT TIME ZONE b.time_zone)::date
      AND EXISTS (SELECT FROM billing_dunningschedule s
                  WHERE s.book_id = i.book_id AND s.effective_to IS NULL)
    ORDER BY i.id LIMIT %(limit)s
"""
)
_DUE: Final = (
    _SELECT
    + """
      AND d.stopped_at IS NULL AND d.next_at <= coalesce(k.now_at, %(at)s)
    ORDER BY i.id LIMIT %(limit)s
"""
)
_SETTLED: Final = (
    _SELECT
    + """
      AND d.invoice_id IS NOT NULL AND d.stopped_at IS NULL AND (i.open = 0 OR i.state = 'void')
    ORDER BY i.id LIMIT %(limit)s
"""
)
