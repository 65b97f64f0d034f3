"""Closing accounting periods by their checklist, and opening them again."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing import approving, closing
from billing.api import serializers_closing as s
from billing.closing import standing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.api.views.journal import find_period
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import caller_of

_TAG = "Periods"


class _Closing(Resource):
    """Belongs to the whole book, and to finance."""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"GET", "HEAD", "POST"})


class PeriodClosing(_Closing):
    """GET /periods/{period}/closing"""

    @operation(
        "get-period-closing",
        summary="Get how far the closing of a period is, and what its checks found last",
        tag=_TAG,
        path=["period"],
        answer=s.ClosingOut,
    )
    def get(self, request: Request, period: str) -> Response:
        return self.answer(s.ClosingOut, standing.of(find_period(self, period)))


class PeriodCheck(_Closing):
    """POST /periods/{period}/check"""

    person_needs = {"POST": "ledger.close_period"}

    @operation(
        "check-period",
        summary="Run the checklist of a period; nothing is closed",
        tag=_TAG,
        path=["period"],
        answer=s.ChecklistOut,
    )
    @once()
    def post(self, request: Request, period: str) -> Response:
        found = find_period(self, period)
        findings = closing.check(period=found, at=self.now, by=self.caller.name)
        is_blocked = any(one.blocks for one in findings)
        answer = {"period_id": found.pk, "is_blocked": is_blocked, "findings": findings}
        return self.answer(s.ChecklistOut, answer)


class PeriodClose(_Closing):
    """POST /periods/{period}/close"""

    person_needs = {"POST": "ledger.close_period"}

    @operation(
        "close-period",
        summary="Close a period if nothing of its checklist blocks; nothing is booked in it then",
        tag=_TAG,
        path=["period"],
        answer=s.ClosingOut,
    )
    @once()
    def post(self, request: Request, period: str) -> Response:
        found = find_period(self, period)
        closing.close(period=found, by=self.caller.name, at=self.now)
        return self.answer(s.ClosingOut, standing.of(find_period(self, period)))


class PeriodReopening(_Closing):
    """POST /periods/{period}/reopen"""

    person_needs = {"POST": "billing.reopen_period"}

    @operation(
        "reopen-period",
        summary="Open the period that was closed last again; a trace stays",
        description="One in which much was booked waits for a second person (202).",
        tag=_TAG,
        path=["period"],
        body=s.ClosingReasonIn,
        answer={200: s.ClosingOut, 202: CreditApprovalOut},
    )
    @once()
    def post(self, request: Request, period: str) -> Response:
        found, reason = find_period(self, period), self.body(s.ClosingReasonIn)["reason"]
        approval = approving.ask_to_reopen(
            period=found, by=caller_of(self), reason=reason, at=self.now
        )
        if approval is not None:
            return self.answer(CreditApprovalOut, approval, status=202)
        closing.reopen(period=found, by=self.caller.name, reason=reason, at=self.now)
        return self.answer(s.ClosingOut, standing.of(find_period(self, period)))


class PeriodWaiver(_Closing):
    """POST /periods/{period}/checks/{check}/waive"""

    person_needs = {"POST": "billing.waive_closingcheck"}

    @operation(
        "waive-period-check",
        summary="Answer for what a check found, so that it does not keep the period open",
        tag=_TAG,
        path=["period", "check"],
        body=s.ClosingReasonIn,
        answer=s.CheckRunOut,
        status=201,
    )
    @once()
    def post(self, request: Request, period: str, check: str) -> Response:
        found, reason = find_period(self, period), self.body(s.ClosingReasonIn)["reason"]
        row = closing.waive(
            period=found, check=check, by=self.caller.name, reason=reason, at=self.now
        )
        return self.answer(s.CheckRunOut, row, status=201)
