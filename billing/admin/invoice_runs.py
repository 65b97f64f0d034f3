"""Runs of invoices, how far they are and what failed; and the series of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.invoicing import numbering, running
from billing.models import Run, RunPart, Series
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, badge, instant, link
from ledger.admin.fields import BookField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from ledger.models import Customer

_TONES: Final = {"running": "warn", "paused": "", "done": "good", "failed": "bad"}
_FAILURES: Final = 50


class RunForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=200, help_text="Your own name of the run, once.")
    until = InstantField(
        label="What is due up to (UTC)", required=False, help_text="Now unless given."
    )
    issues = forms.BooleanField(label="Issue what needs no person", required=False, initial=True)


class PatternForm(OperationForm):
    pattern = forms.CharField(max_length=100, help_text="As INV-{year}-{sequence:06}.")

    def prepare(self) -> None:
        self.fields["pattern"].initial = self.row.pattern if self.row else ""


class SeriesForm(PatternForm):
    book = BookField()
    key = forms.CharField(max_length=40, help_text="INV, CN and DN are the usual ones.")


def _start(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    at = now()
    given["until"] = given["until"] or at
    run = running.start(**given, at=at, by=cause_of(request))
    return Done(message=f"Began {run.key}: {running.progress(run).payers:,} payers.", row=run)


def _pause(request: HttpRequest, row: Run, given: dict[str, Any]) -> Done:
    run = running.pause(run=row)
    return Done(message=f"{run.key} is {run.state}.", row=run)


def _resume(request: HttpRequest, row: Run, given: dict[str, Any]) -> Done:
    run = running.resume(run=row)
    return Done(message=f"{run.key} is {run.state}.", row=run)


PAUSE: Final = Operation(
    name="pause",
    label="Pause",
    explanation="Workers stop after the parts that they are at.",
    permission="billing.approve_invoice",
    run=_pause,
    applies=lambda row: row.state == Run.State.RUNNING,
)
RESUME: Final = Operation(
    name="resume",
    label="Go on",
    explanation="A paused run goes on; what failed is tried again.",
    permission="billing.approve_invoice",
    run=_resume,
    applies=lambda row: row.state in {Run.State.PAUSED, Run.State.FAILED},
)


@admin.register(Run)
class RunAdmin(Listing):
    adding = Operation(
        name="add",
        label="Begin a run",
        explanation="Drafts what is due for everybody and issues what nobody has to approve, in "
        "parts, by the workers. It can be paused, and goes on after any crash.",
        permission="billing.approve_invoice",
        form=RunForm,
        run=_start,
    )
    operations = (PAUSE, RESUME)
    fields = (
        ("key", "state_shown", "bar"),
        ("until_shown", "issues", "cause"),
        ("started", "finished"),
    )
    readonly_fields = (
        "key", "state_shown", "bar", "until_shown", "issues", "cause", "started", "finished",
    )  # fmt: skip
    list_display = ("key", "state_shown", "bar", "until_shown", "issues", "started", "finished")
    list_filter = (BookFilter, "state")
    list_select_related = ("book",)
    search_fields = ("key__istartswith",)

    def panels(self, request: HttpRequest, obj: Run) -> dict[str, Any]:
        found = running.progress(obj)
        figures = (
            "payers", "payers_done", "payers_failed", "drafted", "issued", "lines",
        )  # fmt: skip
        rows = [(name.replace("_", " "), f"{getattr(found, name):,}") for name in figures]
        return {
            "tables": [
                Table(title="How far it is", columns=("What", number("How many")), rows=rows),
                _failures(obj),
            ]
        }

    @admin.display(description="state")
    def state_shown(self, row: Run) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state])

    @admin.display(description="done")
    def bar(self, row: Run) -> SafeString:
        found = running.progress(row)
        return format_html(
            '<progress max="{}" value="{}"></progress> {} of {}',
            max(1, found.payers),
            found.payers_done,
            f"{found.payers_done:,}",
            f"{found.payers:,}",
        )

    @admin.display(description="due up to")
    def until_shown(self, row: Run) -> SafeString:
        return instant(row.until)

    @admin.display(description="started")
    def started(self, row: Run) -> SafeString:
        return instant(row.started_at)

    @admin.display(description="finished")
    def finished(self, row: Run) -> SafeString:
        return instant(row.finished_at)


def _failures(run: Run) -> Table:
    failed = RunPart.objects.filter(run=run, state=RunPart.State.FAILED).order_by("pk")
    parts: Sequence[RunPart] = list(failed[:_FAILURES])
    payers = Customer.objects.in_bulk({number for part in parts for number in part.payer_ids})
    rows = [
        (link(payers.get(part.payer_ids[0])), part.failure, instant(part.finished_at))
        for part in parts
    ]
    return Table(title="Failed", columns=("Payer", "Why", "When"), rows=rows, empty="Nothing.")


def _name(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    made = numbering.name(**given, on=now().date())
    return Done(message=f"{made} is written {made.pattern}.", row=made)


def _rename(request: HttpRequest, row: Series, given: dict[str, Any]) -> Done:
    made = numbering.rename(series=row, pattern=given["pattern"])
    return Done(message=f"{made} is written {made.pattern}.", row=made)


@admin.register(Series)
class SeriesAdmin(Listing):
    adding = Operation(
        name="add",
        label="Name a series",
        explanation="How numbers of a series are written, before its first document is issued.",
        permission="billing.add_series",
        form=SeriesForm,
        run=_name,
    )
    operations = (
        Operation(
            name="pattern",
            label="Write numbers otherwise",
            explanation="From the next document on; what is issued keeps its number.",
            permission="billing.change_series",
            form=PatternForm,
            run=_rename,
        ),
    )
    fields = (("book", "key", "year_shown"), ("pattern", "next"))
    readonly_fields = ("book", "key", "year_shown", "pattern", "next")
    list_display = ("key", "year_shown", "book", "pattern", "next")
    list_filter = (BookFilter,)
    list_select_related = ("book",)

    @admin.display(description="year")
    def year_shown(self, row: Series) -> Any:
        return row.year or NOTHING
