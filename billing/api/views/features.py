"""Features: what is sold."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import features
from billing.api import serializers_features as s
from billing.api.views.catalogue import find_meter
from billing.models import Feature
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_EVERY_METHOD: Final = frozenset({"GET", "HEAD", "POST", "PATCH"})


def find_feature(view: Resource, text: str) -> Feature:
    """Return a feature of the caller's book."""
    return lookups.by_id_or_key(_features(view), text, "feature")


def _features(view: Resource) -> QuerySet[Feature]:
    return Feature.objects.filter(book=view.caller.book).select_related("meter")


class Features(Resource):
    """GET, POST /features"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-features",
        summary="List features",
        tag="Features",
        query=s.FeatureQuery,
        answer=listing(s.FeatureOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.FeatureQuery)
        found = _features(self)
        if key := asked.get("key"):
            found = found.filter(key=key)
        if meter := asked.get("meter"):
            found = found.filter(meter=find_meter(self, meter))
        if not asked["include_archived"]:
            found = found.filter(archived_at=None)
        return self.page(s.FeatureOut, *pages.page(found, asked))

    @operation(
        "create-feature",
        summary="Define something to sell",
        tag="Features",
        body=s.FeatureIn,
        answer=s.FeatureOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.FeatureIn)
        if (counted := wanted.pop("meter", None)) is not None:
            wanted["meter"] = find_meter(self, counted["id"])
            wanted["filters"] = counted["filters"]
        feature = features.create(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.FeatureOut, feature, status=201)


class OneFeature(Resource):
    """GET, PATCH /features/{feature}"""

    whole_book = _EVERY_METHOD

    @operation(
        "get-feature",
        summary="Get a feature",
        tag="Features",
        path=["feature"],
        answer=s.FeatureOut,
    )
    def get(self, request: Request, feature: str) -> Response:
        return self.answer(s.FeatureOut, find_feature(self, feature))

    @operation(
        "update-feature",
        summary="Change a feature's name, description, metadata or cost",
        tag="Features",
        path=["feature"],
        body=s.FeatureChange,
        answer=s.FeatureOut,
    )
    @once()
    def patch(self, request: Request, feature: str) -> Response:
        found, wanted = find_feature(self, feature), self.body(s.FeatureChange)
        removes_cost = "unit_cost" in wanted and wanted["unit_cost"] is None
        changed = features.update(feature=found, removes_cost=removes_cost, **wanted)
        return self.answer(s.FeatureOut, changed)


class FeatureArchive(Resource):
    """POST /features/{feature}/archive"""

    whole_book = _EVERY_METHOD

    @operation(
        "archive-feature",
        summary="Stop offering a feature; subscriptions to it go on",
        tag="Features",
        path=["feature"],
        answer=s.FeatureOut,
    )
    @once()
    def post(self, request: Request, feature: str) -> Response:
        found = find_feature(self, feature)
        return self.answer(s.FeatureOut, features.archive(feature=found, at=self.now))
