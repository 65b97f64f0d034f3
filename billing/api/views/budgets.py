"""Budgets, what they have come to, and leave to spend more."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_limits as s
from billing.budgets import defining, uses
from billing.models import Budget, BudgetUse
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG: Final = "Budgets"


def _budgets(view: Resource) -> QuerySet[Budget]:
    rows = Budget.objects.filter(book=view.caller.book)
    return lookups.within(view.caller, rows, "customer").select_related("asset", "customer__clock")


def _find(view: Resource, text: str) -> Budget:
    return lookups.by_id_or_key(_budgets(view), text, "budget")


class Budgets(Resource):
    """GET, POST /budgets"""

    whole_book = frozenset({"POST"})

    @operation(
        "list-budgets",
        summary="List budgets",
        tag=_TAG,
        query=s.BudgetQuery,
        answer=listing(s.BudgetOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(s.BudgetQuery), _budgets(self)
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        if key := asked.get("key"):
            rows = rows.filter(key=key)
        if not asked["include_ended"]:
            rows = rows.filter(ended_at=None)
        return self.page(s.BudgetOut, *pages.page(rows, asked))

    @operation(
        "create-budget",
        summary="Bound what a customer and all below it may spend per period",
        tag=_TAG,
        body=s.BudgetIn,
        answer=s.BudgetOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.BudgetIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        asset = lookups.asset(wanted.pop("asset"))
        at = clocks.now_of(customer, self.now)
        budget = defining.create(customer=customer, asset=asset, at=at, **wanted)
        return self.answer(s.BudgetOut, budget, status=201)


class OneBudget(Resource):
    """GET, PATCH /budgets/{budget}"""

    whole_book = frozenset({"PATCH"})

    @operation("get-budget", summary="Get a budget", tag=_TAG, path=["budget"], answer=s.BudgetOut)
    def get(self, request: Request, budget: str) -> Response:
        return self.answer(s.BudgetOut, _find(self, budget))

    @operation(
        "update-budget",
        summary="Change a budget from now on",
        tag=_TAG,
        path=["budget"],
        body=s.BudgetChange,
        answer=s.BudgetOut,
    )
    @once()
    def patch(self, request: Request, budget: str) -> Response:
        found, wanted = _find(self, budget), self.body(s.BudgetChange)
        return self.answer(s.BudgetOut, defining.update(budget=found, **wanted))


class BudgetEnd(Resource):
    """POST /budgets/{budget}/end"""

    whole_book = frozenset({"POST"})

    @operation(
        "end-budget",
        summary="Have a budget bound nothing any more",
        tag=_TAG,
        path=["budget"],
        answer=s.BudgetOut,
    )
    @once()
    def post(self, request: Request, budget: str) -> Response:
        found = _find(self, budget)
        at = clocks.now_of(found.customer, self.now)
        return self.answer(s.BudgetOut, defining.end(budget=found, at=at))


class BudgetUses(Resource):
    """GET /budgets/{budget}/use"""

    @operation(
        "list-budget-use",
        summary="List what a budget's periods have come to, latest first",
        tag=_TAG,
        path=["budget"],
        query=PageQuery,
        answer=listing(s.BudgetUseOut),
    )
    def get(self, request: Request, budget: str) -> Response:
        found = _find(self, budget)
        periods = BudgetUse.objects.filter(budget=found).select_related("budget")
        rows, following = pages.page(periods, self.asked(PageQuery), newest_first=True)
        at = clocks.now_of(found.customer, self.now)
        read = uses.read([(found.pk, row.starts_at) for row in rows], at=at)
        for row in rows:
            row.held = read[found.pk, row.starts_at].held  # without what has expired
        return self.page(s.BudgetUseOut, rows, following)


class BudgetApprovals(Resource):
    """GET, POST /budgets/{budget}/approvals"""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "list-budget-approvals",
        summary="List who allowed more than a budget, latest first",
        tag=_TAG,
        path=["budget"],
        query=PageQuery,
        answer=listing(s.ApprovalOut),
    )
    def get(self, request: Request, budget: str) -> Response:
        rows = _find(self, budget).approvals.all()
        asked = self.asked(PageQuery)
        return self.page(s.ApprovalOut, *pages.page(rows, asked, newest_first=True))

    @operation(
        "approve-budget",
        summary="Allow more than a budget in the period that is running, once per key",
        tag=_TAG,
        path=["budget"],
        body=s.ApproveIn,
        answer=s.ApprovalOut,
        status=201,
    )
    @once()
    def post(self, request: Request, budget: str) -> Response:
        found = _find(self, budget)
        approval = defining.approve(
            budget=found,
            at=clocks.now_of(found.customer, self.now),
            cause=self.caller.name,
            **self.body(s.ApproveIn),
        )
        return self.answer(s.ApprovalOut, approval, status=201)
