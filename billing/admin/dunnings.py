"""Dunning: schedules, what is asked for, and what was agreed with payers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import dunning
from billing.admin import dunning_mails
from billing.admin.forms.rows import Column, RowsField
from billing.admin.money import MoneyField, time_of
from billing.dunning import mails
from billing.dunning.steps import ACTS, PLACEHOLDERS
from billing.models import Dunning, DunningSchedule
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import BookField, InstantField, JsonField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.errors import InvalidInputError

_MAY: Final = "billing.run_dunning"


class ScheduleForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=100, help_text="The same key is a new version.")
    name = forms.CharField(max_length=200, required=False)
    steps = RowsField(
        Column(name="after_days", label="Days after the due date", is_number=True),
        Column(name="act", label=f"What is done: {', '.join(ACTS)}"),
        Column(name="subject", label="Subject of the mail"),
        Column(name="text", label="Its text"),
        add="Add a step",
        help_text="Without subject and text, the usual words are sent. Filled in: "
        + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS),
    )
    words = JsonField(
        label="In other languages",
        help_text='By step and language: {"1": {"de": {"subject": "…", "text": "…"}}}',
    )
    is_default = forms.BooleanField(
        required=False, label="For all customers whose profile of collection names none"
    )


class PauseForm(OperationForm):
    until = InstantField(label="Until (UTC)")
    reason = ReasonField()


class PromiseForm(PauseForm):
    amount = MoneyField(required=False, help_text="All that is open unless given.")
    lifts = forms.BooleanField(required=False, label="Access comes back at once")


class EndForm(OperationForm):
    reason = ReasonField()


def _define(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    words = given.pop("words")
    steps = [
        {
            "after_days": int(one["after_days"]) if one.get("after_days") else None,
            "act": str(one.get("act") or "").strip(),
            "text": one.get("text") or "",
            "subject": one.get("subject") or "",
            "words": words.pop(str(place), {}),
        }
        for place, one in enumerate(given.pop("steps"), 1)
    ]
    if words:
        remedy = f"there are {len(steps)} steps, counted from 1"
        raise InvalidInputError(field="words", value=", ".join(words), remedy=remedy)
    made = dunning.define(by=cause_of(request), at=now(), steps=steps, **given)
    return Done(message=f"{made} is in force.", row=made)


def _arrange(
    do: Callable[..., Dunning], words: str
) -> Callable[[HttpRequest, Dunning, dict[str, Any]], Done]:
    def run(request: HttpRequest, row: Dunning, given: dict[str, Any]) -> Done:
        do(invoice=row.invoice, by=cause_of(request), at=time_of(row.invoice.payer), **given)
        return Done(message=words)

    return run


def _is_open(row: Dunning) -> bool:
    return row.stopped_at is None


OPERATIONS: Final = (
    Operation(
        name="pause",
        label="Pause",
        explanation="Nothing is asked for until then; no step is left out.",
        permission=_MAY,
        form=PauseForm,
        run=_arrange(dunning.pause, "It is paused."),
        applies=_is_open,
    ),
    Operation(
        name="promise",
        label="Promise to pay",
        explanation="Nothing is asked for until then; if less comes, that is written down.",
        permission=_MAY,
        form=PromiseForm,
        run=_arrange(dunning.promise, "The promise is recorded."),
        applies=_is_open,
    ),
    Operation(
        name="resume",
        label="Resume",
        explanation="Goes on as planned, without pause or promise.",
        permission=_MAY,
        run=_arrange(dunning.resume, "It goes on."),
        applies=lambda row: _is_open(row) and (row.paused_until or row.promised_until),
    ),
    Operation(
        name="stop",
        label="Stop",
        explanation="Nothing more is asked for, for good; access that was suspended comes back.",
        permission=_MAY,
        form=EndForm,
        run=_arrange(dunning.end, "It has ended."),
        applies=_is_open,
        is_grave=True,
    ),
)


@admin.register(DunningSchedule)
class DunningScheduleAdmin(Listing):
    adding = Operation(
        name="define",
        label="Define a schedule",
        explanation="Steps after a document's due date, each done once. Documents that are being"
        " dunned stay with the version they began with.",
        permission=_MAY,
        form=ScheduleForm,
        run=_define,
    )
    fields = (("key", "version", "name", "book"), ("is_default", "since", "until"))
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("key", "version", "name", "is_default", "since", "until")
    list_filter = (BookFilter,)

    def panels(self, request: HttpRequest, obj: DunningSchedule) -> dict[str, Any]:
        rows = [
            (
                step.after_days,
                step.act,
                step.subject,
                step.text,
                ", ".join(step.words),
                dunning_mails.link(obj, place) if step.act in mails.MAILED else "",
            )
            for place, step in enumerate(dunning.steps_of(obj), 1)
        ]
        columns = (
            *("Days after the due date", "What is done", "Subject", "Text", "Other languages", ""),
        )
        return {"tables": [Table(title="Steps", columns=columns, rows=rows)]}

    @admin.display(description="from")
    def since(self, row: DunningSchedule) -> SafeString:
        return instant(row.effective_from)

    @admin.display(description="until")
    def until(self, row: DunningSchedule) -> SafeString:
        return instant(row.effective_to)


@admin.register(Dunning)
class DunningAdmin(Listing):
    fields = (
        ("document", "payer", "shown_open", "state"),
        ("schedule", "position", "next"),
        ("paused", "promised", "shown_promise"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("document", "payer", "shown_open", "due", "schedule", "state", "next")
    operations = OPERATIONS

    def get_queryset(self, request: HttpRequest) -> Any:
        return Dunning.objects.select_related("invoice__payer__clock", "invoice__asset", "schedule")

    def panels(self, request: HttpRequest, obj: Dunning) -> dict[str, Any]:
        rows = [
            (instant(act.at), act.get_act_display(), str(act.facts.get("reason", "")), act.cause)
            for act in obj.acts.all()
        ]
        columns = ("When", "What", "Why", "By")
        return {"tables": [Table(title="What was done", columns=columns, rows=rows)]}

    @admin.display(description="document")
    def document(self, row: Dunning) -> str:
        return row.invoice.number

    @admin.display(description="payer")
    def payer(self, row: Dunning) -> SafeString:
        return link(row.invoice.payer)

    @admin.display(description="open")
    def shown_open(self, row: Dunning) -> SafeString:
        return amount(row.invoice.open, row.invoice.asset)

    @admin.display(description="due")
    def due(self, row: Dunning) -> str:
        return f"{row.invoice.due_date:%Y-%m-%d}"

    @admin.display(description="state")
    def state(self, row: Dunning) -> SafeString:
        if row.stopped_at is not None:
            return badge(f"ended: {row.stopped_because}", "good")
        if row.is_suspended:
            return badge("suspended", "bad")
        if row.promised_until is not None:
            return badge("promised", "warn")
        return badge("paused" if row.paused_until else "asked for", "warn")

    @admin.display(description="next step")
    def next(self, row: Dunning) -> SafeString:
        return instant(row.next_at)

    @admin.display(description="paused until")
    def paused(self, row: Dunning) -> SafeString:
        return instant(row.paused_until)

    @admin.display(description="promised until")
    def promised(self, row: Dunning) -> SafeString:
        return instant(row.promised_until)

    @admin.display(description="promised")
    def shown_promise(self, row: Dunning) -> SafeString:
        if row.promised_amount is None:
            return NOTHING
        return amount(row.promised_amount, row.invoice.asset)
