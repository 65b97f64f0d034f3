"""Credit that recurs, is adjusted and moves between wallets."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks, inputs
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import adjustments, schedules, transfers
from wallets.api import serializers, views
from wallets.api import serializers_credit as s
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import asked_first
from wallets.models import GrantSchedule


def schedules_of(view: Resource) -> QuerySet[GrantSchedule]:
    """Return the schedules that the caller may see."""
    found = GrantSchedule.objects.filter(wallet__customer__book=view.caller.book)
    found = found.select_related("wallet__asset", "wallet__customer__clock")
    return lookups.within(view.caller, found, "wallet__customer")


class WalletSchedules(Resource):
    """GET, POST /wallets/{wallet}/grant-schedules"""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "list-grant-schedules",
        summary="List the credit that comes to a wallet again and again",
        tag="Grants",
        path=["wallet"],
        query=PageQuery,
        answer=listing(s.ScheduleOut),
    )
    def get(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        rows = schedules_of(self).filter(wallet=found)
        return self.page(s.ScheduleOut, *pages.page(rows, self.asked(PageQuery)))

    @operation(
        "create-grant-schedule",
        summary="Have credit come to a wallet again and again",
        tag="Grants",
        path=["wallet"],
        body=s.ScheduleIn,
        answer={201: s.ScheduleOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        wanted = self.body(s.ScheduleIn)
        for feature in wanted["feature_keys"]:
            inputs.key("feature_keys", feature)
        at = clocks.now_of(found.customer, self.now)
        waits = asked_first(self, "schedule", wallet=found, at=at, **wanted)
        if waits is not None:
            return waits
        del wanted["reason"]
        made = schedules.create(wallet=found, at=at, **wanted)
        return self.answer(s.ScheduleOut, schedules_of(self).get(pk=made.pk), status=201)


class OneSchedule(Resource):
    """GET /grant-schedules/{schedule}"""

    @operation(
        "get-grant-schedule",
        summary="Get a grant schedule",
        tag="Grants",
        path=["schedule"],
        answer=s.ScheduleOut,
    )
    def get(self, request: Request, schedule: str) -> Response:
        return self.answer(s.ScheduleOut, lookups.by_id(schedules_of(self), schedule, "schedule"))


class ScheduleEnd(Resource):
    """POST /grant-schedules/{schedule}/end"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "end-grant-schedule",
        summary="Have no more grants come; what was issued stays",
        tag="Grants",
        path=["schedule"],
        body=s.EndIn,
        answer=s.ScheduleOut,
    )
    @once()
    def post(self, request: Request, schedule: str) -> Response:
        found = lookups.by_id(schedules_of(self), schedule, "schedule")
        at = clocks.now_of(found.wallet.customer, self.now)
        schedules.end(schedule=found, ends_at=self.body(s.EndIn).get("ends_at") or at)
        return self.answer(s.ScheduleOut, schedules_of(self).get(pk=found.pk))


class GrantAdjust(Resource):
    """POST /grants/{grant}/adjust"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "adjust-grant",
        summary="Give more to a grant, or take from what is unused of it",
        tag="Grants",
        path=["grant"],
        body=s.AdjustmentIn,
        answer={201: serializers.GrantOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, grant: str) -> Response:
        found = lookups.by_id(views.grants_of(self), grant, "grant")
        at = clocks.now_of(found.wallet.customer, self.now)
        wanted = self.body(s.AdjustmentIn)
        waits = asked_first(self, "adjust", grant=found, at=at, **wanted)
        if waits is not None:
            return waits
        change = adjustments.adjust(grant=found, at=at, **wanted)
        return views.answer_grant(self, change.pk, status=201)


class WalletTransfers(Resource):
    """POST /wallets/{wallet}/transfers"""

    scopes = {"POST": "finance"}

    @operation(
        "transfer-credit",
        summary="Move credit to another wallet; lists the grants it became",
        tag="Grants",
        path=["wallet"],
        body=s.TransferIn,
        answer={201: listing(serializers.GrantOut), 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, wallet: str) -> Response:
        source = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        wanted = self.body(s.TransferIn)
        named = wanted.pop("grant", None)
        move = wanted | {
            "source": source,
            "target": lookups.by_id(views.wallets_of(self), wanted.pop("to_wallet"), "to_wallet"),
            "grant": lookups.by_id(views.grants_of(self), named, "grant") if named else None,
            "at": clocks.now_of(source.customer, self.now),
        }
        waits = asked_first(self, "transfer", **move)
        if waits is not None:
            return waits
        moved = transfers.transfer(**move)
        answer = views.page_of_grants(self, [grant.pk for grant in moved])
        answer.status_code = 201
        return answer
