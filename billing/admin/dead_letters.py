"""Usage that could not be taken: mended and replayed, or dismissed."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.metering import deadletters
from billing.metering.facts import REASONS, Outcome
from billing.models import DeadLetter
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.errors import DomainError, InvalidInputError

_TONES: Final = {"open": "warn", "replayed": "good", "dismissed": ""}
_SHOWN: Final = 100


class ReplayForm(OperationForm):
    raw = forms.CharField(
        label="Event", strip=False, widget=forms.Textarea(attrs={"rows": 16, "cols": 90})
    )

    def prepare(self) -> None:
        self.fields["raw"].initial = self.row.raw


def _replay(request: HttpRequest, row: DeadLetter, given: dict[str, Any]) -> Done:
    outcome = deadletters.replay(letter=row, raw=given["raw"], at=now())
    if refused := [found for found in outcome.rows if found.status in {"rejected", "conflict"}]:
        remedy = refused[0].detail or REASONS.get(refused[0].reason, refused[0].reason)
        raise InvalidInputError(field="raw", value=refused[0].reason, remedy=remedy)
    row.refresh_from_db()
    return Done(message=f"Replayed: {_said(outcome)}.", row=row)


def _said(outcome: Outcome) -> str:
    if outcome.accepted:
        return "it was taken"
    return "it waits for its subject" if outcome.unattributed else "it had been taken before"


def _dismiss(request: HttpRequest, row: DeadLetter, given: dict[str, Any]) -> Done:
    return Done(message="Dismissed.", row=deadletters.dismiss(letter=row, at=now()))


def _is_open(row: DeadLetter) -> bool:
    return row.status == DeadLetter.Status.OPEN


REPLAY: Final = Operation(
    name="replay",
    label="Mend and replay",
    explanation="Sends the event in again, as it is written here.",
    permission="billing.change_deadletter",
    form=ReplayForm,
    run=_replay,
    applies=_is_open,
)
DISMISS: Final = Operation(
    name="dismiss",
    label="Dismiss",
    explanation="Closes it without replaying; it stays on record.",
    permission="billing.change_deadletter",
    run=_dismiss,
    applies=_is_open,
    is_grave=True,
)


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason, reason.replace("_", " ")) for reason in REASONS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(DeadLetter)
class DeadLetterAdmin(Listing):
    actions = ("replay_selected", "dismiss_selected")
    fields = ("reason", "detail", "field", "state", "book", "times", "received", "resolved", "sent")
    readonly_fields = fields
    list_display = ("id", "reason", "field", "what", "state", "times", "received")
    list_filter = ("status", ReasonFilter, BookFilter)
    list_select_related = ("book",)
    operations = (REPLAY, DISMISS)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(REPLAY.permission)

    @admin.action(description="Replay as they are", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        taken = refused = 0
        for letter in queryset.filter(status=DeadLetter.Status.OPEN).order_by("pk"):
            try:
                outcome = deadletters.replay(letter=letter, raw=None, at=now())
            except DomainError:
                refused += 1
                continue
            is_taken = outcome.accepted or outcome.duplicate or outcome.unattributed
            taken, refused = taken + bool(is_taken), refused + (not is_taken)
            self.log_change(request, letter, "Replayed")
        level = messages.WARNING if refused else messages.SUCCESS
        self.message_user(request, f"Taken: {taken}. Refused again: {refused}.", level)

    @admin.action(description="Dismiss", permissions=["replay"])
    def dismiss_selected(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        dismissed = 0
        for letter in queryset.filter(status=DeadLetter.Status.OPEN).order_by("pk"):
            deadletters.dismiss(letter=letter, at=now())
            self.log_change(request, letter, "Dismissed")
            dismissed += 1
        self.message_user(request, f"Dismissed: {dismissed}.")

    @admin.display(description="detail")
    def what(self, row: DeadLetter) -> str:
        return row.detail if len(row.detail) <= _SHOWN else f"{row.detail[:_SHOWN]}…"

    @admin.display(description="state")
    def state(self, row: DeadLetter) -> SafeString:
        return badge(row.get_status_display(), _TONES[row.status])

    @admin.display(description="received")
    def received(self, row: DeadLetter) -> SafeString:
        return instant(row.received_at)

    @admin.display(description="resolved")
    def resolved(self, row: DeadLetter) -> SafeString:
        return instant(row.resolved_at)

    @admin.display(description="as sent")
    def sent(self, row: DeadLetter) -> SafeString:
        return format_html('<pre class="mb-code">{}</pre>', row.raw)
