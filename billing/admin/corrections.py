"""Every event that was taken back or replaced: when, by whom, why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.models import Correction, UsageEvent
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, instant, link, url
from ledger.models import Transaction


def event_link(event_id: int | None) -> SafeString:
    """Show a link to an event by its number."""
    if event_id is None:
        return NOTHING
    return format_html('<a href="{}">{}</a>', url(UsageEvent, "change", event_id), event_id)


def transaction_links(numbers: Sequence[int]) -> SafeString:
    """Show links to the transactions that a correction posted."""
    if not numbers:
        return NOTHING
    found = Transaction.objects.filter(pk__in=numbers).order_by("pk")
    return format_html_join(" ", "{}<br>", ((link(row),) for row in found))


@admin.register(Correction)
class CorrectionAdmin(Listing):
    fields = (
        "kind", "book", "event", "replacement", "reason", "cause", "corrected", "key", "posted",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("id", "kind", "event", "replacement", "reason", "cause", "corrected")
    list_filter = ("kind", BookFilter)

    def get_queryset(self, request: HttpRequest) -> Any:
        return Correction.objects.select_related("book")

    @admin.display(description="event")
    def event(self, row: Correction) -> SafeString:
        return event_link(row.event_id)

    @admin.display(description="replaced by")
    def replacement(self, row: Correction) -> SafeString:
        return event_link(row.replacement_id)

    @admin.display(description="corrected")
    def corrected(self, row: Correction) -> SafeString:
        return instant(row.corrected_at)

    @admin.display(description="posted")
    def posted(self, row: Correction) -> SafeString:
        return transaction_links(row.transaction_ids)
