"""Usage that waits until somebody says whose it is."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.profiles import RemapForm, map_and_post
from billing.models import UnattributedEvent, UsageEvent
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant, url
from ledger.admin.operations import Done, Operation


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("posted", "Posted")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "waiting":
            return queryset.filter(posted_at=None)
        return queryset.exclude(posted_at=None) if self.value() == "posted" else queryset


def _map(request: HttpRequest, row: UnattributedEvent, given: dict[str, Any]) -> Done:
    return map_and_post(book=row.book, key=row.subject, **given)


MAP: Final = Operation(
    name="map",
    label="Map its subject",
    explanation="Says whose usage this subject's is, and posts all of it that waits.",
    permission="billing.add_subject",
    form=RemapForm,
    run=_map,
    applies=lambda row: row.posted_at is None,
)


@admin.register(UnattributedEvent)
class UnattributedEventAdmin(Listing):
    fields = (
        "id", "book", "subject", "type", "source", "external_id", "state", "occurred", "received",
        "data",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("id", "subject", "type", "source", "occurred", "received", "state")
    list_filter = (StateFilter, BookFilter)
    list_select_related = ("book",)
    operations = (MAP,)
    search_fields = ("subject",)
    search_help_text = "The whole subject"

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.filter(subject=search_term) if search_term else queryset), False

    @admin.display(description="state")
    def state(self, row: UnattributedEvent) -> SafeString:
        if row.posted_at is None:
            return badge("waiting", "warn")
        if row.event_id is None:
            return badge("posted", "good")
        address = url(UsageEvent, "change", row.event_id)
        return format_html('<a href="{}">{}</a>', address, badge("posted", "good"))

    @admin.display(description="occurred")
    def occurred(self, row: UnattributedEvent) -> SafeString:
        return instant(row.occurred_at)

    @admin.display(description="received")
    def received(self, row: UnattributedEvent) -> SafeString:
        return instant(row.received_at)
