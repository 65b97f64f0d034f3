"""What leaves the database, and what runs by the clock."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import outbox
from ledger.admin.base import Listing
from ledger.admin.display import badge, instant
from ledger.admin.operations import Done, Operation
from ledger.models import JobRun, Outbox


class OutboxStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("dead", "Given up"), ("settled", "Settled")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "waiting":
                return queryset.filter(settled_at=None, is_dead=False)
            case "dead":
                return queryset.filter(settled_at=None, is_dead=True)
            case "settled":
                return queryset.exclude(settled_at=None)
        return queryset


def _revive(request: HttpRequest, row: Outbox, given: dict[str, Any]) -> Done:
    outbox.revive(row=row, at=now())
    return Done(message=f"{row} will be tried again.", row=row)


REVIVE: Final = Operation(
    name="revive",
    label="Try again",
    explanation="Lets the row be handled again from the beginning.",
    permission="ledger.change_outbox",
    run=_revive,
    applies=lambda row: row.is_dead and row.settled_at is None,
)


@admin.register(Outbox)
class OutboxAdmin(Listing):
    fields = (
        "topic", "key", "state", "attempts", "created", "available", "settled", "payload",
        "last_error",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("topic", "key", "state", "attempts", "created", "available", "settled")
    list_filter = (OutboxStateFilter,)
    operations = (REVIVE,)
    search_fields = ("key",)
    search_help_text = "The whole key"

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.filter(key=search_term) if search_term else queryset), False

    @admin.display(description="state")
    def state(self, row: Outbox) -> SafeString:
        if row.settled_at is not None:
            return badge("settled", "good")
        return badge("given up", "bad") if row.is_dead else badge("waiting", "warn")

    @admin.display(description="created")
    def created(self, row: Outbox) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="due")
    def available(self, row: Outbox) -> SafeString:
        return instant(row.available_at)

    @admin.display(description="settled")
    def settled(self, row: Outbox) -> SafeString:
        return instant(row.settled_at)


_TONES: Final = {
    JobRun.State.DONE.value: "good",
    JobRun.State.FAILED.value: "bad",
    JobRun.State.RUNNING.value: "warn",
}


@admin.register(JobRun)
class JobRunAdmin(Listing):
    fields = ("job", "state_badge", "period", "started", "finished", "error")
    readonly_fields = fields
    list_display = ("job", "state_badge", "period", "started", "finished")
    list_filter = ("state",)
    search_fields = ("job",)
    search_help_text = "Name of the job"

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobRun]:
        return JobRun.objects.all()

    @admin.display(description="state")
    def state_badge(self, row: JobRun) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state])

    @admin.display(description="period")
    def period(self, row: JobRun) -> SafeString:
        return instant(row.period_start)

    @admin.display(description="started")
    def started(self, row: JobRun) -> SafeString:
        return instant(row.started_at)

    @admin.display(description="finished")
    def finished(self, row: JobRun) -> SafeString:
        return instant(row.finished_at)
