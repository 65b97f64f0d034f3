"""Tax ids, asked about at their authority."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_taxes as s
from billing.models import TaxId
from integrations.tax import vies
from ledger import clocks
from ledger.api import lookups
from ledger.api.resource import Resource
from ledger.api.schema import operation


class TaxIdVerification(Resource):
    """POST /tax-ids/{tax_id}/verify"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})
    person_needs = {"POST": "billing.change_taxid"}

    @operation(
        "verify-tax-id",
        summary="Ask VIES about a VAT number now, and keep the answer as evidence",
        description="Answers with what is known then; that VIES is away takes nothing back. Asked"
        " again within a minute, what it said stands, so there is no Idempotency-Key.",
        tag="Taxes",
        path=["tax_id"],
        answer=s.TaxIdOut,
    )
    def post(self, request: Request, tax_id: str) -> Response:
        rows = TaxId.objects.filter(customer__book=self.caller.book)
        found = lookups.by_id(rows.select_related("customer__clock"), tax_id, "tax_id")
        at = clocks.now_of(found.customer, self.now)
        return self.answer(s.TaxIdOut, vies.verify_now(tax_id=found, at=at, cause=self.caller.name))
