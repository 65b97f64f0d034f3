"""What finance reads: revenue, deferred revenue, contract balances, commitments."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_revenue as s
from billing.reports import commitments, contract_balances, deferred, revenue
from ledger.api import lookups
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG = "Reports"
_READ_ONLY = frozenset({"GET", "HEAD"})


class Revenue(Resource):
    """GET /reports/revenue"""

    whole_book = _READ_ONLY

    @operation(
        "get-revenue",
        summary="Get recognised revenue by product and month, tied to the trial balance",
        tag=_TAG,
        query=s.RevenueQuery,
        answer=s.RevenueOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.RevenueQuery)
        found = revenue.revenue(
            book=self.caller.book,
            starts_at=asked["from"],
            ends_at=asked["to"],
            by=[name.strip() for name in asked["group"].split(",")],
        )
        return self.answer(s.RevenueOut, found)


class DeferredRevenue(Resource):
    """GET /reports/deferred-revenue"""

    whole_book = _READ_ONLY

    @operation(
        "get-deferred-revenue",
        summary="Get how fees paid in advance and prepaid credit rolled forward",
        tag=_TAG,
        query=s.SpanQuery,
        answer=s.DeferredOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.SpanQuery)
        found = deferred.deferred(
            book=self.caller.book, starts_at=asked["from"], ends_at=asked["to"]
        )
        return self.answer(s.DeferredOut, found)


class ContractBalances(Resource):
    """GET /reports/contract-balances"""

    whole_book = _READ_ONLY

    @operation(
        "get-contract-balances",
        summary="Get contract assets, receivables and contract liabilities by customer",
        tag=_TAG,
        query=s.ContractBalanceQuery,
        answer=s.ContractBalancesOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.ContractBalanceQuery)
        named = asked.get("customer")
        found = contract_balances.contract_balances(
            book=self.caller.book,
            starts_at=asked["from"],
            ends_at=asked["to"],
            customer=lookups.customer(self.caller, named) if named else None,
        )
        return self.answer(s.ContractBalancesOut, found)


class Commitments(Resource):
    """GET /reports/commitments"""

    whole_book = _READ_ONLY

    @operation(
        "get-commitments",
        summary="Get what of commitments is drawn, and what was charged for them",
        tag=_TAG,
        query=s.AtQuery,
        answer=s.CommitmentsOut,
    )
    def get(self, request: Request) -> Response:
        at = self.asked(s.AtQuery).get("as_of") or self.now
        return self.answer(s.CommitmentsOut, commitments.commitments(book=self.caller.book, at=at))
