"""Payments: recorded, matched, given to documents, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import F, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import payments
from billing.api import serializers_payments as s
from billing.api.views.invoices import InvoiceResource
from billing.models import Allocation, Payment, Unapplied
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.schema import operation
from ledger.models import Customer

TAG: Final = "Payments"
POST: Final = frozenset({"POST"})


class MoneyResource(InvoiceResource):
    """What the views of money share: a key that is bound to a customer only reads its own."""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = POST

    def payer(self, named: str) -> tuple[Customer, datetime]:
        """Return a payer, and what time it is for it."""
        found = lookups.customer(self.caller, named)
        return found, clocks.now_of(found, self.now)

    @property
    def payments(self) -> QuerySet[Payment]:
        """Return the payments that the caller may see."""
        rows = Payment.objects.filter(book=self.caller.book)
        rows = rows.select_related("payer__clock", "asset", "money__payer", "money__asset")
        return lookups.within(self.caller, rows, "payer")

    @property
    def money(self) -> QuerySet[Unapplied]:
        """Return the unapplied cash that the caller may see."""
        rows = Unapplied.objects.filter(book=self.caller.book)
        rows = rows.select_related("payer__clock", "asset", "payment", "note")
        return lookups.within(self.caller, rows, "payer")

    def by_payer(self, rows: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
        """Keep a payer's rows if one is named."""
        named = asked.get("payer")
        return rows.filter(payer=lookups.customer(self.caller, named)) if named else rows


class Payments(MoneyResource):
    """GET, POST /payments"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "list-payments",
        summary="List payments, newest first",
        tag=TAG,
        query=s.PaymentQuery,
        answer=listing(s.PaymentOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.PaymentQuery)
        rows = self.by_payer(self.payments, asked)
        for name in ("method", "rail", "external_id", "key"):
            if value := asked.get(name):
                rows = rows.filter(**{name: value})
        return self.page(s.PaymentOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "record-payment",
        summary="Record money that has come, once, and give it to what it is for",
        description="To documents that its reference names, else the only one of its amount, else"
        " the oldest due; what is left stays unapplied. The same key, or the rail's own name of"
        " it, again returns the first.",
        tag=TAG,
        body=s.RecordedPaymentIn,
        answer=s.PaymentOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(s.RecordedPaymentIn)
        payer, at = self.payer(wanted.pop("payer"))
        asset = lookups.asset(wanted.pop("currency"))
        wanted.setdefault("received_at", at)
        made = payments.record(payer=payer, asset=asset, at=at, by=self.caller.name, **wanted)
        return self.answer(s.PaymentOut, self.payments.get(pk=made.pk), status=201)


class PaymentMatches(MoneyResource):
    """POST /payments/match-preview"""

    @operation(
        "preview-payment-matches",
        summary="Say what money may be for, the surest first; nothing is recorded",
        tag=TAG,
        body=s.MatchIn,
        answer=listing(s.ProposalOut),
    )
    def post(self, request: Request) -> Response:
        wanted = self.body(s.MatchIn)
        payer, _ = self.payer(wanted.pop("payer"))
        asset = lookups.asset(wanted.pop("currency"))
        found = payments.proposals(payer=payer, asset=asset, **wanted)
        return self.page(s.ProposalOut, found, None)


class OnePayment(MoneyResource):
    """GET /payments/{payment}"""

    @operation(
        "get-payment", summary="Get a payment", tag=TAG, path=["payment"], answer=s.PaymentOut
    )
    def get(self, request: Request, payment: str) -> Response:
        return self.answer(s.PaymentOut, lookups.by_id(self.payments, payment, "payment"))


class PaymentAllocations(MoneyResource):
    """GET /payments/{payment}/allocations"""

    @operation(
        "list-payment-allocations",
        summary="List what a payment was given to, and where else its money went",
        tag=TAG,
        path=["payment"],
        query=PageQuery,
        answer=listing(s.AllocationOut),
    )
    def get(self, request: Request, payment: str) -> Response:
        found = lookups.by_id(self.payments, payment, "payment")
        rows = Allocation.objects.filter(source__payment=found)
        return self.page(s.AllocationOut, *pages.page(rows, self.asked(PageQuery)))


class PaymentAllocate(MoneyResource):
    """POST /payments/{payment}/allocate"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "allocate-payment",
        summary="Give what is left of a payment to documents: chosen ones, or the oldest due",
        tag=TAG,
        path=["payment"],
        body=s.AllocateIn,
        answer=s.PaymentOut,
    )
    @once(is_required=True)
    def post(self, request: Request, payment: str) -> Response:
        found = lookups.by_id(self.payments, payment, "payment")
        give(self, found.money, found.payer)
        return self.answer(s.PaymentOut, self.payments.get(pk=found.pk))


class PaymentReverse(MoneyResource):
    """POST /payments/{payment}/reverse"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "reverse-payment",
        summary="Take a payment back that bounced; what it had paid is open again",
        description="What was refunded of it, or has left otherwise, the payer owes by a debit note"
        " that is due at once.",
        tag=TAG,
        path=["payment"],
        body=s.MoneyReasonIn,
        answer=s.PaymentOut,
    )
    @once(is_required=True)
    def post(self, request: Request, payment: str) -> Response:
        found = lookups.by_id(self.payments, payment, "payment")
        payments.reverse(
            payment=found,
            reason=self.body(s.MoneyReasonIn)["reason"],
            by=self.caller.name,
            key=f"payment:{found.pk}:reversed",
            at=clocks.now_of(found.payer, self.now),
        )
        return self.answer(s.PaymentOut, self.payments.get(pk=found.pk))


class UnappliedCash(MoneyResource):
    """GET /unapplied-cash"""

    @operation(
        "list-unapplied-cash",
        summary="List money that is not, or not all, for a document yet",
        tag=TAG,
        query=s.UnappliedQuery,
        answer=listing(s.UnappliedOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.UnappliedQuery)
        rows = self.by_payer(left_only(self.money), asked)
        return self.page(s.UnappliedOut, *pages.page(rows, asked))


class UnappliedAllocate(MoneyResource):
    """POST /unapplied-cash/{unapplied_cash}/allocate"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "allocate-unapplied-cash",
        summary="Give unapplied cash to documents: chosen ones, or the oldest due",
        tag=TAG,
        path=["unapplied_cash"],
        body=s.AllocateIn,
        answer=s.UnappliedOut,
    )
    @once(is_required=True)
    def post(self, request: Request, unapplied_cash: str) -> Response:
        found = lookups.by_id(self.money, unapplied_cash, "unapplied_cash")
        give(self, found, found.payer)
        return self.answer(s.UnappliedOut, self.money.get(pk=found.pk))


class AllocationUndo(MoneyResource):
    """POST /allocations/{allocation}/undo"""

    person_needs = {"POST": "billing.record_payment"}

    @operation(
        "undo-allocation",
        summary="Take back what was given to a document; it is open again, the money free",
        tag=TAG,
        path=["allocation"],
        body=s.MoneyReasonIn,
        answer=s.AllocationOut,
    )
    @once(is_required=True)
    def post(self, request: Request, allocation: str) -> Response:
        rows = Allocation.objects.filter(book=self.caller.book).select_related(
            "invoice__payer__clock"
        )
        found = lookups.by_id(rows, allocation, "allocation")
        payer = found.invoice.payer if found.invoice else None
        undone = payments.unallocate(
            allocation=found,
            reason=self.body(s.MoneyReasonIn)["reason"],
            by=self.caller.name,
            at=clocks.now_of(payer, self.now) if payer else self.now,
        )
        return self.answer(s.AllocationOut, undone)


def give(view: MoneyResource, source: Any, payer: Customer) -> None:
    """Give money, or a credit note, to what the body says."""
    named = view.body(s.AllocateIn).get("allocations")
    parts = None
    if named is not None:
        parts = [(view.find(one["invoice"]).pk, one["amount"]) for one in named]
    payments.allocate(
        source=source, parts=parts, by=view.caller.name, at=clocks.now_of(payer, view.now)
    )


def left_only(rows: QuerySet[Unapplied]) -> QuerySet[Unapplied]:
    """Keep money that something is left of."""

    return rows.exclude(amount=F("applied") + F("returned"))
