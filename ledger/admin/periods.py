"""Accounting periods of each book."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant
from ledger.models import Period

_TONES: Final = {"open": "good", "closing": "warn", "closed": ""}


@admin.register(Period)
class PeriodAdmin(Listing):
    fields = ("book", "starts", "ends", "shown_state", "closed")
    readonly_fields = fields
    keyset = ("-starts_at", "-pk")
    list_display = ("starts", "ends", "book", "shown_state", "closed")
    list_filter = (BookFilter, "state")
    list_select_related = ("book",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return Period.objects.select_related("book")

    def panels(self, request: HttpRequest, obj: Period) -> dict[str, Any]:
        page = f"{reverse('admin:ledger_trial_balance')}?book={obj.book_id}&period={obj.pk}"
        return {"links": [(page, "Trial balance")]}

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
