"""One line of a document, explained: price, tiers, credit, charges, usage events, entries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.invoicing import explaining
from billing.invoicing.explaining import Explanation
from billing.models import InvoiceLine, UsageEvent
from ledger.admin import entries
from ledger.admin.base import Listing, row_number
from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, badge, figures, instant, link, url
from ledger.admin.tables import Table, number
from ledger.models import Asset, Transaction
from wallets.models import CreditGrant

_EVENTS: Final = 50  # of a page


@admin.register(InvoiceLine)
class InvoiceLineAdmin(Listing):
    """Reached from its document."""

    fields = (
        ("document", "consumer_link", "kind"),
        ("description", "shown_period", "price_version"),
    )
    readonly_fields = (
        "document", "consumer_link", "kind", "description", "shown_period", "price_version",
    )  # fmt: skip
    list_display = ("description", "document", "consumer_link", "kind")
    list_select_related = ("invoice", "consumer")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("billing.view_invoice")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        return InvoiceLine.objects.select_related(
            "invoice__asset", "consumer", "billable", "item", "corrects_line__invoice"
        )

    def panels(self, request: HttpRequest, obj: InvoiceLine) -> dict[str, Any]:
        found = explaining.explain(line=obj)
        return {"figures": list(_figures(found)), "tables": list(_tables(request, found))}

    @admin.display(description="document")
    def document(self, row: InvoiceLine) -> SafeString:
        return link(row.invoice)

    @admin.display(description="for")
    def consumer_link(self, row: InvoiceLine) -> SafeString:
        return link(row.consumer)

    @admin.display(description="period")
    def shown_period(self, row: InvoiceLine) -> SafeString:
        if row.period_starts_at is None:
            return NOTHING
        return format_html("{} – {}", instant(row.period_starts_at), instant(row.period_ends_at))


def _figures(found: Explanation) -> Iterator[Figure]:
    line, asset = found.line, found.line.invoice.asset
    yield Figure(label="Amount", value=amount(line.amount, asset))
    if line.promotional or line.paid:
        yield Figure(label="Given credit paid", value=amount(line.promotional, asset))
        yield Figure(label="Bought credit paid", value=amount(line.paid, asset))
    yield Figure(label="Due", value=amount(line.due, asset))
    if line.quantity is not None:
        value = f"{figures(line.quantity)} {line.unit}".strip()
        yield Figure(label="Quantity", value=value)
    if found.events:
        more = found.events > explaining.MOST_COUNTED
        shown = f"more than {explaining.MOST_COUNTED:,}" if more else f"{found.events:,}"
        yield Figure(label="Usage events", value=shown)
    if found.taken_back:
        yield Figure(label="Taken back", value=f"{found.taken_back:,}", tone="warn")


def _tables(request: HttpRequest, found: Explanation) -> Iterator[Table]:
    line, asset = found.line, found.line.invoice.asset
    if line.arithmetic:
        yield _arithmetic(line, asset)
    if found.upto is not None and found.before is not None:
        yield _said(found, asset)
    if found.price:
        rows = [(_code(found.price),)]
        yield Table(title="Price, as it was agreed", columns=("Terms",), rows=rows)
    if found.funding:
        yield _funding(found, asset)
    if found.changes:
        yield _changes(found, asset)
        posted = list(explaining.entries(line=line)[:_EVENTS])
        yield entries.table(posted, title="Entries")
    if found.events:
        yield _events(request, line, taken_back=False)
    if found.taken_back:
        yield _events(request, line, taken_back=True)
    yield _documents(found, asset)


def _arithmetic(line: InvoiceLine, asset: Asset) -> Table:
    rows = [
        (
            one["description"],
            one["quantity"],
            one.get("unit_price") or one.get("flat") or NOTHING,
            one["exact"],
            one["amount"],
        )
        for one in line.arithmetic
    ]
    columns = ("What", number("Quantity"), number("Price"), number("Exactly"), number("Rounded"))
    return Table(
        title="How it comes about",
        columns=columns,
        rows=rows,
        footer=("Printed on the line", "", "", "", amount(line.amount, asset)),
    )


def _said(found: Explanation, asset: Asset) -> Table:
    assert found.before is not None, "it has a source"
    assert found.upto is not None, "it has a source"
    rows = [
        (label, *[figures(getattr(one.sums, name)) for one in (found.before, found.upto)])
        for label, name in (("Quantity", "quantity"), ("Exact amount", "amount"))
    ]
    rows += [
        (label, *[figures(getattr(one.printed, name), asset) for one in (found.before, found.upto)])
        for label, name in (("Printed", "amount"), ("Due", "due"))
    ]
    columns = ("What documents say of its source", number("before"), number("with this line"))
    return Table(title="A line is a difference", columns=columns, rows=rows)


def _funding(found: Explanation, asset: Asset) -> Table:
    rows = [
        (
            link(CreditGrant(pk=one.grant_id), one.grant) if one.grant_id else NOTHING,
            one.wallet,
            badge(one.funding, "good" if one.funding == "promotional" else ""),
            amount(one.amount, asset),
        )
        for one in found.funding
    ]
    columns = ("Grant", "Wallet", "", number("Paid"))
    return Table(title="Credit, in the order in which it was taken", columns=columns, rows=rows)


def _changes(found: Explanation, asset: Asset) -> Table:
    rows = [
        (
            instant(change.effective_at),
            change.reason,
            amount(change.amount, asset),
            _code(change.explanation),
            link(Transaction(pk=change.transaction_id), change.transaction_id),
        )
        for change in found.changes
    ]
    columns = ("Effective", "Why", number("Amount"), "From", "Transaction")
    return Table(title="Charges", columns=columns, rows=rows)


def _events(request: HttpRequest, line: InvoiceLine, *, taken_back: bool) -> Table:
    name = "back" if taken_back else "events"
    before = row_number(request.GET.get(name, ""))
    rows = explaining.events(line=line, taken_back=taken_back)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: _EVENTS + 1])
    here = url(InvoiceLine, "change", line.pk)
    following = f"{here}?{name}={found[_EVENTS - 1].pk}" if len(found) > _EVENTS else ""
    title = "Usage that was taken back" if taken_back else "Usage events"
    return Table(
        title=title,
        columns=("Event", "Subject", "Occurred", "Received", "Said"),
        rows=[_event(row) for row in found[:_EVENTS]],
        hint="An event leads to the entries that it made.",
        previous_url=here if before is not None else "",
        next_url=following,
    )


def _event(row: UsageEvent) -> tuple[object, ...]:
    return (
        link(row, row.external_id),
        row.subject,
        instant(row.occurred_at),
        instant(row.received_at),
        _code(row.data),
    )


def _documents(found: Explanation, asset: Asset) -> Table:
    rows = [
        (
            link(found.line.invoice.__class__(pk=one.invoice_id), one.number or "a draft"),
            one.kind.replace("_", " "),
            figures(one.quantity) if one.quantity is not None else NOTHING,
            amount(one.due, asset),
        )
        for one in found.documents
    ]
    columns = ("Document", "", number("Quantity"), number("Due"))
    return Table(title="All documents about it", columns=columns, rows=rows, empty="Made by hand.")


def _code(value: Any) -> SafeString:
    written = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return format_html('<code class="mb-digest">{}</code>', written)
