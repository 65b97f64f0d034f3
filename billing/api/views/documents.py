"""Documents as files."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_taxes as s
from billing.api.views.invoices import InvoiceResource
from billing.invoicing.documents import storing
from ledger.api import pages
from ledger.api.fields import PageQuery, listing
from ledger.api.schema import operation

_TAG: Final = "Invoices"


class InvoiceDocuments(InvoiceResource):
    """GET /invoices/{invoice}/documents"""

    @operation(
        "list-invoice-documents",
        summary="List the files that a document was rendered to",
        tag=_TAG,
        path=["invoice"],
        query=PageQuery,
        answer=listing(s.DocumentOut),
    )
    def get(self, request: Request, invoice: str) -> Response:
        rows = self.find(invoice).documents.defer("content")
        return self.page(s.DocumentOut, *pages.page(rows, self.asked(PageQuery)))


class InvoiceDownload(InvoiceResource):
    """GET /invoices/{invoice}/download"""

    @operation(
        "download-invoice",
        summary="Get a document as PDF, e-invoice or CSV",
        description="What was issued is rendered once: the same bytes ever after, with their"
        " SHA-256 as ETag.",
        tag=_TAG,
        path=["invoice"],
        query=s.DownloadQuery,
        answer={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "application/xml"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, invoice: str) -> HttpResponse:
        made = storing.render(
            invoice=self.find(invoice), at=self.now, **self.asked(s.DownloadQuery)
        )
        response = HttpResponse(made.content, content_type=made.media)
        response["Content-Disposition"] = f'attachment; filename="{made.name}"'
        response["ETag"] = f'"{made.sha256}"'
        return response
