"""Top-ups: asked for by customers, confirmed by finance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import topups
from wallets.api import serializers_topups as s
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views import wallets_of
from wallets.api.views_approvals import asked_first
from wallets.models import TopUp

_POST = frozenset({"POST"})


def topups_of(view: Resource) -> QuerySet[TopUp]:
    """Return the top-ups that the caller may see."""
    found = TopUp.objects.filter(book=view.caller.book)
    found = found.select_related("wallet__asset", "wallet__customer__clock", "currency")
    return lookups.within(view.caller, found.prefetch_related("history"), "wallet__customer")


class TopUps(Resource):
    """GET, POST /top-ups"""

    @operation(
        "list-top-ups",
        summary="List top-ups, the newest first",
        tag="Top-ups",
        query=s.TopUpQuery,
        answer=listing(s.TopUpOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.TopUpQuery)
        found = topups_of(self)
        if wallet := asked.get("wallet"):
            found = found.filter(wallet=lookups.by_id(wallets_of(self), wallet, "wallet"))
        if named := asked.get("customer"):
            found = found.filter(wallet__customer=lookups.customer(self.caller, named))
        for field in ("state", "key"):
            if value := asked.get(field):
                found = found.filter(**{field: value})
        return self.page(s.TopUpOut, *pages.page(found, asked, newest_first=True))

    @operation(
        "request-top-up",
        summary="Ask for credit to be bought, once per key",
        tag="Top-ups",
        description="It is there once its payment is confirmed; what it costs is settled now.",
        body=s.TopUpIn,
        answer=s.TopUpOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        return _request(self, self.body(s.TopUpIn))


class TopUpsOnTerms(Resource):
    """POST /top-ups/on-terms"""

    scopes = {"POST": "finance"}
    whole_book = _POST

    @operation(
        "request-top-up-on-terms",
        summary="Ask for credit on terms that finance decides, perhaps there before its payment",
        tag="Top-ups",
        description="Before its payment, much of it needs a second person.",
        body=s.TopUpTermsIn,
        answer={201: s.TopUpOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TopUpTermsIn)
        wallet = lookups.by_id(wallets_of(self), wanted["wallet"], "wallet")
        at = clocks.now_of(wallet.customer, self.now)
        waits = asked_first(self, "top_up", at=at, **wanted)
        if waits is not None:
            return waits
        del wanted["reason"]
        return _request(self, wanted)


class OneTopUp(Resource):
    """GET /top-ups/{top_up}"""

    @operation(
        "get-top-up", summary="Get a top-up", tag="Top-ups", path=["top_up"], answer=s.TopUpOut
    )
    def get(self, request: Request, top_up: str) -> Response:
        return _answer(self, _named(self, top_up))


class TopUpAuthorise(Resource):
    """POST /top-ups/{top_up}/authorise"""

    scopes = {"POST": "finance"}
    whole_book = _POST

    @operation(
        "authorise-top-up",
        summary="Tie a top-up to a payment that has been promised",
        tag="Top-ups",
        path=["top_up"],
        body=s.PaymentIn,
        answer=s.TopUpOut,
    )
    @once(is_required=True)
    def post(self, request: Request, top_up: str) -> Response:
        named = _named(self, top_up)
        payment = self.body(s.PaymentIn)["payment_key"]
        topups.authorise(
            top_up=named, payment_key=payment, at=_now(self, named), cause=self.caller.name
        )
        return _answer(self, named)


class TopUpConfirm(Resource):
    """POST /top-ups/{top_up}/confirm"""

    scopes = {"POST": "finance"}
    whole_book = _POST

    @operation(
        "confirm-top-up",
        summary="Confirm that a top-up's payment has come; its credit is there at once",
        tag="Top-ups",
        description="The same payment confirmed again, or by two at once, changes nothing.",
        path=["top_up"],
        body=s.PaymentIn,
        answer={200: s.TopUpOut, 202: CreditApprovalOut},
    )
    @once(is_required=True)
    def post(self, request: Request, top_up: str) -> Response:
        named, payment = _named(self, top_up), self.body(s.PaymentIn)["payment_key"]
        why = f"Payment {payment}"
        waits = _asked_first(self, "confirm", named, why, payment_key=payment)
        if waits is not None:
            return waits
        topups.settle(
            top_up=named, payment_key=payment, at=_now(self, named), cause=self.caller.name
        )
        return _answer(self, named)


class TopUpFail(Resource):
    """POST /top-ups/{top_up}/fail"""

    scopes = {"POST": "finance"}
    whole_book = _POST

    @operation(
        "fail-top-up",
        summary="Say that a top-up will not be paid; credit that was there is taken back",
        tag="Top-ups",
        path=["top_up"],
        body=s.ReasonGivenIn,
        answer={200: s.TopUpOut, 202: CreditApprovalOut},
    )
    @once(is_required=True)
    def post(self, request: Request, top_up: str) -> Response:
        named, reason = _named(self, top_up), self.body(s.ReasonGivenIn)["reason"]
        waits = _asked_first(self, "fail", named, reason)
        if waits is not None:
            return waits
        topups.fail(top_up=named, reason=reason, at=_now(self, named), cause=self.caller.name)
        return _answer(self, named)


class TopUpRefund(Resource):
    """POST /top-ups/{top_up}/refund"""

    scopes = {"POST": "finance"}
    whole_book = _POST

    @operation(
        "refund-top-up",
        summary="Take back what is unused of a top-up, for its part of the money",
        tag="Top-ups",
        path=["top_up"],
        body=s.ReasonGivenIn,
        answer={200: s.TopUpOut, 202: CreditApprovalOut},
    )
    @once(is_required=True)
    def post(self, request: Request, top_up: str) -> Response:
        named, reason = _named(self, top_up), self.body(s.ReasonGivenIn)["reason"]
        waits = _asked_first(self, "refund", named, reason)
        if waits is not None:
            return waits
        topups.refund(top_up=named, reason=reason, at=_now(self, named), cause=self.caller.name)
        return _answer(self, named)


def _request(view: Resource, wanted: dict[str, Any]) -> Response:
    wallet = lookups.by_id(wallets_of(view), wanted.pop("wallet"), "wallet")
    if code := wanted.pop("currency", None):
        wanted["currency"] = lookups.asset(code)
    at = clocks.now_of(wallet.customer, view.now)
    top_up = topups.request(wallet=wallet, at=at, cause=view.caller.name, **wanted)
    return _answer(view, top_up, status=201)


def _asked_first(
    view: Resource, kind: str, top_up: TopUp, reason: str, **arguments: str
) -> Response | None:
    return asked_first(
        view,
        kind,
        key=f"{kind}:{top_up.pk}",
        at=_now(view, top_up),
        reason=reason[:500],
        top_up=top_up,
        **arguments,
    )


def _named(view: Resource, text: str) -> TopUp:
    return lookups.by_id(topups_of(view), text, "top_up")


def _now(view: Resource, top_up: TopUp) -> datetime:
    return clocks.now_of(top_up.wallet.customer, view.now)


def _answer(view: Resource, top_up: TopUp, *, status: int = 200) -> Response:
    return view.answer(s.TopUpOut, topups_of(view).get(pk=top_up.pk), status=status)
