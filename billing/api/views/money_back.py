"""Refunds, write-offs, disputes, and who collects a document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import payments
from billing.api import serializers_money_back as b
from billing.api import serializers_payments as s
from billing.api.views.payments import TAG, MoneyResource
from billing.models import Allocation, Claim, Dispute, Refund
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.schema import operation
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import asked_first


class RefundResource(MoneyResource):
    """What the views of refunds share."""

    @property
    def refunds(self) -> QuerySet[Refund]:
        """Return the refunds that the caller may see."""
        rows = Refund.objects.filter(book=self.caller.book).select_related("payer__clock", "asset")
        return lookups.within(self.caller, rows, "payer")

    def step(self, named: str, do: Callable[..., Refund], **terms: Any) -> Response:
        """Take a step of a refund, and answer with it."""
        found = lookups.by_id(self.refunds, named, "refund")
        at = clocks.now_of(found.payer, self.now)
        do(refund=found, by=self.caller.name, at=at, **terms)
        return self.answer(b.RefundOut, self.refunds.get(pk=found.pk))


class Refunds(RefundResource):
    """GET, POST /refunds"""

    person_needs = {"POST": "billing.refund_payment"}

    @operation(
        "list-refunds",
        summary="List refunds, newest first",
        tag=TAG,
        query=b.RefundQuery,
        answer=listing(b.RefundOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(b.RefundQuery)
        rows = self.by_payer(self.refunds, asked)
        if state := asked.get("state"):
            rows = rows.filter(state=state)
        return self.page(b.RefundOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "request-refund",
        summary="Ask for unapplied cash to be given back, once per key",
        description="Much of it needs a second person.",
        tag=TAG,
        body=b.RefundIn,
        answer={201: b.RefundOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(b.RefundIn)
        source = lookups.by_id(self.money, wanted["source"], "source")
        at = clocks.now_of(source.payer, self.now)
        waits = asked_first(self, "payment.refund", at=at, **wanted)
        if waits is not None:
            return waits
        made = payments.refund(by=self.caller.name, at=at, **wanted | {"source": source})
        return self.answer(b.RefundOut, self.refunds.get(pk=made.pk), status=201)


class RefundSent(RefundResource):
    """POST /refunds/{refund}/send"""

    person_needs = {"POST": "billing.refund_payment"}

    @operation(
        "send-refund",
        summary="Note that a rail has taken the order, under its own name",
        tag=TAG,
        path=["refund"],
        body=b.RefundStepIn,
        answer=b.RefundOut,
    )
    @once(is_required=True)
    def post(self, request: Request, refund: str) -> Response:
        return self.step(refund, payments.send, **self.body(b.RefundStepIn))


class RefundSettled(RefundResource):
    """POST /refunds/{refund}/settle"""

    person_needs = {"POST": "billing.refund_payment"}

    @operation(
        "settle-refund",
        summary="Note that a refund is with the payer",
        tag=TAG,
        path=["refund"],
        body=b.RefundStepIn,
        answer=b.RefundOut,
    )
    @once(is_required=True)
    def post(self, request: Request, refund: str) -> Response:
        return self.step(refund, payments.settle, **self.body(b.RefundStepIn))


class RefundFailed(RefundResource):
    """POST /refunds/{refund}/fail"""

    person_needs = {"POST": "billing.refund_payment"}

    @operation(
        "fail-refund",
        summary="Note that a refund did not reach the payer; the money is unapplied again",
        tag=TAG,
        path=["refund"],
        body=s.MoneyReasonIn,
        answer=b.RefundOut,
    )
    @once(is_required=True)
    def post(self, request: Request, refund: str) -> Response:
        return self.step(refund, payments.fail, **self.body(s.MoneyReasonIn))


class WriteOffs(MoneyResource):
    """GET, POST /write-offs"""

    person_needs = {"POST": "billing.write_off"}

    whole_book = frozenset({"GET", "HEAD", "POST"})

    @operation(
        "list-write-offs",
        summary="List what was written off, and what of it came in again, newest first",
        tag=TAG,
        query=b.WriteOffQuery,
        answer=listing(s.AllocationOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(b.WriteOffQuery)
        rows = Allocation.objects.filter(book=self.caller.book, kind=Allocation.Kind.WRITE_OFF)
        if named := asked.get("payer"):
            rows = rows.filter(invoice__payer=lookups.customer(self.caller, named))
        return self.page(s.AllocationOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "write-off",
        summary="Say that a document, or an amount of it, will not be paid; once per key",
        description="Much of it needs a second person. Money that names it later takes it back.",
        tag=TAG,
        body=b.WriteOffIn,
        answer={201: s.AllocationOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(b.WriteOffIn)
        invoice = self.find(wanted["invoice"])
        at = self.time_of(invoice)
        waits = asked_first(self, "write_off", at=at, **wanted | {"invoice": invoice})
        if waits is not None:
            return waits
        row = payments.write_off(by=self.caller.name, at=at, **wanted | {"invoice": invoice})
        return self.answer(s.AllocationOut, row, status=201)


class DisputeResource(MoneyResource):
    """What the views of disputes share."""

    whole_book = frozenset({"GET", "HEAD", "POST"})

    @property
    def disputes(self) -> QuerySet[Dispute]:
        """Return the disputes of the book."""
        rows = Dispute.objects.filter(book=self.caller.book)
        return rows.select_related("payment__asset", "payment__payer__clock")


class Disputes(DisputeResource):
    """GET, POST /disputes"""

    person_needs = {"POST": "billing.decide_dispute"}

    @operation(
        "list-disputes",
        summary="List disputes, newest first",
        tag=TAG,
        query=b.DisputeQuery,
        answer=listing(b.DisputeOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(b.DisputeQuery), self.disputes
        if state := asked.get("state"):
            rows = rows.filter(state=state)
        return self.page(b.DisputeOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "open-dispute",
        summary="Record that a payment is disputed; the rail holds its money until it is decided",
        tag=TAG,
        body=b.DisputeIn,
        answer=b.DisputeOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(b.DisputeIn)
        payment = lookups.by_id(self.payments, wanted.pop("payment"), "payment")
        at = clocks.now_of(payment.payer, self.now)
        made = payments.open_dispute(payment=payment, by=self.caller.name, at=at, **wanted)
        return self.answer(b.DisputeOut, self.disputes.get(pk=made.pk), status=201)


class DisputeDecision(DisputeResource):
    """POST /disputes/{dispute}/decide"""

    person_needs = {"POST": "billing.decide_dispute"}

    @operation(
        "decide-dispute",
        summary="Record how a dispute ended; lost, what the payment had paid is open again",
        tag=TAG,
        path=["dispute"],
        body=b.DecisionIn,
        answer=b.DisputeOut,
    )
    @once(is_required=True)
    def post(self, request: Request, dispute: str) -> Response:
        found = lookups.by_id(self.disputes, dispute, "dispute")
        at = clocks.now_of(found.payment.payer, self.now)
        wanted = self.body(b.DecisionIn)
        payments.decide(dispute=found, by=self.caller.name, at=at, **wanted)
        return self.answer(b.DisputeOut, self.disputes.get(pk=found.pk))


class InvoiceClaim(MoneyResource):
    """POST /invoices/{invoice}/claim"""

    @operation(
        "claim-invoice",
        summary="Become who alone may collect a document, so that nobody charges twice",
        description="The same attempt again prolongs its lease.",
        tag=TAG,
        path=["invoice"],
        body=b.ClaimIn,
        answer=b.ClaimOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        wanted, found = self.body(b.ClaimIn), self.find(invoice)
        made = payments.claim(
            invoice=found,
            owner=wanted["owner"],
            key=wanted["key"],
            lease=timedelta(seconds=wanted["seconds"]),
            at=self.time_of(found),
        )
        return self.answer(b.ClaimOut, made)


class InvoiceRelease(MoneyResource):
    """POST /invoices/{invoice}/claim/release"""

    @operation(
        "release-invoice-claim",
        summary="Say how an attempt to collect a document ended",
        tag=TAG,
        path=["invoice"],
        body=b.ReleaseIn,
        answer=b.ClaimOut,
    )
    @once()
    def post(self, request: Request, invoice: str) -> Response:
        wanted, found = self.body(b.ReleaseIn), self.find(invoice)
        rows = Claim.objects.filter(invoice=found, owner=wanted["owner"])
        held = lookups.by_key(rows, wanted["key"], "claim")
        if wanted["outcome"] == Claim.Outcome.UNKNOWN:
            return self.answer(b.ClaimOut, payments.hold(claim=held))
        done = payments.release(claim=held, outcome=wanted["outcome"], at=self.time_of(found))
        return self.answer(b.ClaimOut, done)
