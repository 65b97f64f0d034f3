"""Runs of invoices: begun, paused, gone on with, and how far they are."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_invoice_runs as s
from billing.invoicing import running
from billing.models import Run, RunPart
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG: Final = "Invoices"


class RunResource(Resource):
    """What the views of runs share: they are about the whole book."""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"GET", "HEAD", "POST"})

    @property
    def rows(self) -> QuerySet[Run]:
        """Return the runs of the caller's book."""
        return Run.objects.filter(book=self.caller.book).select_related("book")

    def find(self, named: str) -> Run:
        """Return a run by its id or key."""
        return lookups.by_id_or_key(self.rows, named, "run")

    def shown(self, run: Run, *, status: int = 200) -> Response:
        """Return the answer with a run, and how far it is."""
        return self.answer(s.RunDetailOut, _with_progress(run), status=status)


class InvoiceRuns(RunResource):
    """GET, POST /invoice-runs"""

    @operation(
        "list-invoice-runs",
        summary="List runs of invoices, newest first",
        tag=_TAG,
        query=PageQuery,
        answer=listing(s.RunOut),
    )
    def get(self, request: Request) -> Response:
        page = pages.page(self.rows, self.asked(PageQuery), newest_first=True)
        return self.page(s.RunOut, *page)

    @operation(
        "start-invoice-run",
        summary="Draft and issue what is due for everybody",
        description="Workers do it in parts, at once; ask for the run to see how far it is. The"
        " same key is the same run. Who lives by a test clock is seen to by it.",
        tag=_TAG,
        body=s.RunIn,
        answer=s.RunDetailOut,
        status=202,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted, at = self.body(s.RunIn), self.now
        wanted["until"] = wanted.get("until") or at
        run = running.start(book=self.caller.book, at=at, by=self.caller.name, **wanted)
        return self.shown(run, status=202)


class OneInvoiceRun(RunResource):
    """GET /invoice-runs/{run}"""

    @operation(
        "get-invoice-run",
        summary="Get a run: how far it is, and what failed",
        tag=_TAG,
        path=["run"],
        answer=s.RunDetailOut,
    )
    def get(self, request: Request, run: str) -> Response:
        return self.shown(self.find(run))


class InvoiceRunPause(RunResource):
    """POST /invoice-runs/{run}/pause"""

    @operation(
        "pause-invoice-run",
        summary="Have workers stop after the parts that they are at",
        tag=_TAG,
        path=["run"],
        answer=s.RunDetailOut,
    )
    @once()
    def post(self, request: Request, run: str) -> Response:
        return self.shown(running.pause(run=self.find(run)))


class InvoiceRunResumption(RunResource):
    """POST /invoice-runs/{run}/resume"""

    @operation(
        "resume-invoice-run",
        summary="Have a paused run go on, and try again what failed in one that is over",
        tag=_TAG,
        path=["run"],
        answer=s.RunDetailOut,
    )
    @once()
    def post(self, request: Request, run: str) -> Response:
        return self.shown(running.resume(run=self.find(run)))


def _with_progress(run: Run) -> dict[str, Any]:
    failed = RunPart.objects.filter(run=run, state=RunPart.State.FAILED).order_by("pk")
    return {
        "run": run,
        "progress": running.progress(run),
        "failures": [
            {"payer_ids": part.payer_ids, "failure": part.failure}
            for part in failed[: s.MOST_FAILURES]
        ],
    }
