"""Alerts on wallets."""

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
from wallets import alerts
from wallets.api import serializers_alerts as s
from wallets.api.views import wallets_of
from wallets.models import Alert


def alerts_of(view: Resource) -> QuerySet[Alert]:
    """Return the alerts that the caller may see."""
    found = Alert.objects.filter(book=view.caller.book)
    found = found.select_related("wallet__customer__clock")
    return lookups.within(view.caller, found, "wallet__customer")


class Alerts(Resource):
    """GET, POST /alerts"""

    @operation(
        "list-alerts",
        summary="List alerts",
        tag="Alerts",
        query=s.AlertQuery,
        answer=listing(s.AlertOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.AlertQuery)
        found = alerts_of(self)
        if wallet := asked.get("wallet"):
            found = found.filter(wallet=lookups.by_id(wallets_of(self), wallet, "wallet"))
        if named := asked.get("customer"):
            found = found.filter(wallet__customer=lookups.customer(self.caller, named))
        if kind := asked.get("kind"):
            found = found.filter(kind=kind)
        return self.page(s.AlertOut, *pages.page(found, asked))

    @operation(
        "create-alert",
        summary="Have a threshold on a wallet told when it is crossed, once per key",
        tag="Alerts",
        body=s.AlertIn,
        answer=s.AlertOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.AlertIn)
        wallet = lookups.by_id(wallets_of(self), wanted.pop("wallet"), "wallet")
        at = clocks.now_of(wallet.customer, self.now)
        return self.answer(s.AlertOut, alerts.create(wallet=wallet, at=at, **wanted), status=201)


class OneAlert(Resource):
    """GET, PATCH /alerts/{alert}"""

    @operation("get-alert", summary="Get an alert", tag="Alerts", path=["alert"], answer=s.AlertOut)
    def get(self, request: Request, alert: str) -> Response:
        return self.answer(s.AlertOut, _named(self, alert))

    @operation(
        "change-alert",
        summary="Change an alert's threshold or addresses; a new threshold arms it",
        tag="Alerts",
        path=["alert"],
        body=s.AlertChange,
        answer=s.AlertOut,
    )
    @once()
    def patch(self, request: Request, alert: str) -> Response:
        changed = alerts.change(alert=_named(self, alert), **self.body(s.AlertChange))
        return self.answer(s.AlertOut, changed)


class AlertEnd(Resource):
    """POST /alerts/{alert}/end"""

    @operation(
        "end-alert",
        summary="Have an alert tell nothing any more, for good",
        tag="Alerts",
        path=["alert"],
        answer=s.AlertOut,
    )
    @once()
    def post(self, request: Request, alert: str) -> Response:
        named = _named(self, alert)
        at = clocks.now_of(named.wallet.customer, self.now)
        return self.answer(s.AlertOut, alerts.end(alert=named, at=at))


class AlertFirings(Resource):
    """GET /alerts/{alert}/firings"""

    @operation(
        "list-alert-firings",
        summary="List an alert's crossings, the newest first",
        tag="Alerts",
        path=["alert"],
        query=PageQuery,
        answer=listing(s.AlertFiringOut),
    )
    def get(self, request: Request, alert: str) -> Response:
        firings = _named(self, alert).history.all()
        rows = pages.page(firings, self.asked(PageQuery), newest_first=True)
        return self.page(s.AlertFiringOut, *rows)


def _named(view: Resource, text: str) -> Alert:
    return lookups.by_id(alerts_of(view), text, "alert")
