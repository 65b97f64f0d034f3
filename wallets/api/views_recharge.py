"""Rules of automatic recharge, and the stop of all."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import recharge
from wallets.api import serializers_topups as s
from wallets.api.views import wallets_of
from wallets.models import RechargeRule, RechargeStop


def rules_of(view: Resource) -> QuerySet[RechargeRule]:
    """Return the rules that the caller may see."""
    found = RechargeRule.objects.filter(wallet__customer__book=view.caller.book)
    found = found.select_related("wallet__customer__clock", "currency")
    return lookups.within(view.caller, found, "wallet__customer")


class RechargeRules(Resource):
    """GET, POST /recharge-rules"""

    @operation(
        "list-recharge-rules",
        summary="List rules of automatic recharge",
        tag="Automatic recharge",
        query=s.RechargeRuleQuery,
        answer=listing(s.RechargeRuleOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.RechargeRuleQuery)
        found = rules_of(self)
        if wallet := asked.get("wallet"):
            found = found.filter(wallet=lookups.by_id(wallets_of(self), wallet, "wallet"))
        if named := asked.get("customer"):
            found = found.filter(wallet__customer=lookups.customer(self.caller, named))
        if state := asked.get("state"):
            found = found.filter(state=state)
        return self.page(s.RechargeRuleOut, *pages.page(found, asked))

    @operation(
        "create-recharge-rule",
        summary="Have a wallet buy credit by itself, once per wallet and key",
        tag="Automatic recharge",
        body=s.RechargeRuleIn,
        answer=s.RechargeRuleOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.RechargeRuleIn)
        wallet = lookups.by_id(wallets_of(self), wanted.pop("wallet"), "wallet")
        if code := wanted.pop("currency", None):
            wanted["currency"] = lookups.asset(code)
        at = clocks.now_of(wallet.customer, self.now)
        rule = recharge.create(wallet=wallet, at=at, **wanted)
        return self.answer(s.RechargeRuleOut, rule, status=201)


class OneRechargeRule(Resource):
    """GET, PATCH /recharge-rules/{recharge_rule}"""

    @operation(
        "get-recharge-rule",
        summary="Get a rule of automatic recharge",
        tag="Automatic recharge",
        path=["recharge_rule"],
        answer=s.RechargeRuleOut,
    )
    def get(self, request: Request, recharge_rule: str) -> Response:
        return self.answer(s.RechargeRuleOut, _named(self, recharge_rule))

    @operation(
        "change-recharge-rule",
        summary="Change a rule's threshold, amount or caps",
        tag="Automatic recharge",
        path=["recharge_rule"],
        body=s.RechargeRuleChange,
        answer=s.RechargeRuleOut,
    )
    @once()
    def patch(self, request: Request, recharge_rule: str) -> Response:
        rule = _named(self, recharge_rule)
        at = clocks.now_of(rule.wallet.customer, self.now)
        changed = recharge.change(rule=rule, at=at, **self.body(s.RechargeRuleChange))
        return self.answer(s.RechargeRuleOut, changed)


class RechargeRulePause(Resource):
    """POST /recharge-rules/{recharge_rule}/pause"""

    @operation(
        "pause-recharge-rule",
        summary="Have a rule buy nothing until it is resumed",
        tag="Automatic recharge",
        path=["recharge_rule"],
        body=s.ReasonGivenIn,
        answer=s.RechargeRuleOut,
    )
    @once()
    def post(self, request: Request, recharge_rule: str) -> Response:
        reason = self.body(s.ReasonGivenIn)["reason"]
        rule = recharge.pause(rule=_named(self, recharge_rule), reason=reason)
        return self.answer(s.RechargeRuleOut, rule)


class RechargeRuleResume(Resource):
    """POST /recharge-rules/{recharge_rule}/resume"""

    @operation(
        "resume-recharge-rule",
        summary="Have a rule that paused, rests or stopped begin anew",
        tag="Automatic recharge",
        path=["recharge_rule"],
        answer=s.RechargeRuleOut,
    )
    @once()
    def post(self, request: Request, recharge_rule: str) -> Response:
        rule = recharge.resume(rule=_named(self, recharge_rule))
        return self.answer(s.RechargeRuleOut, rule)


class RechargeStops(Resource):
    """GET, POST /recharge-stops"""

    scopes = {"GET": "read", "POST": "finance"}
    whole_book = frozenset({"GET", "POST"})

    @operation(
        "list-recharge-stops",
        summary="List emergency stops of automatic recharge, the newest first",
        tag="Automatic recharge",
        query=PageQuery,
        answer=listing(s.RechargeStopOut),
    )
    def get(self, request: Request) -> Response:
        stops = RechargeStop.objects.filter(book=self.caller.book)
        rows = pages.page(stops, self.asked(PageQuery), newest_first=True)
        return self.page(s.RechargeStopOut, *rows)

    @operation(
        "stop-recharges",
        summary="Stop all automatic recharges of the book at once",
        tag="Automatic recharge",
        body=s.ReasonGivenIn,
        answer=s.RechargeStopOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        stop = recharge.stop_all(
            book=self.caller.book,
            reason=self.body(s.ReasonGivenIn)["reason"],
            at=self.now,
            cause=self.caller.name,
        )
        return self.answer(s.RechargeStopOut, stop, status=201)


class RechargeStopEnd(Resource):
    """POST /recharge-stops/{recharge_stop}/end"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "end-recharge-stop",
        summary="End an emergency stop; wallets below their thresholds are recharged at once",
        tag="Automatic recharge",
        path=["recharge_stop"],
        answer=s.RechargeStopOut,
    )
    @once()
    def post(self, request: Request, recharge_stop: str) -> Response:
        stops = RechargeStop.objects.filter(book=self.caller.book)
        stop = lookups.by_id(stops, recharge_stop, "recharge_stop")
        return self.answer(s.RechargeStopOut, recharge.end_stop(stop=stop, at=self.now))


def _named(view: Resource, text: str) -> RechargeRule:
    return lookups.by_id(rules_of(view), text, "recharge_rule")
