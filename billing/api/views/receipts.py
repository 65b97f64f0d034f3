"""Receipts for credit that was bought."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from billing.api.serializers_ageing import ReceiptQuery
from billing.payments.receipts import receipt
from ledger import clocks
from ledger.api import lookups
from ledger.api.resource import Resource
from ledger.api.schema import operation
from wallets.api.views_topups import topups_of


class TopUpReceipt(Resource):
    """GET /top-ups/{top_up}/receipt"""

    @operation(
        "download-top-up-receipt",
        summary="Get a receipt for a top-up that was paid, as PDF",
        description="It states no tax, and is no tax invoice.",
        tag="Top-ups",
        path=["top_up"],
        query=ReceiptQuery,
        answer={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, top_up: str) -> HttpResponse:
        rows = topups_of(self).select_related("wallet__customer__book")
        found = lookups.by_id(rows, top_up, "top_up")
        at = clocks.now_of(found.wallet.customer, self.now)
        made = receipt(top_up=found, at=at, **self.asked(ReceiptQuery))
        response = HttpResponse(made.content, content_type=made.media)
        response["Content-Disposition"] = f'attachment; filename="{made.name}"'
        return response
