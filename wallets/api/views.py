"""Wallets and the grants in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks, inputs
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import grants, summary
from wallets.api import serializers as s
from wallets.api.serializers_approvals import CreditApprovalOut
from wallets.api.views_approvals import asked_first
from wallets.models import CreditGrant, Wallet


def wallets_of(view: Resource) -> QuerySet[Wallet]:
    """Return the wallets that the caller may see."""
    wallets = Wallet.objects.filter(customer__book=view.caller.book)
    wallets = wallets.select_related("asset", "customer__clock")
    return lookups.within(view.caller, wallets, "customer")


def grants_of(view: Resource) -> QuerySet[CreditGrant]:
    """Return the grants that the caller may see."""
    found = CreditGrant.objects.filter(wallet__customer__book=view.caller.book)
    found = found.select_related("wallet__asset", "wallet__customer__clock")
    return lookups.within(view.caller, found, "wallet__customer")


class Wallets(Resource):
    """GET, POST /wallets"""

    @operation(
        "list-wallets",
        summary="List wallets",
        tag="Wallets",
        query=s.WalletQuery,
        answer=listing(s.WalletOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.WalletQuery)
        wallets = wallets_of(self)
        if named := asked.get("customer"):
            wallets = wallets.filter(customer=lookups.customer(self.caller, named))
        if code := asked.get("asset"):
            wallets = wallets.filter(asset__code=code)
        return self.page(s.WalletOut, *pages.page(wallets, asked))

    @operation(
        "open-wallet",
        summary="Open a wallet, once per customer and key",
        tag="Wallets",
        body=s.WalletIn,
        answer=s.WalletOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.WalletIn)
        wallet = grants.open_wallet(
            customer=lookups.customer(self.caller, wanted["customer"]),
            asset=lookups.asset(wanted["asset"]),
            key=inputs.key("key", wanted["key"]),
            name=inputs.name("name", wanted["name"], may_be_empty=True),
            is_shared=wanted["is_shared"],
            after_expiry=wanted["after_expiry"],
            at=self.now,
        )
        return self.answer(s.WalletOut, wallet, status=201)


class OneWallet(Resource):
    """GET /wallets/{wallet}"""

    @operation(
        "get-wallet", summary="Get a wallet", tag="Wallets", path=["wallet"], answer=s.WalletOut
    )
    def get(self, request: Request, wallet: str) -> Response:
        return self.answer(s.WalletOut, lookups.by_id(wallets_of(self), wallet, "wallet"))


class WalletBalance(Resource):
    """GET /wallets/{wallet}/balance"""

    @operation(
        "get-wallet-balance",
        summary="Get what became of a wallet's credit, now or as of an instant",
        tag="Wallets",
        path=["wallet"],
        query=s.AtQuery,
        answer=s.WalletBalanceOut,
    )
    def get(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(wallets_of(self), wallet, "wallet")
        as_of = self.asked(s.AtQuery).get("as_of")
        at = as_of or clocks.now_of(found.customer, self.now)
        figures = summary.of_wallets([found.pk], at=at, is_past=as_of is not None)[found.pk]
        written = {"wallet_id": found.pk, "asset": found.asset.code, "as_of": as_of}
        return self.answer(
            s.WalletBalanceOut, asdict(figures) | {"settled": figures.settled} | written
        )


class Grants(Resource):
    """GET /grants"""

    @operation(
        "list-grants",
        summary="List credit grants",
        tag="Grants",
        query=s.GrantQuery,
        answer=listing(s.GrantOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.GrantQuery)
        found = grants_of(self)
        if wallet := asked.get("wallet"):
            found = found.filter(wallet=lookups.by_id(wallets_of(self), wallet, "wallet"))
        if named := asked.get("customer"):
            found = found.filter(wallet__customer=lookups.customer(self.caller, named))
        if key := asked.get("key"):
            found = found.filter(key=key)
        rows, following = pages.page(found, asked)
        return self.page(s.GrantOut, _with_figures(self, rows), following)


class WalletGrants(Resource):
    """POST /wallets/{wallet}/grants"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "issue-grant",
        summary="Put a block of credit into a wallet",
        tag="Grants",
        path=["wallet"],
        body=s.GrantIn,
        answer={201: s.GrantOut, 202: CreditApprovalOut},
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(wallets_of(self), wallet, "wallet")
        wanted = self.body(s.GrantIn)
        inputs.key("key", wanted["key"])
        for feature in wanted["feature_keys"]:
            inputs.key("feature_keys", feature)
        at = clocks.now_of(found.customer, self.now)
        waits = asked_first(self, "grant", wallet=found, at=at, **wanted)
        if waits is not None:
            return waits
        grant = grants.issue(wallet=found, at=at, **wanted)
        return answer_grant(self, grant.pk, status=201)


class OneGrant(Resource):
    """GET /grants/{grant}"""

    @operation("get-grant", summary="Get a grant", tag="Grants", path=["grant"], answer=s.GrantOut)
    def get(self, request: Request, grant: str) -> Response:
        return answer_grant(self, lookups.by_id(grants_of(self), grant, "grant").pk)


class GrantVoid(Resource):
    """POST /grants/{grant}/void"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "void-grant",
        summary="Take back what is unused of a grant, for good",
        tag="Grants",
        path=["grant"],
        body=s.VoidIn,
        answer={200: s.GrantOut, 202: CreditApprovalOut},
    )
    @once(is_required=True)
    def post(self, request: Request, grant: str) -> Response:
        found = lookups.by_id(grants_of(self), grant, "grant")
        at = clocks.now_of(found.wallet.customer, self.now)
        act = {"key": request.headers["Idempotency-Key"], "reason": self.body(s.VoidIn)["reason"]}
        waits = asked_first(self, "void", grant=found, at=at, **act)
        if waits is not None:
            return waits
        grants.void(grant=found, at=at, **act)
        return answer_grant(self, found.pk)


def answer_grant(view: Resource, grant_id: int, *, status: int = 200) -> Response:
    """Return the answer for a grant, with its figures."""
    grant = grants_of(view).get(pk=grant_id)
    return view.answer(s.GrantOut, _with_figures(view, [grant])[0], status=status)


def page_of_grants(view: Resource, grant_ids: Sequence[int]) -> Response:
    """Return the answer for grants, with their figures, as a page that is the last."""
    rows = list(grants_of(view).filter(pk__in=grant_ids).order_by("pk"))
    return view.page(s.GrantOut, _with_figures(view, rows), None)


def _with_figures(view: Resource, rows: Sequence[CreditGrant]) -> list[Any]:
    """Give each grant its figures, by one look for all who live by one time."""
    now, by_time = view.now, defaultdict[datetime, list[int]](list)
    for grant in rows:
        by_time[clocks.now_of(grant.wallet.customer, now)].append(grant.pk)
    found = {
        pk: figures
        for at, grants_ in by_time.items()
        for pk, figures in summary.of_grants(grants_, at=at).items()
    }
    for grant in rows:
        grant.figures = found[grant.pk]  # type: ignore[attr-defined]
    return list(rows)
