"""Closing a period past its checklist, answering for what blocks, and opening it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction

from billing.closing import checklist
from billing.closing.findings import BLOCKS, WAIVED, Finding
from billing.models import Closing, ClosingCheck, Reopening
from ledger import closing as periods
from ledger import inputs
from ledger.errors import ConflictError, InvalidInputError
from ledger.models import Period


class ClosingBlockedError(ConflictError):
    """Something keeps the period from being closed; put it right, or answer for it."""

    code = "closing_blocked"

    def __init__(self, *, period: str, blocking: Sequence[Finding]) -> None:
        lines = {one.key: "; ".join(one.found) for one in blocking}
        super().__init__(period=period, **lines)
        self.blocking = blocking

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.facts["period"], list(self.blocking))


def _again(period: str, blocking: Sequence[Finding]) -> ClosingBlockedError:
    return ClosingBlockedError(period=period, blocking=blocking)


def close(
    *,
    period: Period,
    by: str,
    at: datetime,
    told: Callable[[str], None] = lambda _: None,
) -> Closing:
    """
    Close a period if nothing of its checklist blocks; one that is closed already stays so.

    The checks run twice: before, and once the period takes nothing but adjustments, so that
    what was posted meanwhile is looked at, too. If that blocks, the period is open again. A crash
    leaves it closing; the same call goes on.

    Raises:
        ClosingBlockedError: see its findings.
        PeriodStateError: it has not ended at ``at``, or one before it is not closed.
    """
    if period.state == Period.State.CLOSED:
        return checklist.started(period, by=by, at=at)
    _refuse(period, checklist.check(period=period, at=at, by=by, told=told))
    period = periods.begin(period=period, at=at)
    again = checklist.check(period=period, at=at, by=by, leaving_out=checklist.SLOW)
    try:
        _refuse(period, again)
    except ClosingBlockedError:
        periods.reopen(period=period, at=at)
        raise
    with transaction.atomic():
        periods.close(period=period, at=at)
        row = checklist.started(period, by=by, at=at)
        row.closed_at, row.closed_by = at, by
        row.save(update_fields=["closed_at", "closed_by"])
        return row


def waive(*, period: Period, check: str, by: str, reason: str, at: datetime) -> ClosingCheck:
    """
    Answer for what a check found when it was run last: it blocks no more, as long as that stays.

    Raises:
        InvalidInputError: no such check, one that blocks nothing, or no reason.
    """
    key = inputs.choice("check", check, checklist.CHECKS)
    found = next((one for one in checklist.latest(period) if one.key == key), None)
    if found is None or found.state != BLOCKS:
        remedy = "run the checks first; only what blocks is answered for"
        raise InvalidInputError(field="check", value=check, remedy=remedy)
    return ClosingCheck.objects.create(
        closing_id=period.pk,
        key=key,
        state=WAIVED,
        found=found.found,
        checked_at=at,
        waived_by=inputs.name("by", by),
        reason=inputs.name("reason", reason, longest=1000),
    )


def reopen(*, period: Period, by: str, reason: str, at: datetime) -> Reopening:
    """
    Open the period again that was closed last, and leave a trace of it.

    Raises:
        InvalidInputError: no reason.
        PeriodStateError: it is open, or a later one is closing or closed.
    """
    why = inputs.name("reason", reason, longest=1000)
    with transaction.atomic():
        if period.state == Period.State.OPEN:
            remedy = "name a period that is closed, or closing"
            raise InvalidInputError(field="period", value=str(period), remedy=remedy)
        periods.reopen(period=period, at=at)
        Closing.objects.filter(period=period).update(closed_at=None, closed_by="")
        return Reopening.objects.create(
            period=period, reopened_at=at, reopened_by=inputs.name("by", by), reason=why
        )


def _refuse(period: Period, findings: Sequence[Finding]) -> None:
    if blocking := [one for one in findings if one.blocks]:
        raise ClosingBlockedError(period=str(period), blocking=blocking)
