"""Credit notes and debit notes that somebody asks for."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from billing import approving
from billing.api import serializers_invoices as s
from billing.api import serializers_notes as n
from billing.api import serializers_payments as p
from billing.api.views.payments import MoneyResource, give
from billing.invoicing import credit_notes, debit_notes
from billing.invoicing.debit_notes import Extra
from billing.models import Allocation, Invoice, Unapplied
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.schema import operation
from ledger.money import text
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views import wallets_of
from wallets.api.views_approvals import asked_first

_TAG: Final = "Credit notes"


class CreditNotes(MoneyResource):
    """GET, POST /credit-notes"""

    person_needs = {"POST": "billing.credit_invoice"}

    @operation(
        "list-credit-notes",
        summary="List credit notes, newest first",
        tag=_TAG,
        query=PageQuery,
        answer=listing(s.InvoiceOut),
    )
    def get(self, request: Request) -> Response:
        rows = self.rows.filter(kind=Invoice.Kind.CREDIT_NOTE)
        return self.page(s.InvoiceOut, *pages.page(rows, self.asked(PageQuery), newest_first=True))

    @operation(
        "issue-credit-note",
        summary="Give back all of a document, some lines, or an amount; once per key",
        description="Taxed as the document was. It is set off against the document as far as that"
        " is open; the rest goes where `disposition` says. Much of it needs a second person.",
        tag=_TAG,
        body=n.CreditNoteIn,
        answer={201: s.InvoiceDetailOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(n.CreditNoteIn)
        invoice = self.find(wanted["invoice"])
        at, plain = self.time_of(invoice), _plain(wanted, invoice)
        wallet = None
        if named := wanted.get("wallet"):
            wallet = lookups.by_id(wallets_of(self), named, "wallet")
        known = Invoice.objects.filter(book=self.caller.book, key=wanted["key"]).exists()
        waits = None if known else asked_first(self, "credit_note.issue", at=at, **plain)
        if waits is not None:
            return waits
        note = credit_notes.credit(
            invoice=invoice,
            what=approving.what_of(plain),
            disposition=wanted["disposition"],
            reason=wanted["reason"],
            reason_code=wanted["reason_code"],
            wallet=wallet,
            by=self.caller.name,
            key=wanted["key"],
            at=at,
        )
        response = self.shown(note)
        response.status_code = 201
        return response


class CreditNoteAllocate(MoneyResource):
    """POST /credit-notes/{credit_note}/allocate"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "allocate-credit-note",
        summary="Set a credit note off against documents: chosen ones, or the oldest due",
        tag=_TAG,
        path=["credit_note"],
        body=p.AllocateIn,
        answer=s.InvoiceDetailOut,
    )
    @once(is_required=True)
    def post(self, request: Request, credit_note: str) -> Response:
        note = self.find(credit_note)
        give(self, note, note.payer)
        return self.shown(note)


class DebitNotes(MoneyResource):
    """POST /debit-notes"""

    person_needs = {"POST": "billing.credit_invoice"}

    @operation(
        "issue-debit-note",
        summary="Charge something on top of a document, taxed as of now; once per key",
        tag=_TAG,
        body=n.DebitNoteIn,
        answer=s.InvoiceDetailOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(n.DebitNoteIn)
        invoice = self.find(wanted["invoice"])
        note = debit_notes.charge(
            invoice=invoice,
            lines=[Extra(**line) for line in wanted["lines"]],
            reason=wanted["reason"],
            by=self.caller.name,
            key=wanted["key"],
            at=self.time_of(invoice),
        )
        response = self.shown(note)
        response.status_code = 201
        return response


class InvoiceAllocations(MoneyResource):
    """GET /invoices/{invoice}/allocations"""

    @operation(
        "list-invoice-allocations",
        summary="List what settled a document, or what a credit note was given to",
        tag="Payments",
        path=["invoice"],
        query=PageQuery,
        answer=listing(p.AllocationOut),
    )
    def get(self, request: Request, invoice: str) -> Response:
        found = self.find(invoice)
        rows = Allocation.objects.filter(invoice=found) | Allocation.objects.filter(note=found)
        if (
            self.caller.customer_id is not None
        ):  # that a debt was given up is not told to the debtor
            rows = rows.exclude(kind=Allocation.Kind.WRITE_OFF)
        return self.page(p.AllocationOut, *pages.page(rows, self.asked(PageQuery)))


class CreditNoteBalances(MoneyResource):
    """GET /credit-notes/{credit_note}/balances"""

    @operation(
        "list-credit-note-balances",
        summary="List the unapplied cash that a credit note became",
        tag=_TAG,
        path=["credit_note"],
        query=PageQuery,
        answer=listing(p.UnappliedOut),
    )
    def get(self, request: Request, credit_note: str) -> Response:
        rows = Unapplied.objects.filter(note=self.find(credit_note))
        rows = rows.select_related("payer", "asset")
        return self.page(p.UnappliedOut, *pages.page(rows, self.asked(PageQuery)))


def _plain(wanted: dict[str, Any], invoice: Invoice) -> dict[str, Any]:
    """Return what is asked for as approvals keep it."""
    lines = {
        one["line"]: None if one.get("amount") is None else text(one["amount"])
        for one in wanted.get("lines", [])
    }
    amount = wanted.get("amount")
    kept = {name: wanted.get(name) for name in ("key", "reason", "what", "disposition")}
    return kept | {
        "invoice": invoice.pk,
        "reason_code": wanted["reason_code"],
        "wallet": wanted.get("wallet"),
        "lines": lines or None,
        "amount": None if amount is None else text(amount),
    }
