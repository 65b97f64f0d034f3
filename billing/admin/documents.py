"""Files of documents: what was rendered, and buttons to get one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.invoicing.documents import storing
from billing.models import Document, Invoice
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, anchor, digest, instant, url
from ledger.errors import DomainError


def downloads(invoice: Invoice) -> SafeString:
    """Return links to a document's files: of a draft only what needs no number."""
    formats = Document.Format if invoice.number else (Document.Format.PDF, Document.Format.CSV)
    return format_html_join(
        " · ",
        "{}",
        ((anchor(url(Document, "get", invoice.pk, each.value), each.label),) for each in formats),
    )


class InvoiceBookFilter(BookFilter):
    path = "invoice__book_id"


@admin.register(Document)
class DocumentAdmin(Listing):
    fields = ("of", "format", "language", "template", "size", "sha", "said", "rendered", "files")
    readonly_fields = fields
    keyset = ("-pk",)
    list_display = ("of", "format", "language", "size", "said", "rendered")
    list_filter = (InvoiceBookFilter, "format")
    list_select_related = ("invoice",)
    search_fields = ("invoice__number__istartswith",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return super().get_queryset(request).defer("content")

    def get_urls(self) -> list[URLPattern]:
        get = path(
            "of/<int:invoice_id>/<slug:format>/",
            self.admin_site.admin_view(self.get_file),
            name="billing_document_get",
        )
        return [get, *super().get_urls()]

    def get_file(self, request: HttpRequest, invoice_id: int, format: str) -> HttpResponse:  # noqa: A002
        """Send a file, rendered now if it is not kept yet."""
        if not request.user.has_perm("billing.view_invoice"):
            raise PermissionDenied
        invoice = Invoice.objects.filter(pk=invoice_id).first()
        if invoice is None or format not in Document.Format.values:
            raise Http404
        try:
            made = storing.render(invoice=invoice, format=format, at=now())
        except DomainError as error:
            return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
        response = HttpResponse(made.content, content_type=made.media)
        shown = "inline" if made.media == "application/pdf" else "attachment"
        response["Content-Disposition"] = f'{shown}; filename="{made.name}"'
        return response

    @admin.display(description="document")
    def of(self, row: Document) -> str:
        return str(row.invoice)

    @admin.display(description="SHA-256")
    def sha(self, row: Document) -> SafeString:
        return digest(row.sha256)

    @admin.display(description="to know")
    def said(self, row: Document) -> Any:
        return "; ".join(problem["detail"] for problem in row.problems) or NOTHING

    @admin.display(description="rendered")
    def rendered(self, row: Document) -> SafeString:
        return instant(row.rendered_at)

    @admin.display(description="get")
    def files(self, row: Document) -> SafeString:
        return downloads(row.invoice)
