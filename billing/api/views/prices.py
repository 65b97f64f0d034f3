"""What prices would cost; nothing is recorded."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_prices as s
from billing.rating import preview
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError
from ledger.models import Asset
from ledger.money import iso_exponent

_MOST: Final = 1000


class PricePreview(Resource):
    """POST /prices/preview"""

    scopes = {"POST": "read"}

    @operation(
        "preview-price",
        summary="Compute what a quantity would cost",
        description="Send one case, or a list of up to 1,000: the answer to a list has, in order,"
        " each case's document or its problem. Nothing is recorded. A free or a flat price needs"
        " no `quantity`: it costs the same whatever is used.",
        tag="Prices",
        body=s.PREVIEW_IN,
        answer=s.PREVIEW_OUT,
    )
    def post(self, request: Request) -> Response:
        sent = request.data
        if not isinstance(sent, list):
            return Response(preview.document(sent, exponent_of=_exponent))
        if len(sent) > _MOST:
            remedy = f"send at most {_MOST} cases"
            raise InvalidInputError(field="", value=f"{len(sent)} cases", remedy=remedy)
        return Response([preview.preview(case, exponent_of=_exponent) for case in sent])


def _exponent(code: str) -> int | None:
    """Return a currency's places, or those that a credit is kept with."""
    found = iso_exponent(code)
    if found is not None or not code.isprintable():
        return found
    credit = Asset.objects.filter(code=code, kind=Asset.Kind.CREDIT)
    return credit.values_list("scale", flat=True).first()
