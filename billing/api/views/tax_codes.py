"""Tax codes."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import taxcodes
from billing.api import serializers_features as s
from billing.models import TaxCode
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_EVERY_METHOD: Final = frozenset({"GET", "HEAD", "POST", "PUT"})


def _tax_codes(view: Resource) -> QuerySet[TaxCode]:
    return TaxCode.objects.filter(book=view.caller.book)


class TaxCodes(Resource):
    """GET, POST /tax-codes"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-tax-codes",
        summary="List tax codes",
        tag="Tax codes",
        query=PageQuery,
        answer=listing(s.TaxCodeOut),
    )
    def get(self, request: Request) -> Response:
        return self.page(s.TaxCodeOut, *pages.page(_tax_codes(self), self.asked(PageQuery)))

    @operation(
        "create-tax-code",
        summary="Name something that is taxed alike",
        tag="Tax codes",
        body=s.TaxCodeIn,
        answer=s.TaxCodeOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TaxCodeIn)
        code = taxcodes.create(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.TaxCodeOut, code, status=201)


class OneTaxCode(Resource):
    """GET, PUT /tax-codes/{tax_code}"""

    whole_book = _EVERY_METHOD

    @operation(
        "get-tax-code",
        summary="Get a tax code",
        tag="Tax codes",
        path=["tax_code"],
        answer=s.TaxCodeOut,
    )
    def get(self, request: Request, tax_code: str) -> Response:
        found = lookups.by_id_or_key(_tax_codes(self), tax_code, "tax_code")
        return self.answer(s.TaxCodeOut, found)

    @operation(
        "update-tax-code",
        summary="Replace what people read of a tax code",
        tag="Tax codes",
        path=["tax_code"],
        body=s.TaxCodeChange,
        answer=s.TaxCodeOut,
    )
    @once()
    def put(self, request: Request, tax_code: str) -> Response:
        found = lookups.by_id_or_key(_tax_codes(self), tax_code, "tax_code")
        wanted = self.body(s.TaxCodeChange)
        return self.answer(s.TaxCodeOut, taxcodes.update(tax_code=found, **wanted))
