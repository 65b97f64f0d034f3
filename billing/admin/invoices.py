"""Invoices, credit notes and debit notes: what they say, and what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from billing.admin import crediting, draft_operations, draft_panels, invoice_life, money
from billing.admin.documents import downloads
from billing.models import Invoice
from ledger.admin.base import BookFilter
from ledger.admin.display import NOTHING, amount, badge, days, instant, link

_TONES: Final[Mapping[str, str]] = {
    Invoice.State.DRAFT: "",
    Invoice.State.APPROVED: "good",
    Invoice.State.ISSUED: "good",
    Invoice.State.PAID: "good",
    Invoice.State.PARTIALLY_PAID: "warn",
    Invoice.State.OVERDUE: "bad",
    Invoice.State.UNCOLLECTIBLE: "bad",
}


@admin.register(Invoice)
class InvoiceAdmin(invoice_life.BulkActions):
    fields = (
        ("name", "shown_state", "payer_link", "book"),
        ("shown_period", "group_key", "corrects_link", "previous_state"),
        ("issue_date", "due_date", "payment_terms", "files"),
        ("purchase_order", "cost_centre", "note"),
        ("drafted", "issues_itself", "issued"),
    )
    readonly_fields = (
        "name", "shown_state", "payer_link", "book", "shown_period", "group_key",
        "corrects_link", "previous_state", "issue_date", "due_date", "payment_terms", "files",
        "purchase_order", "cost_centre", "note", "drafted", "issues_itself", "issued",
    )  # fmt: skip
    list_display = (
        "name", "payer_link", "kind", "shown_state", "shown_total", "shown_open", "issue_date",
        "due_date",
    )  # fmt: skip
    list_filter = (BookFilter, "state", "kind")
    operations = (
        *invoice_life.OPERATIONS,
        *draft_operations.OPERATIONS,
        *crediting.OPERATIONS,
    )
    search_fields = ("number__istartswith", "payer__key__istartswith")
    search_help_text = "Beginning of the number or of the payer's key"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return Invoice.objects.select_related(
            "payer__clock", "asset", "book", "corrects", "profile"
        )

    def panels(self, request: HttpRequest, obj: Invoice) -> dict[str, Any]:
        found = draft_panels.panels(request, obj)
        tables = [*found["tables"], *invoice_life.tables(obj)]
        if obj.number:
            settled = obj.allocations.all() | obj.given.all()
            rows = settled.select_related("invoice", "note").order_by("pk")
            tables.append(money.allocations(rows, obj.asset))
        return found | {"tables": tables}

    @admin.display(description="document")
    def name(self, row: Invoice) -> str:
        return row.number or f"{row.get_kind_display().capitalize()} (no number yet)"

    @admin.display(description="state")
    def shown_state(self, row: Invoice) -> SafeString:
        if row.is_blocked and row.state == Invoice.State.DRAFT:
            return badge("draft with problems", "bad")
        return badge(row.get_state_display().replace("_", " ").lower(), _TONES.get(row.state, ""))

    @admin.display(description="why")
    def previous_state(self, row: Invoice) -> SafeString | str:
        return row.reason or row.closed_reason or row.failure or NOTHING

    @admin.display(description="payer")
    def payer_link(self, row: Invoice) -> SafeString:
        return link(row.payer, row.payer.name or row.payer.key)

    @admin.display(description="corrects")
    def corrects_link(self, row: Invoice) -> SafeString:
        return link(row.corrects)

    @admin.display(description="total")
    def shown_total(self, row: Invoice) -> SafeString:
        return amount(row.total, row.asset)

    @admin.display(description="open")
    def shown_open(self, row: Invoice) -> SafeString:
        return amount(row.open, row.asset, is_named=False) if row.number else NOTHING

    @admin.display(description="period")
    def shown_period(self, row: Invoice) -> SafeString:
        return days(row.period_starts_at, row.period_ends_at, row.book.time_zone)

    @admin.display(description="files")
    def files(self, row: Invoice) -> SafeString:
        return downloads(row)

    @admin.display(description="drafted")
    def drafted(self, row: Invoice) -> SafeString:
        return instant(row.drafted_at)

    @admin.display(description="issued by itself")
    def issues_itself(self, row: Invoice) -> SafeString:
        return instant(row.issue_after) if not row.number else NOTHING

    @admin.display(description="issued")
    def issued(self, row: Invoice) -> SafeString:
        return instant(row.issued_at)
