"""What providers charge for models: published, overridden, unknown."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_costs as s
from billing.costs import overrides, prices
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_WHOLE = frozenset({"GET", "HEAD", "POST", "DELETE"})

M = TypeVar("M", bound=Model)


class CostPrices(Resource):
    """GET /llm-cost/prices"""

    whole_book = _WHOLE

    @operation(
        "list-llm-cost-prices",
        summary="List what models' tokens cost, the book's own prices where it has some",
        tag="Provider cost",
        query=s.CostPriceQuery,
        answer=listing(s.CostPriceOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.CostPriceQuery)
        at = asked.get("effective_at", self.now)
        found = _named(prices.in_force(book=self.caller.book, at=at), asked)
        if source := asked.get("source"):
            found = found.filter(source=source)
        return self.page(s.CostPriceOut, *pages.page(found, asked))


class OneCostPrice(Resource):
    """GET /llm-cost/prices/{price}"""

    whole_book = _WHOLE

    @operation(
        "get-llm-cost-price",
        summary="Get a price, past ones too",
        tag="Provider cost",
        path=["price"],
        answer=s.CostPriceOut,
    )
    def get(self, request: Request, price: str) -> Response:
        found = lookups.by_id(prices.visible(self.caller.book), price, "price")
        return self.answer(s.CostPriceOut, found)


class Overrides(Resource):
    """GET, POST /llm-cost/overrides"""

    whole_book = _WHOLE

    @operation(
        "list-llm-cost-overrides",
        summary="List the book's own prices, past and coming ones too",
        tag="Provider cost",
        query=s.OverrideQuery,
        answer=listing(s.CostPriceOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.OverrideQuery)
        found = _named(prices.overrides(self.caller.book), asked)
        return self.page(s.CostPriceOut, *pages.page(found, asked))

    @operation(
        "create-llm-cost-override",
        summary="Price a model's tokens for the book from an instant on",
        description="One that begins when another of the same model did takes its place.",
        tag="Provider cost",
        body=s.OverrideIn,
        answer=s.CostPriceOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.OverrideIn)
        made = overrides.create(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.CostPriceOut, made, status=201)


class OneOverride(Resource):
    """DELETE /llm-cost/overrides/{override}"""

    whole_book = _WHOLE
    scopes = Resource.scopes | {"DELETE": "manage"}

    @operation(
        "delete-llm-cost-override",
        summary="Withdraw an override: it prices nothing that is received from now on",
        tag="Provider cost",
        path=["override"],
        answer=None,
        status=204,
    )
    @once()
    def delete(self, request: Request, override: str) -> Response:
        own = prices.visible(self.caller.book).filter(book=self.caller.book)
        overrides.remove(override=lookups.by_id(own, override, "override"), at=self.now)
        return Response(status=204)


class UnknownModels(Resource):
    """GET /llm-cost/unknown-models"""

    whole_book = _WHOLE

    @operation(
        "list-llm-cost-unknown-models",
        summary="List the models that usage named and no price is known of",
        tag="Provider cost",
        query=PageQuery,
        answer=listing(s.UnknownModelOut),
    )
    def get(self, request: Request) -> Response:
        found = prices.unknown_models(self.caller.book)
        asked = self.asked(PageQuery)
        return self.page(s.UnknownModelOut, *pages.page(found, asked, newest_first=True))


def _named(rows: QuerySet[M], asked: dict[str, Any]) -> QuerySet[M]:
    for name in ("provider", "model"):
        if name in asked:
            rows = rows.filter(**{f"{name}__iexact": asked[name]})
    return rows
