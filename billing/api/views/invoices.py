"""Invoices, credit and debit notes: reading them, and their life."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import approving
from billing.api import serializers_invoices as s
from billing.invoicing import bulk_actions, lifecycle, states
from billing.models import Invoice, InvoiceEvent, InvoiceLine
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.permissions import check_person
from ledger.api.resource import AnySerializer, Resource
from ledger.api.schema import operation
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import caller_of
from wallets.models import Approval

_TAG: Final = "Invoices"
# What a list may be narrowed by, and by which condition.
_FILTERS: Final = {
    "kind": "kind",
    "state": "state",
    "number": "number",
    "currency": "asset__code",
    "corrects": "corrects",
    "run": "run",
    "issued_from": "issue_date__gte",
    "issued_to": "issue_date__lte",
    "is_blocked": "is_blocked",
}


class InvoiceResource(Resource):
    """
    What the views of documents share.

    A key that is bound to a customer reads what it has been sent: drafts are not for it.
    """

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"POST"})

    @property
    def is_for_customer(self) -> bool:
        """Say whether a customer asks, by a key of its own."""
        return self.caller.customer_id is not None

    @property
    def rows(self) -> QuerySet[Invoice]:
        """Return the documents that the caller may see."""
        rows = Invoice.objects.filter(book=self.caller.book).select_related(
            "payer__clock", "asset", "book", "profile"
        )
        if self.is_for_customer:
            rows = rows.exclude(number="")
        return lookups.within(self.caller, rows, "payer")

    def find(self, named: str) -> Invoice:
        """Return a document that the caller may see, by its id or number."""
        if named.isdigit():
            return lookups.by_id(self.rows, named, "invoice")
        return lookups.by_key(self.rows, named, "invoice", field="number")

    def time_of(self, invoice: Invoice) -> datetime:
        """Return what time it is for a document's payer."""
        return clocks.now_of(invoice.payer, self.now)

    def shown(self, invoice: Invoice) -> Response:
        """Return the answer with a document as it is now."""
        found = self.rows.prefetch_related("taxes").get(pk=invoice.pk)
        offered = lifecycle.available(invoice=found, at=self.time_of(found))
        if self.is_for_customer:
            offered = []
        return self.answer(s.InvoiceDetailOut, found, offered=offered)

    def answer(
        self, kind: AnySerializer, value: object, *, status: int = 200, **context: object
    ) -> Response:
        """Return the answer for one thing, as its reader may see it."""
        told = context | {"is_for_customer": self.is_for_customer}
        return super().answer(kind, value, status=status, **told)

    def page(
        self, kind: AnySerializer, rows: Sequence[Any], following: str | None, **context: object
    ) -> Response:
        """Return the answer for a page of things, as its reader may see them."""
        told = context | {"is_for_customer": self.is_for_customer}
        return super().page(kind, rows, following, **told)

    def act(self, named: str, do: Callable[..., Invoice], **terms: Any) -> Response:
        """Take an action for a document, and return the answer with it."""
        found = self.find(named)
        done = do(invoice=found, by=self.caller.name, at=self.time_of(found), **terms)
        return self.shown(done)


class Invoices(InvoiceResource):
    """GET /invoices"""

    @operation(
        "list-invoices",
        summary="List invoices, credit notes and debit notes, newest first",
        tag=_TAG,
        query=s.InvoiceQuery,
        answer=listing(s.InvoiceOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(s.InvoiceQuery), self.rows
        if named := asked.get("payer"):
            rows = rows.filter(payer=lookups.customer(self.caller, named))
        found = {
            path: asked[name] for name, path in _FILTERS.items() if asked.get(name) is not None
        }
        if asked["is_open"] is not None:
            found["open__gt" if asked["is_open"] else "open"] = 0
        page = pages.page(rows.filter(**found), asked, newest_first=True)
        return self.page(s.InvoiceOut, *page)


class OneInvoice(InvoiceResource):
    """GET /invoices/{invoice}"""

    @operation(
        "get-invoice",
        summary="Get a document with its taxes, and what may be done with it now",
        tag=_TAG,
        path=["invoice"],
        answer=s.InvoiceDetailOut,
    )
    def get(self, request: Request, invoice: str) -> Response:
        return self.shown(self.find(invoice))


class InvoiceLines(InvoiceResource):
    """GET /invoices/{invoice}/lines"""

    @operation(
        "list-invoice-lines",
        summary="List the lines of a document",
        tag=_TAG,
        path=["invoice"],
        query=PageQuery,
        answer=listing(s.InvoiceLineOut),
    )
    def get(self, request: Request, invoice: str) -> Response:
        rows = InvoiceLine.objects.filter(invoice=self.find(invoice)).select_related("consumer")
        return self.page(s.InvoiceLineOut, *pages.page(rows, self.asked(PageQuery)))


class InvoiceHistory(InvoiceResource):
    """GET /invoices/{invoice}/history"""

    whole_book = frozenset({"GET", "HEAD"})

    @operation(
        "list-invoice-history",
        summary="List what happened to a document, who did it and why",
        tag=_TAG,
        path=["invoice"],
        query=PageQuery,
        answer=listing(s.InvoiceHistoryOut),
    )
    def get(self, request: Request, invoice: str) -> Response:
        rows = InvoiceEvent.objects.filter(invoice=self.find(invoice))
        return self.page(s.InvoiceHistoryOut, *pages.page(rows, self.asked(PageQuery)))


class InvoiceApproval(InvoiceResource):
    """POST /invoices/{invoice}/approve"""

    person_needs = {"POST": "billing.approve_invoice"}

    @operation(
        "approve-invoice",
        summary="Freeze a draft, to be issued as it is when its delay is over",
        tag=_TAG,
        path=["invoice"],
        answer=s.InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.act(invoice, lifecycle.approve)


class InvoiceUnapproval(InvoiceResource):
    """POST /invoices/{invoice}/unapprove"""

    person_needs = {"POST": "billing.approve_invoice"}

    @operation(
        "unapprove-invoice",
        summary="Make an approved document a draft again",
        tag=_TAG,
        path=["invoice"],
        body=s.InvoiceReasonIn,
        answer=s.InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.act(invoice, lifecycle.unapprove, **self.body(s.InvoiceReasonIn))


class InvoiceIssue(InvoiceResource):
    """POST /invoices/{invoice}/issue"""

    person_needs = {"POST": "billing.approve_invoice"}

    @operation(
        "issue-invoice",
        summary="Issue a draft, approved or not: it is numbered, posted and never changes again",
        description="Issuing again changes nothing. A draft whose sources were billed otherwise"
        " since is answered `stale_draft`: draft it again. What is so large that it needs a second"
        " person, and nobody else has approved, waits for one (202).",
        tag=_TAG,
        path=["invoice"],
        body=s.IssueIn,
        answer={200: s.InvoiceDetailOut, 202: CreditApprovalOut},
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        terms, found = self.body(s.IssueIn), self.find(invoice)
        approval = ask_to_issue(self, found, self.time_of(found), **terms)
        if approval is not None:
            return self.answer(CreditApprovalOut, approval, status=202)
        return self.act(invoice, lifecycle.issue, **terms)


class InvoiceVoid(InvoiceResource):
    """POST /invoices/{invoice}/void"""

    person_needs = {"POST": "billing.void_invoice"}

    @operation(
        "void-invoice",
        summary="Take an issued document back; what it was about can be billed again",
        description="Not once something is paid or credited, its month is closed or a later"
        " document builds on it: give a credit note then. What people had changed about its draft"
        " is not taken over to the next one.",
        tag=_TAG,
        path=["invoice"],
        body=s.InvoiceVoidIn,
        answer=s.InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.act(invoice, lifecycle.void, **self.body(s.InvoiceVoidIn))


class InvoiceDiscard(InvoiceResource):
    """POST /invoices/{invoice}/discard"""

    person_needs = {"POST": "billing.draft_invoice"}

    @operation(
        "discard-invoice",
        summary="Throw a draft away; what it was about is on the next one",
        tag=_TAG,
        path=["invoice"],
        body=s.InvoiceReasonIn,
        answer=s.InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.act(invoice, lifecycle.discard, **self.body(s.InvoiceReasonIn))


class InvoiceSent(InvoiceResource):
    """POST /invoices/{invoice}/send"""

    person_needs = {"POST": "billing.approve_invoice"}

    @operation(
        "send-invoice",
        summary="Note that a document was sent to its payer",
        tag=_TAG,
        path=["invoice"],
        body=s.SendIn,
        answer=s.InvoiceDetailOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        return self.act(invoice, lifecycle.send, **self.body(s.SendIn))


class InvoiceBulk(InvoiceResource):
    """POST /invoices/bulk"""

    @operation(
        "act-on-invoices",
        summary="Approve, unapprove, issue or discard many drafts",
        description="Each by itself: the answer says for which it was refused, and why. What is so"
        " large that it needs a second person waits for one.",
        tag=_TAG,
        body=s.BulkIn,
        answer=listing(s.BulkResultOut),
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.BulkIn)
        check_person(request, f"billing.{states.needs(wanted['action'])}")
        found = [self.find(number) for number in wanted.pop("ids")]
        refused: dict[int, str] = {}
        by_time: dict[datetime, list[Invoice]] = defaultdict(list)
        now = self.now
        for one in found:
            by_time[clocks.now_of(one.payer, now)].append(one)
        for at, mine in by_time.items():
            asks = partial(ask_to_issue, self, at=at)
            refused |= bulk_actions.act(
                invoices=mine, by=self.caller.name, at=at, asks=asks, **wanted
            )
        rows = self.rows.filter(pk__in=[one.pk for one in found]).order_by("pk")
        results = [_result(one, refused.get(one.pk, "")) for one in rows]
        return self.page(s.BulkResultOut, results, None)


def ask_to_issue(
    view: InvoiceResource, invoice: Invoice, at: datetime, issue_date: date | None = None
) -> Approval | None:
    """Ask for a second person if a draft is so large, and nobody else has approved it."""
    return approving.ask_to_issue(
        invoice=invoice, by=caller_of(view), name=view.caller.name, at=at, issue_date=issue_date
    )


def _result(invoice: Invoice, error: str) -> dict[str, Any]:
    return {
        "id": invoice.pk,
        "state": invoice.state,
        "number": invoice.number,
        "error": error,
    }
