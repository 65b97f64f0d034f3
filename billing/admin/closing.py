"""The end of a period: its checklist, what blocks and what to do, closing and reopening."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from billing import approving, closing
from billing.closing import standing
from billing.closing.checklist import CHECKS
from billing.models import ClosingCheck
from ledger.admin import periods
from ledger.admin.base import cause_of
from ledger.admin.display import NOTHING, badge, instant, period_name
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.models import Period
from wallets.admin import changes

_TONES: Final = {"ok": "good", "listed": "", "blocks": "bad", "waived": "warn"}


class WaiverForm(OperationForm):
    check_key = forms.ChoiceField(label="Check")
    reason = ReasonField()

    def prepare(self) -> None:
        blocking = [
            one for one in standing.of(self.row).checks if one.state == ClosingCheck.State.BLOCKS
        ]
        field = self.fields["check_key"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.key, f"{one.key}: {'; '.join(one.found)}"[:200]) for one in blocking]


class ReopeningForm(OperationForm):
    reason = ReasonField()


def _check(request: HttpRequest, row: Period, given: dict[str, Any]) -> Done:
    findings = closing.check(period=row, at=now(), by=cause_of(request))
    blocking = [one.title for one in findings if one.blocks]
    said = f"Blocked: {'; '.join(blocking)}." if blocking else "Nothing blocks."
    return Done(message=said, row=row)


def _close(request: HttpRequest, row: Period, given: dict[str, Any]) -> Done:
    closing.close(period=row, by=cause_of(request), at=now())
    row.refresh_from_db()
    return Done(message=f"{period_name(row)}.", row=row)


def _waive(request: HttpRequest, row: Period, given: dict[str, Any]) -> Done:
    made = closing.waive(
        period=row,
        check=given["check_key"],
        by=cause_of(request),
        reason=given["reason"],
        at=now(),
    )
    return Done(message=f"You answer for {made.key}.", row=row)


def _reopen(request: HttpRequest, row: Period, given: dict[str, Any]) -> Done:
    by: Any = request.user  # signed in: the admin lets nobody else here
    approval = approving.ask_to_reopen(period=row, by=by, reason=given["reason"], at=now())
    if approval is not None:
        return changes.waits(request, approval)
    closing.reopen(period=row, by=cause_of(request), reason=given["reason"], at=now())
    row.refresh_from_db()
    return Done(message=f"{period_name(row)}.", row=row)


CHECK: Final = Operation(
    name="check",
    label="Run the checklist",
    explanation="Looks whether the period may be closed, and keeps what it finds. Nothing else "
    "is changed; verifying a large ledger takes a while.",
    permission="ledger.close_period",
    run=_check,
    applies=lambda row: row.state != Period.State.CLOSED,
)
CLOSE: Final = Operation(
    name="close",
    label="Close",
    explanation="Runs the checklist and closes if nothing blocks. Nothing is booked in the period "
    "any more; late facts are booked in the next open one.",
    permission="ledger.close_period",
    run=_close,
    applies=lambda row: row.state != Period.State.CLOSED,
    is_grave=True,
)
WAIVE: Final = Operation(
    name="waive",
    label="Answer for a check",
    explanation="What the check found blocks no more, as long as it finds the same. Your name and "
    "reason stay.",
    permission="billing.waive_closingcheck",
    form=WaiverForm,
    run=_waive,
    applies=lambda row: (
        row.state != Period.State.CLOSED
        and any(one.state == ClosingCheck.State.BLOCKS for one in standing.of(row).checks)
    ),
)
REOPEN: Final = Operation(
    name="reopen",
    label="Reopen",
    explanation="Lets it take postings again; only the last closed period can be reopened. Your "
    "name and reason stay. If much was booked in it, a second person must approve it.",
    permission="billing.reopen_period",
    form=ReopeningForm,
    run=_reopen,
    applies=lambda row: row.state != Period.State.OPEN,
    is_grave=True,
)


def panel(period: Period) -> Mapping[str, Any]:
    """Show what the checks found last, and each reopening."""
    found = standing.of(period)
    checks = Table(
        title="Checklist",
        columns=("Check", "State", "Found", "Answered for", "Looked at"),
        rows=[
            (
                (CHECKS[one.key].__doc__ or one.key).strip().rstrip("."),
                badge(one.get_state_display(), _TONES[one.state]),
                _lines(one.found),
                f"{one.reason} ({one.waived_by})" if one.reason else NOTHING,
                instant(one.checked_at),
            )
            for one in found.checks
        ],
        empty="Nobody has run it yet.",
    )
    reopened = Table(
        title="Reopened",
        columns=("When", "By", "Why"),
        rows=[(instant(one.reopened_at), one.reopened_by, one.reason) for one in found.reopenings],
    )
    return {"tables": [checks, reopened] if found.reopenings else [checks]}


def _lines(lines: list[str]) -> SafeString:
    if not lines:
        return NOTHING
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))


periods.extend(operations=(CHECK, WAIVE, CLOSE, REOPEN), panel=panel)
