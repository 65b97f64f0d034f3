"""Drafts: made on demand, previewed, edited, explained, held beside the period before."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_drafts as s
from billing.api.serializers_invoices import InvoiceDetailOut, InvoiceOut
from billing.api.views.invoices import InvoiceResource
from billing.invoicing import behind, comparing, edits, explaining, on_demand, previewing
from billing.models import InvoiceEdit, InvoiceLine, UsageEvent
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.api.serializers_journal import EntryOut
from ledger.api.views.journal import asset_codes
from ledger.models import Asset

_TAG: Final = "Invoices"


class InvoiceDrafting(InvoiceResource):
    """POST /invoices/draft"""

    person_needs = {"POST": "billing.draft_invoice"}

    @operation(
        "draft-invoices",
        summary="Draft what a customer has to pay of what is due by now, or by an instant",
        description="Fees and minimums that are due are charged first. Again, it changes nothing.",
        tag=_TAG,
        body=s.InvoiceDraftIn,
        answer=listing(InvoiceOut),
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.InvoiceDraftIn)
        payer = lookups.customer(self.caller, wanted["payer"])
        at = clocks.now_of(payer, self.now)
        drafted = on_demand.draft(
            payer=payer, until=wanted.get("until", at), at=at, by=self.caller.name
        )
        return self.page(InvoiceOut, list(self.rows.filter(pk__in=drafted.open)), None)


class UpcomingInvoice(Resource):
    """GET /customers/{customer}/upcoming-invoice"""

    @operation(
        "preview-invoice",
        summary="Preview what a customer would be invoiced, at any time",
        description="Running usage is included; fees, minimums and coupons until then are"
        " expected. Nothing is written. Where somebody else pays, the documents are the payer's:"
        " a key bound to a customer sees them only if the payer is within its reach.",
        tag=_TAG,
        path=["customer"],
        query=s.UpcomingQuery,
        answer=s.UpcomingOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        at = clocks.now_of(owner, self.now)
        until = self.asked(s.UpcomingQuery).get("until", at)
        found = previewing.preview(customer=owner, until=until, at=at, within=self.caller.reach)
        codes = dict(
            Asset.objects.filter(pk__in={draft.asset_id for draft in found.drafts}).values_list(
                "pk", "code"
            )
        )
        return self.answer(s.UpcomingOut, found, codes=codes)


class InvoiceRefresh(InvoiceResource):
    """POST /invoices/{invoice}/refresh"""

    person_needs = {"POST": "billing.draft_invoice"}

    @operation(
        "refresh-invoice",
        summary="Draft a document again, from what its sources have come to by now",
        description="Fees and minimums that are due are charged first.",
        tag=_TAG,
        path=["invoice"],
        answer=InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        found = self.find(invoice)
        on_demand.again(invoice=found, at=self.time_of(found), by=self.caller.name)
        return self.shown(found)


class InvoiceEdits(InvoiceResource):
    """GET, POST /invoices/{invoice}/edits"""

    person_needs = {"POST": "billing.draft_invoice"}

    whole_book = frozenset({"GET", "HEAD", "POST"})

    @operation(
        "list-invoice-edits",
        summary="List what people changed about a draft",
        tag=_TAG,
        path=["invoice"],
        query=PageQuery,
        answer=listing(s.InvoiceEditOut),
    )
    def get(self, request: Request, invoice: str) -> Response:
        rows = InvoiceEdit.objects.filter(invoice=self.find(invoice))
        return self.page(s.InvoiceEditOut, *pages.page(rows, self.asked(PageQuery)))

    @operation(
        "edit-invoice",
        summary="Change a draft: the change survives drafting it again",
        tag=_TAG,
        path=["invoice"],
        body=s.InvoiceEditIn,
        answer=s.InvoiceEditOut,
        status=201,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        found = self.find(invoice)
        wanted = self.body(s.InvoiceEditIn)
        made = edits.edit(invoice=found, by=self.caller.name, at=self.time_of(found), **wanted)
        return self.answer(s.InvoiceEditOut, made, status=201)


class InvoiceEditWithdrawal(InvoiceResource):
    """POST /invoices/{invoice}/edits/{edit}/withdraw"""

    person_needs = {"POST": "billing.draft_invoice"}

    @operation(
        "withdraw-invoice-edit",
        summary="Take a change of a draft back",
        tag=_TAG,
        path=["invoice", "edit"],
        body=s.InvoiceEditWithdrawIn,
        answer=s.InvoiceEditOut,
        status=201,
    )
    @once()
    def post(self, request: Request, invoice: str, edit: str) -> Response:
        found = self.find(invoice)
        rows = InvoiceEdit.objects.filter(invoice=found)
        made = edits.edit(
            invoice=found,
            operation=InvoiceEdit.Operation.WITHDRAW,
            withdraws=lookups.by_id(rows, edit, "edit"),
            by=self.caller.name,
            at=self.time_of(found),
            **self.body(s.InvoiceEditWithdrawIn),
        )
        return self.answer(s.InvoiceEditOut, made, status=201)


class _OfLine(InvoiceResource):
    """
    What the views of one line share.

    Whoever pays for others sees their lines; what is behind them only of customers it may see.
    """

    def line_of(self, invoice: str, line: str) -> InvoiceLine:
        """Return a line of a document that the caller may see."""
        rows = InvoiceLine.objects.filter(invoice=self.find(invoice))
        rows = lookups.within(self.caller, rows, "consumer")
        return lookups.by_id(rows.select_related("billable", "consumer", "item"), line, "line")


class LineExplanation(_OfLine):
    """GET /invoices/{invoice}/lines/{line}/explanation"""

    @operation(
        "explain-invoice-line",
        summary="Explain a line: its price, credit, charges, events and other documents",
        tag=_TAG,
        path=["invoice", "line"],
        answer=s.ExplanationOut,
    )
    def get(self, request: Request, invoice: str, line: str) -> Response:
        found = explaining.explain(line=self.line_of(invoice, line), documents=self.rows)
        return self.answer(s.ExplanationOut, found)


class LineEvents(_OfLine):
    """GET /invoices/{invoice}/lines/{line}/events"""

    @operation(
        "list-invoice-line-events",
        summary="List the usage events that a line is for, newest first",
        tag=_TAG,
        path=["invoice", "line"],
        query=s.LineEventQuery,
        answer=listing(s.LineEventOut),
    )
    def get(self, request: Request, invoice: str, line: str) -> Response:
        asked = self.asked(s.LineEventQuery)
        taken_back = asked["taken_back"]
        rows = explaining.events(line=self.line_of(invoice, line), taken_back=taken_back)
        page = pages.page(rows, asked, newest_first=True)
        return self.page(s.LineEventOut, *page, taken_back=taken_back)


class LineEntries(_OfLine):
    """GET /invoices/{invoice}/lines/{line}/entries"""

    whole_book = frozenset({"GET", "HEAD"})

    @operation(
        "list-invoice-line-entries",
        summary="List the entries of the charge or the usage that a line is for, or of one event",
        tag=_TAG,
        path=["invoice", "line"],
        query=s.LineEntryQuery,
        answer=listing(EntryOut),
    )
    def get(self, request: Request, invoice: str, line: str) -> Response:
        asked = self.asked(s.LineEntryQuery)
        found = self.line_of(invoice, line)
        event: UsageEvent | None = None
        if named := asked.get("event"):
            event = lookups.by_id(explaining.events(line=found), named, "event")
        size, after = pages.size_of(asked), pages.position(asked)
        rows, position = behind.page(line=found, size=size, after=after, event=event)
        following = None if position is None else pages.cursor(position)
        return self.page(EntryOut, rows, following, codes=asset_codes())


class InvoiceComparison(InvoiceResource):
    """GET /invoices/{invoice}/compare"""

    @operation(
        "compare-invoice",
        summary="Hold a document beside the payer's last one before it",
        tag=_TAG,
        path=["invoice"],
        answer=s.ComparisonOut,
    )
    def get(self, request: Request, invoice: str) -> Response:
        return self.answer(s.ComparisonOut, comparing.compare(invoice=self.find(invoice)))
