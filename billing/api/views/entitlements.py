"""Entitlements: what customers may use, and what is left of it."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_limits as s
from billing.api import verdicts
from billing.api.views.features import find_feature
from billing.entitlements import giving, listing
from billing.models import Entitlement
from ledger import clocks, inputs
from ledger.api import fields, lookups, pages
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import grants
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import asked_first

_TAG: Final = "Entitlements"


def _entitlements(view: Resource) -> QuerySet[Entitlement]:
    rows = Entitlement.objects.filter(book=view.caller.book)
    rows = lookups.within(view.caller, rows, "customer")
    return rows.select_related("feature__meter__unit", "customer__clock")


class Entitlements(Resource):
    """GET, POST /entitlements"""

    whole_book = frozenset({"POST"})

    @operation(
        "list-entitlements",
        summary="List rights to features",
        tag=_TAG,
        query=s.EntitlementQuery,
        answer=fields.listing(s.EntitlementOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(s.EntitlementQuery), _entitlements(self)
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        if key := asked.get("feature"):
            rows = rows.filter(feature__key=key)
        if not asked["include_ended"]:
            rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=self.now))
        return self.page(s.EntitlementOut, *pages.page(rows, asked))

    @operation(
        "create-entitlement",
        summary="Let a customer, and all below it, use a feature",
        tag=_TAG,
        body=s.EntitlementIn,
        answer=s.EntitlementOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.EntitlementIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        feature = find_feature(self, wanted.pop("feature"))
        at = clocks.now_of(customer, self.now)
        made = giving.give(customer=customer, feature=feature, at=at, **wanted)
        return self.answer(s.EntitlementOut, made, status=201)


class OneEntitlement(Resource):
    """GET /entitlements/{entitlement}"""

    @operation(
        "get-entitlement",
        summary="Get a right to a feature",
        tag=_TAG,
        path=["entitlement"],
        answer=s.EntitlementOut,
    )
    def get(self, request: Request, entitlement: str) -> Response:
        found = lookups.by_id(_entitlements(self), entitlement, "entitlement")
        return self.answer(s.EntitlementOut, found)


class EntitlementEnd(Resource):
    """POST /entitlements/{entitlement}/end"""

    whole_book = frozenset({"POST"})

    @operation(
        "end-entitlement",
        summary="End a right that was given by hand",
        tag=_TAG,
        path=["entitlement"],
        answer=s.EntitlementOut,
    )
    @once()
    def post(self, request: Request, entitlement: str) -> Response:
        found = lookups.by_id(_entitlements(self), entitlement, "entitlement")
        at = clocks.now_of(found.customer, self.now)
        return self.answer(s.EntitlementOut, giving.end(entitlement=found, at=at))


class EntitlementGrants(Resource):
    """POST /entitlements/{entitlement}/grants"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "add-entitlement-units",
        summary="Add units on top of an allowance, once per key",
        tag=_TAG,
        path=["entitlement"],
        body=s.UnitsIn,
        answer={201: s.UnitsOut, 202: CreditApprovalOut},
        status=201,
    )
    @once()
    def post(self, request: Request, entitlement: str) -> Response:
        found = lookups.by_id(_entitlements(self), entitlement, "entitlement")
        at = clocks.now_of(found.customer, self.now)
        packs = giving.packs(entitlement=found, at=at)
        wanted = {**self.body(s.UnitsIn), **packs.terms}
        inputs.key("key", wanted["key"])
        waits = asked_first(self, "grant", wallet=packs.wallet, at=at, **wanted)
        if waits is not None:
            return waits
        added = grants.issue(wallet=packs.wallet, at=at, **wanted)
        return self.answer(s.UnitsOut, added, status=201)


class CustomerEntitlements(Resource):
    """GET /customers/{customer}/entitlements"""

    @operation(
        "list-customer-entitlements",
        summary="Say what a customer has a right to now, and what is left",
        tag=_TAG,
        path=["customer"],
        answer=s.AccessListOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        found = lookups.customer(self.caller, customer)
        answers = listing.rights_of(customer=found, at=self.now)
        return Response({"data": [verdicts.written(answer) for answer in answers]})
