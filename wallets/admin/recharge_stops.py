"""The emergency stop of all automatic recharges of a book."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import badge, instant
from ledger.admin.fields import BookField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from wallets import recharge
from wallets.models import RechargeStop


class StopForm(OperationForm):
    book = BookField()
    reason = ReasonField()


def _stop(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    stop = recharge.stop_all(at=now(), cause=cause_of(request), **given)
    return Done(message=f"Nothing of {stop.book} recharges until this is ended.", row=stop)


def _end(request: HttpRequest, row: RechargeStop, given: dict[str, Any]) -> Done:
    ended = recharge.end_stop(stop=row, at=now())
    return Done(message="Rules buy again; those below their thresholds do at once.", row=ended)


END: Final = Operation(
    name="end",
    label="End the stop",
    explanation="Wallets below their thresholds are recharged at once.",
    permission="wallets.change_rechargestop",
    run=_end,
    applies=lambda row: row.ended_at is None,
)


@admin.register(RechargeStop)
class RechargeStopAdmin(Listing):
    adding = Operation(
        name="add",
        label="Stop all recharges",
        explanation="No rule of the book buys anything until the stop is ended. What has been asked"
        " for stays.",
        permission="wallets.add_rechargestop",
        form=StopForm,
        run=_stop,
        is_grave=True,
    )
    fields = ("book", "state", "reason", "cause", "started", "ended")
    readonly_fields = fields
    list_display = ("book", "state", "reason", "cause", "started", "ended")
    list_filter = (BookFilter,)
    list_select_related = ("book",)
    operations = (END,)

    @admin.display(description="state")
    def state(self, row: RechargeStop) -> SafeString:
        return badge("stopped", "bad") if row.ended_at is None else badge("ended")

    @admin.display(description="since")
    def started(self, row: RechargeStop) -> SafeString:
        return instant(row.started_at)

    @admin.display(description="ended")
    def ended(self, row: RechargeStop) -> SafeString:
        return instant(row.ended_at)
