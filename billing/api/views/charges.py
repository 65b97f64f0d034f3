"""What subscriptions and contracts were charged beside usage."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_charges as s
from billing.api.views import contracts
from billing.models import Charge, Subscription
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.resource import Resource
from ledger.api.schema import operation


class Charges(Resource):
    """GET /charges"""

    @operation(
        "list-charges",
        summary="List what was charged beside usage, newest first",
        tag="Charges",
        query=s.ChargeQuery,
        answer=listing(s.ChargeOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.ChargeQuery)
        rows = Charge.objects.filter(book=self.caller.book).select_related("asset", "item")
        rows = lookups.within(self.caller, rows, "customer")
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        if named := asked.get("subscription"):
            mine = Subscription.objects.filter(book=self.caller.book)
            mine = lookups.within(self.caller, mine, "customer")
            rows = rows.filter(subscription=lookups.by_id_or_key(mine, named, "subscription"))
        if named := asked.get("contract"):
            rows = rows.filter(contract=contracts.find(self, named))
        if kind := asked.get("kind"):
            rows = rows.filter(kind=kind)
        return self.page(s.ChargeOut, *pages.page(rows, asked, newest_first=True))
