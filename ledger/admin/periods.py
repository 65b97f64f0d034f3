"""Accounting periods of each book: closed in their order, by whoever knows when that may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import closing
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant, period_name
from ledger.admin.operations import Done, Operation
from ledger.models import Period

_TONES: Final = {"open": "good", "closing": "warn", "closed": ""}


def _begin(request: HttpRequest, row: Period, given: dict[str, Any]) -> Done:
    return _done(closing.begin(period=row, at=now()))


def _done(period: Period) -> Done:
    return Done(message=f"{period_name(period)}.", row=period)


BEGIN: Final = Operation(
    name="begin",
    label="Begin to close",
    explanation="From now on it takes adjustments only; other late facts are booked after it.",
    permission="ledger.close_period",
    run=_begin,
    applies=lambda row: row.state == Period.State.OPEN,
)
# What a package above shows on the page of a period.
_PANELS: Final[list[Callable[[Period], Mapping[str, Any]]]] = []


@admin.register(Period)
class PeriodAdmin(Listing):
    fields = ("book", "starts", "ends", "shown_state", "closed")
    readonly_fields = fields
    keyset = ("-starts_at", "-pk")
    list_display = ("starts", "ends", "book", "shown_state", "closed")
    list_filter = (BookFilter, "state")
    list_select_related = ("book",)
    operations: Sequence[Operation] = (BEGIN,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return Period.objects.select_related("book")

    def panels(self, request: HttpRequest, obj: Period) -> dict[str, Any]:
        page = f"{reverse('admin:ledger_trial_balance')}?book={obj.book_id}&period={obj.pk}"
        shown: dict[str, Any] = {"links": [(page, "Trial balance")]}
        for panel in _PANELS:
            shown |= panel(obj)
        return shown

    @admin.display(description="from")
    def starts(self, row: Period) -> SafeString:
        return instant(row.starts_at, ZoneInfo(row.book.time_zone))

    @admin.display(description="until")
    def ends(self, row: Period) -> SafeString:
        return instant(row.ends_at, ZoneInfo(row.book.time_zone))

    @admin.display(description="state")
    def shown_state(self, row: Period) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state])

    @admin.display(description="closed")
    def closed(self, row: Period) -> SafeString:
        return instant(row.closed_at)


def extend(
    *, operations: Sequence[Operation], panel: Callable[[Period], Mapping[str, Any]]
) -> None:
    """Let a package above say how periods are closed, and what it shows of that."""
    PeriodAdmin.operations = (*PeriodAdmin.operations, *operations)
    _PANELS.append(panel)
