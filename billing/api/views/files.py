"""The whole catalogue, written out and read back."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_files as s
from billing.plans.files import exchange, writing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation


class Catalogue(Resource):
    """GET /catalogue"""

    whole_book = frozenset({"GET", "HEAD"})

    @operation(
        "export-catalogue",
        summary="Get all that the book counts, sells and prices, as one document",
        tag="Catalogue",
        query=s.CatalogueQuery,
        answer={
            (200, "application/json"): s.CatalogueOut,
            (200, "application/yaml"): s.CatalogueOut,
        },
    )
    def get(self, request: Request) -> Response | HttpResponse:
        form = self.asked(s.CatalogueQuery)["format"]
        document = exchange.export(book=self.caller.book)
        if form == "json":
            return Response(document)
        text = writing.written(document, form)
        return HttpResponse(text, content_type="application/yaml; charset=utf-8")


class CatalogueImport(Resource):
    """POST /catalogue/import"""

    whole_book = frozenset({"POST"})

    @operation(
        "import-catalogue",
        summary="Make the book's catalogue as a document says",
        description="What is missing is made, what may change is changed, what is not in the"
        " document stays: all of it or nothing. A second import changes nothing.",
        tag="Catalogue",
        body=s.ImportIn,
        answer=s.ImportOut,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.ImportIn)
        sent = wanted["catalogue"]
        changes = exchange.load(
            book=self.caller.book,
            document=writing.read(sent) if isinstance(sent, str) else sent,
            at=self.now,
            is_dry_run=wanted["dry_run"],
        )
        made = {"dry_run": wanted["dry_run"], "changes": [asdict(change) for change in changes]}
        return Response(made)
