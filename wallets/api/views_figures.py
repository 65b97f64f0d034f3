"""Shares of wallets, prices of credits, how long credit will last and how it went."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets import days, forecast, pricing, shares
from wallets.api import serializers_figures as s
from wallets.api import views
from wallets.models import CreditPrice, WalletShare


class WalletForecast(Resource):
    """GET /wallets/{wallet}/forecast"""

    @operation(
        "get-wallet-forecast",
        summary="Get how long a wallet's credit will last",
        tag="Wallets",
        path=["wallet"],
        query=s.DaysQuery,
        answer=s.ForecastOut,
    )
    def get(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        at = clocks.now_of(found.customer, self.now)
        asked = self.asked(s.DaysQuery)["days"]
        told = forecast.of_wallets([found.pk], at=at, days=asked)[found.pk]
        return self.answer(
            s.ForecastOut,
            {
                "wallet_id": found.pk,
                "asset": found.asset.code,
                "available": told.available,
                "pending": told.pending,
                "burn_per_day": told.burn_per_day,
                "runs_out_at": told.runs_out_at,
            },
        )


class WalletHistory(Resource):
    """GET /wallets/{wallet}/history"""

    @operation(
        "get-wallet-history",
        summary="Get how a wallet's credit went from day to day",
        tag="Wallets",
        path=["wallet"],
        query=s.DaysQuery,
        answer=s.HistoryOut,
    )
    def get(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        at = clocks.now_of(found.customer, self.now)
        told = days.history(wallet_id=found.pk, at=at, days=self.asked(s.DaysQuery)["days"])
        written = {"wallet_id": found.pk, "asset": found.asset.code, "days": told}
        return self.answer(s.HistoryOut, written)


class WalletShares(Resource):
    """GET, POST /wallets/{wallet}/shares"""

    @operation(
        "list-wallet-shares",
        summary="List how much of a shared wallet descendants may use",
        tag="Wallets",
        path=["wallet"],
        query=PageQuery,
        answer=listing(s.ShareOut),
    )
    def get(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        rows = _shares_of(self).filter(wallet=found)
        found_rows, following = pages.page(rows, self.asked(PageQuery))
        return self.page(s.ShareOut, _with_standing(self, found_rows), following)

    @operation(
        "give-wallet-share",
        summary="Say how much of a shared wallet a descendant may use per period",
        tag="Wallets",
        path=["wallet"],
        body=s.ShareIn,
        answer=s.ShareOut,
        status=201,
    )
    @once()
    def post(self, request: Request, wallet: str) -> Response:
        found = lookups.by_id(views.wallets_of(self), wallet, "wallet")
        wanted = self.body(s.ShareIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        at = clocks.now_of(found.customer, self.now)
        share = shares.give(wallet=found, customer=customer, at=at, **wanted)
        return _answer_share(self, share.pk, status=201)


class ShareEnd(Resource):
    """POST /wallet-shares/{share}/end"""

    @operation(
        "end-wallet-share",
        summary="Let a descendant use all of the shared wallet again",
        tag="Wallets",
        path=["share"],
        answer=s.ShareOut,
    )
    @once()
    def post(self, request: Request, share: str) -> Response:
        found = lookups.by_id(_shares_of(self), share, "share")
        shares.end(share=found, at=clocks.now_of(found.wallet.customer, self.now))
        return _answer_share(self, found.pk)


class CreditPrices(Resource):
    """GET, POST /credit-prices"""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "list-credit-prices",
        summary="List what credits cost",
        tag="Wallets",
        query=s.CreditPriceQuery,
        answer=listing(s.CreditPriceOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.CreditPriceQuery)
        prices = CreditPrice.objects.filter(book=self.caller.book)
        prices = prices.select_related("asset", "currency").order_by("pk")
        if code := asked.get("asset"):
            prices = prices.filter(asset__code=code)
        return self.page(s.CreditPriceOut, *pages.page(prices, asked))

    @operation(
        "set-credit-price",
        summary="Say what a credit costs in a currency, from an instant on",
        tag="Wallets",
        body=s.CreditPriceIn,
        answer=s.CreditPriceOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.CreditPriceIn)
        price = pricing.set_price(
            book=self.caller.book,
            asset=lookups.asset(wanted["asset"]),
            currency=lookups.asset(wanted["currency"]),
            amount=wanted["amount"],
            effective_from=wanted.get("effective_from"),
            at=self.now,
        )
        return self.answer(s.CreditPriceOut, price, status=201)


def _shares_of(view: Resource) -> QuerySet[WalletShare]:
    """Return the shares that the caller may see: those of wallets it may see."""
    found = WalletShare.objects.filter(wallet__in=views.wallets_of(view).values("pk"))
    return found.select_related("wallet__customer__clock")


def _answer_share(view: Resource, share_id: int, *, status: int = 200) -> Response:
    share = _shares_of(view).get(pk=share_id)
    return view.answer(s.ShareOut, _with_standing(view, [share])[0], status=status)


def _with_standing(view: Resource, rows: Iterable[WalletShare]) -> list[WalletShare]:
    """Give each share of one wallet what was taken of it."""
    listed = list(rows)
    if listed:
        at = clocks.now_of(listed[0].wallet.customer, view.now)
        found = shares.standing(listed, at=at)
        for share in listed:
            share.standing = found[share.pk]  # type: ignore[attr-defined]
    return listed
