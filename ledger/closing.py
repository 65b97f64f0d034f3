"""
Closing a book's accounting periods: open → closing → closed.

A closing period takes adjustments only; a closed one takes nothing. What happened in it and is
learned later is booked in the first open period after it, and keeps its own ``effective_at``.
Closing waits for the transactions that are being posted into the period: when it
returns, whatever raced with it is either in, or in the next one.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from ledger import outbox
from ledger.errors import PeriodStateError
from ledger.models import Period

State = Period.State


def begin(*, period: Period, at: datetime) -> Period:
    """
    Let a period take adjustments only; a period that is closing already stays so.

    Raises:
        PeriodStateError: it is closed, has not ended at ``at``, or one before it is not closed.
    """
    with transaction.atomic():
        period = _locked(period)
        if period.state == State.CLOSING:
            return period
        if period.state == State.CLOSED:
            raise _refused(period, "it is closed: reopen it first")
        _check_in_turn(period, at)
        return _move(period, State.CLOSING, at)


def close(*, period: Period, at: datetime) -> Period:
    """
    Close a period for good; one that is closed already stays so.

    Raises:
        PeriodStateError: it has not ended at ``at``, or one before it is not closed.
    """
    with transaction.atomic():
        period = _locked(period)
        if period.state == State.CLOSED:
            return period
        _check_in_turn(period, at)
        return _move(period, State.CLOSED, at)


def reopen(*, period: Period, at: datetime) -> Period:
    """
    Open a period again, the last one that was closed; one that is open stays so.

    Raises:
        PeriodStateError: a later one is closing or closed.
    """
    with transaction.atomic():
        period = _locked(period)
        if period.state == State.OPEN:
            return period
        later = Period.objects.filter(book=period.book_id, starts_at__gte=period.ends_at)
        if later.exclude(state=State.OPEN).exists():
            raise _refused(period, "a later one is closed: reopen that first")
        return _move(period, State.OPEN, at)


def _locked(period: Period) -> Period:
    with connection.cursor() as cursor:
        # Posting holds this lock shared until it commits (ledger_guard_period).
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger_period'), %s)", [period.pk])
    return Period.objects.select_for_update(no_key=True).get(pk=period.pk)


def _check_in_turn(period: Period, at: datetime) -> None:
    if at < period.ends_at:
        raise _refused(period, f"it ends only at {period.ends_at:%Y-%m-%d %H:%M %Z}")
    earlier = Period.objects.filter(book=period.book_id, ends_at__lte=period.starts_at)
    if first := earlier.exclude(state=State.CLOSED).order_by("starts_at").first():
        raise _refused(period, f"{first} comes before it: close that first")


def _move(period: Period, state: Period.State, at: datetime) -> Period:
    period.state = state
    period.closed_at = at if state == State.CLOSED else None
    period.save(update_fields=["state", "closed_at"])
    outbox.publish(
        topic="period.reopened" if state == State.OPEN else f"period.{state}",
        key=f"{period.pk}:{at.isoformat()}",
        payload={
            "period": period.pk,
            "book": period.book_id,
            "starts_at": period.starts_at.isoformat(),
            "ends_at": period.ends_at.isoformat(),
            "state": state.value,
        },
        at=at,
    )
    return period


def _refused(period: Period, reason: str) -> PeriodStateError:
    return PeriodStateError(period=str(period), reason=reason)
