"""What waits for a second person: asked for by one caller, decided by another."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import approvals
from wallets.api import serializers_approvals as s
from wallets.api.serializers_topups import ReasonGivenIn
from wallets.models import Approval

_TAG = "Approvals"
_DECIDE = "wallets.decide_approval"
_READ = {"GET": "finance", "HEAD": "finance"}
_WHOLE = frozenset({"GET", "HEAD", "POST"})


def asked_first(
    view: Resource,
    kind: str,
    *,
    key: str,
    at: datetime,
    reason: str = "",
    **arguments: Any,
) -> Response | None:
    """
    Ask for a second person if a change is large, and return that answer; None if it may be done.

    ``arguments`` are those of ``approvals.submit``, as they were read.
    """
    approval = approvals.ask(
        book=view.caller.book,
        operation=kind,
        arguments=approvals.written(arguments),
        key=key,
        reason=reason,
        by=caller_of(view),
        at=at,
    )
    return None if approval is None else view.answer(s.CreditApprovalOut, approval, status=202)


class Approvals(Resource):
    """GET /approvals"""

    scopes = _READ
    whole_book = _WHOLE

    @operation(
        "list-approvals",
        summary="List changes of credit that wait for a second person, or were decided",
        tag=_TAG,
        query=s.ApprovalQuery,
        answer=listing(s.CreditApprovalOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(s.ApprovalQuery), _rows(self)
        if state := asked.get("state"):
            rows = rows.filter(state=state)
        return self.page(s.CreditApprovalOut, *pages.page(rows, asked, newest_first=True))


class OneApproval(Resource):
    """GET /approvals/{approval}"""

    scopes = _READ
    whole_book = _WHOLE

    @operation(
        "get-approval",
        summary="Get an approval",
        tag=_TAG,
        path=["approval"],
        answer=s.CreditApprovalOut,
    )
    def get(self, request: Request, approval: str) -> Response:
        return self.answer(s.CreditApprovalOut, lookups.by_id(_rows(self), approval, "approval"))


class ApprovalApprove(Resource):
    """POST /approvals/{approval}/approve"""

    scopes = {"POST": "finance"}
    whole_book = _WHOLE

    @operation(
        "approve-change",
        summary="Do what somebody else asked for, once",
        tag=_TAG,
        description="Another key, or a person, than the one that asked.",
        path=["approval"],
        answer=s.CreditApprovalOut,
    )
    @once()
    def post(self, request: Request, approval: str) -> Response:
        found = lookups.by_id(_rows(self), approval, "approval")
        done = approvals.approve(approval=found, by=_decider(self), at=self.now)
        return self.answer(s.CreditApprovalOut, _rows(self).get(pk=done.pk))


class ApprovalRefuse(Resource):
    """POST /approvals/{approval}/refuse"""

    scopes = {"POST": "finance"}
    whole_book = _WHOLE

    @operation(
        "refuse-change",
        summary="Say that what somebody else asked for will not be done",
        tag=_TAG,
        path=["approval"],
        body=ReasonGivenIn,
        answer=s.CreditApprovalOut,
    )
    @once()
    def post(self, request: Request, approval: str) -> Response:
        found = lookups.by_id(_rows(self), approval, "approval")
        reason = self.body(ReasonGivenIn)["reason"]
        done = approvals.refuse(approval=found, by=_decider(self), reason=reason, at=self.now)
        return self.answer(s.CreditApprovalOut, _rows(self).get(pk=done.pk))


def _rows(view: Resource) -> QuerySet[Approval]:
    return Approval.objects.filter(book=view.caller.book).select_related("asset")


def _decider(view: Resource) -> User | str:
    """Return who decides; a person needs the right that the admin asks for, too."""
    by = caller_of(view)
    if isinstance(by, User) and not by.has_perm(_DECIDE):
        raise PermissionDenied(f"This needs the permission {_DECIDE}.", code="permission_missing")
    return by


def caller_of(view: Resource) -> User | str:
    """Return who asks, or decides: a person, or a key by its name as a caller."""
    user = view.request.user
    return user if isinstance(user, User) else view.caller.name
