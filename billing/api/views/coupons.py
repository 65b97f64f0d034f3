"""Coupons, and their redemptions for subscriptions."""

from __future__ import annotations

from typing import Final

from django.db.models import Count, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import coupons
from billing.api import serializers_coupons as s
from billing.api.views.subscriptions import SubscriptionResource
from billing.models import Coupon, CouponRedemption
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_EVERY_METHOD: Final = frozenset({"GET", "HEAD", "POST", "PATCH"})


def _coupons(view: Resource) -> QuerySet[Coupon]:
    rows = Coupon.objects.filter(book=view.caller.book).select_related("asset")
    return rows.annotate(redeemed=Count("redemptions"))


def _find(view: Resource, text: str) -> Coupon:
    return lookups.by_id_or_key(_coupons(view), text, "coupon")


class Coupons(Resource):
    """GET, POST /coupons"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-coupons",
        summary="List coupons",
        tag="Coupons",
        query=s.CouponQuery,
        answer=listing(s.CouponOut),
    )
    def get(self, request: Request) -> Response:
        asked, found = self.asked(s.CouponQuery), _coupons(self)
        if key := asked.get("key"):
            found = found.filter(key=key)
        if not asked["include_archived"]:
            found = found.filter(archived_at=None)
        return self.page(s.CouponOut, *pages.page(found, asked))

    @operation(
        "create-coupon",
        summary="Make a coupon",
        tag="Coupons",
        body=s.CouponIn,
        answer=s.CouponOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.CouponIn)
        currency = wanted.pop("currency", None)
        wanted["asset"] = None if currency is None else lookups.asset(currency)
        made = coupons.create(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.CouponOut, _find(self, str(made.pk)), status=201)


class OneCoupon(Resource):
    """GET, PATCH /coupons/{coupon}"""

    whole_book = _EVERY_METHOD

    @operation(
        "get-coupon", summary="Get a coupon", tag="Coupons", path=["coupon"], answer=s.CouponOut
    )
    def get(self, request: Request, coupon: str) -> Response:
        return self.answer(s.CouponOut, _find(self, coupon))

    @operation(
        "update-coupon",
        summary="Change a coupon's name, total limit, expiry or metadata",
        tag="Coupons",
        path=["coupon"],
        body=s.CouponChange,
        answer=s.CouponOut,
    )
    @once()
    def patch(self, request: Request, coupon: str) -> Response:
        found, wanted = _find(self, coupon), self.body(s.CouponChange)
        return self.answer(s.CouponOut, coupons.update(coupon=found, **wanted))


class CouponArchive(Resource):
    """POST /coupons/{coupon}/archive"""

    whole_book = _EVERY_METHOD

    @operation(
        "archive-coupon",
        summary="Stop a coupon from being redeemed; what has been redeemed goes on",
        tag="Coupons",
        path=["coupon"],
        answer=s.CouponOut,
    )
    @once()
    def post(self, request: Request, coupon: str) -> Response:
        coupons.archive(coupon=_find(self, coupon), at=self.now)
        return self.answer(s.CouponOut, _find(self, coupon))


class CouponRedemptions(Resource):
    """GET /coupons/{coupon}/redemptions"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-coupon-redemptions",
        summary="List who redeemed a coupon",
        tag="Coupons",
        path=["coupon"],
        query=PageQuery,
        answer=listing(s.RedemptionOut),
    )
    def get(self, request: Request, coupon: str) -> Response:
        found = CouponRedemption.objects.filter(coupon=_find(self, coupon))
        rows = found.select_related("coupon")
        return self.page(s.RedemptionOut, *pages.page(rows, self.asked(PageQuery)))


class SubscriptionCoupons(SubscriptionResource):
    """GET, POST /subscriptions/{subscription}/coupons"""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}

    @operation(
        "list-subscription-coupons",
        summary="List the coupons redeemed for a subscription",
        tag="Coupons",
        path=["subscription"],
        query=PageQuery,
        answer=listing(s.RedemptionOut),
    )
    def get(self, request: Request, subscription: str) -> Response:
        found = CouponRedemption.objects.filter(subscription=self.find(subscription))
        rows = found.select_related("coupon")
        return self.page(s.RedemptionOut, *pages.page(rows, self.asked(PageQuery)))

    @operation(
        "redeem-coupon",
        summary="Use a coupon for a subscription, from now on",
        description="Limits hold however many redeem at once: who comes too late is answered"
        " `coupon_refused`, with the reason.",
        tag="Coupons",
        path=["subscription"],
        body=s.RedemptionIn,
        answer=s.RedemptionOut,
        status=201,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(s.RedemptionIn)
        redemption = coupons.redeem(
            coupon=_find(self, wanted["coupon"]),
            subscription=found,
            key=wanted.get("key", ""),
            at=self.time_of(found.customer),
            cause=self.caller.name,
        )
        return self.answer(s.RedemptionOut, redemption, status=201)


class SubscriptionCouponRemoval(SubscriptionResource):
    """POST /subscriptions/{subscription}/coupons/{redemption}/remove"""

    scopes = {"POST": "finance"}

    @operation(
        "remove-coupon",
        summary="Take a coupon from a subscription, from now on",
        tag="Coupons",
        path=["subscription", "redemption"],
        answer=s.RedemptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str, redemption: str) -> Response:
        found = self.find(subscription)
        rows = CouponRedemption.objects.filter(subscription=found).select_related("coupon")
        removed = coupons.remove(
            redemption=lookups.by_id(rows, redemption, "redemption"),
            at=self.time_of(found.customer),
        )
        return self.answer(s.RedemptionOut, removed)
