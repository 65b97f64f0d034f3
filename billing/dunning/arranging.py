"""What people agree with a payer: a pause, a promise to pay, or that nothing more is asked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from billing.dunning import schedules, steps, suspending
from billing.dunning.acting import lock, stop
from billing.models import Dunning, DunningAct, Invoice
from billing.payments.errors import PaymentStateError
from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.models import Customer
from ledger.money import ZERO, exact, text
from wallets.topups.pricing import places_of

Act = DunningAct.Act


def pause(*, invoice: Invoice, until: datetime, reason: str, by: str, at: datetime) -> Dunning:
    """
    Ask for nothing until an instant; then its steps go on, none is left out.

    Raises:
        InvalidInputError: no reason, or an instant that has passed.
        PaymentStateError: the document is not being dunned.
    """
    reason = inputs.name("reason", reason, longest=500)
    _check_ahead("until", until, at)
    with transaction.atomic():
        dunning, invoice, _ = _lock(invoice)
        dunning.paused_until = until
        dunning.next_at = max(dunning.next_at or until, until)
        dunning.save(update_fields=["paused_until", "next_at"])
        _note(dunning, Act.PAUSE, by, at, reason=reason, until=until.isoformat())
        return dunning


def resume(*, invoice: Invoice, by: str, at: datetime) -> Dunning:
    """
    Go on at once, or when the next step is due; again changes nothing.

    Raises:
        PaymentStateError: the document is not being dunned.
    """
    with transaction.atomic():
        dunning, invoice, _ = _lock(invoice)
        if dunning.paused_until is None and dunning.promised_until is None:
            return dunning
        dunning.paused_until = dunning.promised_until = dunning.promised_amount = None
        dunning.next_at = _planned(dunning, invoice)
        dunning.save()
        return dunning


def promise(
    *,
    invoice: Invoice,
    until: datetime,
    amount: Decimal | None = None,
    reason: str,
    by: str,
    at: datetime,
    lifts: bool = False,
) -> Dunning:
    """
    Record that a payer promised to pay an amount by an instant; none: all that is open.

    Nothing is asked for until then. If less came, that is written down and the steps go on.
    ``lifts`` gives access back at once.

    Raises:
        InvalidInputError: no reason, an instant that has passed, or an amount that is not open.
        PaymentStateError: the document is not being dunned.
    """
    reason = inputs.name("reason", reason, longest=500)
    _check_ahead("until", until, at)
    with transaction.atomic():
        dunning, invoice, payer = _lock(invoice)
        amount = invoice.open if amount is None else exact(amount, places_of(invoice.asset))
        if not ZERO < amount <= invoice.open:
            remedy = f"at most {text(invoice.open)} is open"
            raise InvalidInputError(field="amount", value=amount, remedy=remedy)
        dunning.promised_until, dunning.promised_amount = until, amount
        dunning.next_at = max(dunning.next_at or until, until)
        if lifts:
            suspending.lift(dunning, invoice, payer, by=by, at=at)
        dunning.save()
        _note(
            dunning, Act.PROMISE, by, at, reason=reason, until=until.isoformat(),
            amount=str(amount), open=str(invoice.open),
        )  # fmt: skip
        return dunning


def end(*, invoice: Invoice, reason: str, by: str, at: datetime) -> Dunning:
    """
    Ask for nothing more, for good, and lift what was suspended. Again changes nothing.

    Raises:
        InvalidInputError: no reason.
        PaymentStateError: the document was never dunned.
    """
    reason = inputs.name("reason", reason, longest=500)
    with transaction.atomic():
        payer, invoice, dunning = lock(invoice.pk)
        if dunning is None:
            raise PaymentStateError(invoice=invoice.number, remedy="nothing is asked for it")
        if dunning.stopped_at is None:
            stop(dunning, invoice, payer, because=reason, by=by, at=at)
        return dunning


def _lock(invoice: Invoice) -> tuple[Dunning, Invoice, Customer]:
    payer, invoice, dunning = lock(invoice.pk)
    if dunning is None or dunning.stopped_at is not None:
        raise PaymentStateError(invoice=invoice.number, remedy="nothing is asked for it")
    return dunning, invoice, payer


def _check_ahead(field: str, until: datetime, at: datetime) -> None:
    if until <= at:
        remedy = "name a time that is to come"
        raise InvalidInputError(field=field, value=until.isoformat(), remedy=remedy)


def _planned(dunning: Dunning, invoice: Invoice) -> datetime | None:
    """Return when the next step would have been due without a pause."""
    last = dunning.acts.filter(position__isnull=False).order_by("-position").first()
    assert invoice.due_date is not None, "it is overdue"
    return steps.following(
        schedules.steps_of(dunning.schedule),
        dunning.position,
        due_date=invoice.due_date,
        zone=ZoneInfo(invoice.book.time_zone),
        at=last.at if last else dunning.started_at,
    )


def _note(dunning: Dunning, act: str, by: str, at: datetime, **facts: str) -> None:
    DunningAct.objects.create(dunning=dunning, act=act, at=at, cause=by, facts=facts)
