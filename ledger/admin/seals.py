"""The chain of seals, and what verification found last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import sealing
from ledger.admin import dashboard, pages
from ledger.admin.base import Listing
from ledger.admin.dashboard import Figure
from ledger.admin.display import badge, digest, instant, link
from ledger.admin.tables import Table
from ledger.models import JobRun, Seal

VERIFY_JOB: Final = "verify"  # as jobs that verify begin
_RUNS: Final = 10


@admin.register(Seal)
class SealAdmin(Listing):
    fields = ("seq", "transactions", "entries", "sealed", "hash_hex", "previous_hex", "last_one")
    readonly_fields = fields
    list_display = ("seq", "transactions", "entries", "sealed", "hash_hex")

    @admin.display(description="sealed")
    def sealed(self, row: Seal) -> SafeString:
        return instant(row.sealed_at)

    @admin.display(description="hash")
    def hash_hex(self, row: Seal) -> SafeString:
        return digest(row.hash)

    @admin.display(description="previous")
    def previous_hex(self, row: Seal) -> SafeString:
        return digest(row.previous)

    @admin.display(description="last transaction")
    def last_one(self, row: Seal) -> SafeString:
        address = reverse("admin:ledger_transaction_change", args=[row.last_transaction_id])
        return format_html('<a href="{}">{}</a>', address, row.last_transaction_id)


def _lag_figure() -> Figure:
    lag = sealing.lag(now())
    is_late = lag > timedelta(seconds=settings.READY_SEAL_SECONDS)
    value = "none waiting" if not lag else f"{lag - timedelta(microseconds=lag.microseconds)}"
    return Figure(
        label="Waiting for a seal since",
        value=value,
        tone="bad" if is_late else "good",
        url=reverse("admin:ledger_verification"),
    )


def _figures() -> Iterator[Figure]:
    yield _lag_figure()


def view(request: HttpRequest) -> HttpResponse:
    last = Seal.objects.first()
    runs = list(JobRun.objects.filter(job__startswith=VERIFY_JOB)[:_RUNS])
    figures = [
        _lag_figure(),
        Figure(label="Last seal", value=link(last) if last else "none yet"),
        Figure(label="Sealed at", value=instant(last.sealed_at) if last else "–"),
        Figure(label="Last verification", value=_result(runs[0]) if runs else "never by a job"),
    ]
    found = sealing.head()
    head = Table(
        title="Head of the chain",
        hint="Keep it where the database's owner cannot write: with it, verification also finds "
        "a journal whose tail was cut off.",
        columns=("Head",),
        rows=[(format_html('<code class="mb-digest">{}</code>', str(found)),)] if found else [],
        empty="Nothing has been sealed yet.",
    )
    how = Table(
        title="Verify now",
        hint="Recomputes every digest, seal, balance and bucket, and names the first disagreement.",
        columns=("Command", "What it does"),
        rows=[
            (_command("manage.py verify_ledger"), "exits with 0 if everything agrees"),
            (
                _command("manage.py verify_ledger --head SEQ:HASH"),
                "also against a head kept elsewhere",
            ),
        ],
    )
    history = Table(
        title="Verifications by job",
        columns=("Job", "Result", "Started", "Finished", "What was found"),
        rows=[
            (
                link(run, run.job),
                _result(run),
                instant(run.started_at),
                instant(run.finished_at),
                run.error,
            )
            for run in runs
        ],
        empty="No job has verified the ledger yet.",
    )
    return pages.report(request, PAGE, {"figures": figures, "tables": [head, how, history]})


def _result(run: JobRun) -> SafeString:
    if run.state == JobRun.State.DONE:
        return badge("everything agrees", "good")
    return badge("failed", "bad") if run.state == JobRun.State.FAILED else badge("running", "warn")


def _command(text: str) -> SafeString:
    return format_html("<code>{}</code>", text)


PAGE: Final = pages.register(
    pages.Page(
        app_label="ledger",
        name="verification",
        title="Verification",
        permission="ledger.view_seal",
        view=view,
    )
)
dashboard.register(permission="ledger.view_seal", figures=_figures)
