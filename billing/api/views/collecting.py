"""Who owes what: ageing, statements of account, dunning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing import dunning
from billing.api import serializers_ageing as a
from billing.api import serializers_notes as n
from billing.api.views.payments import TAG, MoneyResource
from billing.dunning import schedules
from billing.models import Dunning, DunningSchedule
from billing.payments import printing
from billing.payments.ageing import ageing
from billing.payments.statements import Statement, statement
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.schema import operation

_DUNNING: Final = "Dunning"
_WHOLE: Final = frozenset({"GET", "HEAD", "POST"})


class _StatementFile(BaseRenderer):
    """Hands a statement out as it was written."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return what was written."""
        return bytes(data)


class StatementCsv(_StatementFile):
    """A statement as comma-separated values."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


class StatementPdf(_StatementFile):
    """A statement on paper."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"


class AgeingReport(MoneyResource):
    """GET /reports/ageing"""

    @operation(
        "report-ageing",
        summary="Say who owes what, by payer, currency and days overdue, as of any instant",
        tag=TAG,
        query=a.AgeingQuery,
        answer=a.AgeingOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(a.AgeingQuery)
        payer = None
        if named := asked.get("payer"):
            payer = lookups.customer(self.caller, named)
        made = ageing(book=self.caller.book, at=asked.get("at") or self.now, payer=payer)
        reach = self.caller.reach
        if reach is not None:
            made.rows = [row for row in made.rows if row.payer_id in reach]
        return self.answer(a.AgeingOut, made)


class CustomerStatement(MoneyResource):
    """GET /customers/{customer}/statement"""

    renderer_classes = [JSONRenderer, StatementCsv, StatementPdf]

    @operation(
        "get-statement",
        summary="Get a payer's statement of account: documents, payments, and what it owes",
        description="As JSON; as CSV or PDF by `format` or `Accept`. The PDF says how long what is"
        " open has been due, and how to pay.",
        tag=TAG,
        path=["customer"],
        query=a.AccountStatementQuery,
        answer={
            (200, "application/json"): a.AccountStatementOut,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, customer: str) -> Response:
        asked = self.asked(a.AccountStatementQuery)
        payer, at = self.payer(customer)
        made: Statement = statement(
            payer=payer,
            asset=lookups.asset(asked["currency"]),
            starts_at=asked["starts_at"],
            ends_at=asked["ends_at"],
        )
        kind = request.accepted_renderer.format
        if kind == JSONRenderer.format:
            return self.answer(a.AccountStatementOut, made)
        file = printing.write(made, format=kind, language=asked.get("language", ""), at=at)
        named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.content, headers=named)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Let ``format`` decide before Accept does."""
        match request.query_params.get("format"):
            case "csv":
                return StatementCsv(), StatementCsv.media_type
            case "pdf":
                return StatementPdf(), StatementPdf.media_type
            case None:
                return super().perform_content_negotiation(request, force)
        return JSONRenderer(), JSONRenderer.media_type


class DunningSchedules(MoneyResource):
    """GET, POST /dunning-schedules"""

    whole_book = _WHOLE

    @operation(
        "list-dunning-schedules",
        summary="List schedules of dunning, newest first",
        tag=_DUNNING,
        query=n.DunningScheduleQuery,
        answer=listing(n.DunningScheduleOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(n.DunningScheduleQuery)
        rows = DunningSchedule.objects.filter(book=self.caller.book)
        if key := asked.get("key"):
            rows = rows.filter(key=key)
        if asked["is_current"] is not None:
            rows = rows.filter(effective_to__isnull=asked["is_current"])
        return self.page(n.DunningScheduleOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "define-dunning-schedule",
        summary="Define a schedule, or a new version of it; the same again changes nothing",
        tag=_DUNNING,
        body=n.DunningScheduleIn,
        answer=n.DunningScheduleOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(n.DunningScheduleIn)
        made = dunning.define(book=self.caller.book, by=self.caller.name, at=self.now, **wanted)
        return self.answer(n.DunningScheduleOut, made, status=201)


class DunningScheduleEnd(MoneyResource):
    """POST /dunning-schedules/{dunning_schedule}/end"""

    @operation(
        "end-dunning-schedule",
        summary="End a schedule: no document begins with it any more",
        tag=_DUNNING,
        path=["dunning_schedule"],
        answer=n.DunningScheduleOut,
    )
    @once()
    def post(self, request: Request, dunning_schedule: str) -> Response:
        rows = DunningSchedule.objects.filter(book=self.caller.book)
        found = lookups.by_id(rows, dunning_schedule, "dunning_schedule")
        return self.answer(n.DunningScheduleOut, schedules.end(schedule=found, at=self.now))


class DunningResource(MoneyResource):
    """What the views of dunning share."""

    whole_book = _WHOLE

    @property
    def dunnings(self) -> QuerySet[Dunning]:
        """Return what is, or was, asked for."""
        rows = Dunning.objects.filter(invoice__book=self.caller.book)
        rows = rows.select_related("schedule", "invoice__payer", "invoice__asset")
        return rows.prefetch_related("acts")

    def arrange(self, named: str, do: Callable[..., Dunning], **terms: Any) -> Response:
        """Agree something about a document, and answer with how it stands."""
        found = self.find(named)
        do(invoice=found, by=self.caller.name, at=self.time_of(found), **terms)
        return self.answer(n.DunningOut, self.dunnings.get(pk=found.pk))


class Dunnings(DunningResource):
    """GET /dunning"""

    @operation(
        "list-dunning",
        summary="List overdue documents that are asked for, newest first",
        tag=_DUNNING,
        query=n.DunningQuery,
        answer=listing(n.DunningOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(n.DunningQuery), self.dunnings
        if asked["is_open"] is not None:
            rows = rows.filter(stopped_at__isnull=asked["is_open"])
        return self.page(n.DunningOut, *pages.page(rows, asked, newest_first=True))


class DunningPause(DunningResource):
    """POST /invoices/{invoice}/dunning/pause"""

    @operation(
        "pause-dunning",
        summary="Ask for nothing until an instant",
        tag=_DUNNING,
        path=["invoice"],
        body=n.PauseIn,
        answer=n.DunningOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.arrange(invoice, dunning.pause, **self.body(n.PauseIn))


class DunningResume(DunningResource):
    """POST /invoices/{invoice}/dunning/resume"""

    @operation(
        "resume-dunning",
        summary="Go on as planned",
        tag=_DUNNING,
        path=["invoice"],
        answer=n.DunningOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.arrange(invoice, dunning.resume)


class DunningPromise(DunningResource):
    """POST /invoices/{invoice}/dunning/promise"""

    @operation(
        "promise-payment",
        summary="Record that a payer promised to pay; nothing is asked for until then",
        tag=_DUNNING,
        path=["invoice"],
        body=n.PromiseIn,
        answer=n.DunningOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.arrange(invoice, dunning.promise, **self.body(n.PromiseIn))


class DunningEnd(DunningResource):
    """POST /invoices/{invoice}/dunning/stop"""

    @operation(
        "stop-dunning",
        summary="Ask for nothing more, for good, and lift what was suspended",
        tag=_DUNNING,
        path=["invoice"],
        body=n.DunningEndIn,
        answer=n.DunningOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.arrange(invoice, dunning.end, **self.body(n.DunningEndIn))
