"""One-off charges, adjustments, and corrections of prices of usage that is over."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_charges as s
from billing.api.views.catalogue import find_meter
from billing.charging import adjusting, oneoffs
from ledger import clocks
from ledger.api import lookups
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG = "Charges"


class _Charging(Resource):
    """Has a customer owe something, or less."""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})


class OneOffCharges(_Charging):
    """POST /one-off-charges"""

    @operation(
        "create-one-off-charge",
        summary="Charge for something once, at once or later",
        tag=_TAG,
        body=s.OneOffIn,
        answer=s.ChargeOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.OneOffIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        made = oneoffs.charge_once(
            customer=customer,
            asset=lookups.asset(wanted.pop("currency")),
            at=clocks.now_of(customer, self.now),
            by=self.caller.name,
            **wanted,
        )
        return self.answer(s.ChargeOut, made, status=201)


class Adjustments(_Charging):
    """POST /adjustments"""

    @operation(
        "create-adjustment",
        summary="Have a customer owe more, or less, for a reason",
        tag=_TAG,
        body=s.ChargeAdjustmentIn,
        answer=s.ChargeOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.ChargeAdjustmentIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        made = adjusting.adjust(
            customer=customer,
            asset=lookups.asset(wanted.pop("currency")),
            at=clocks.now_of(customer, self.now),
            by=self.caller.name,
            **wanted,
        )
        return self.answer(s.ChargeOut, made, status=201)


class PriceCorrections(_Charging):
    """POST /price-corrections"""

    @operation(
        "correct-price",
        summary="Post what usage of a period that is over costs at another price",
        tag=_TAG,
        body=s.PriceCorrectionIn,
        answer=s.ChargeOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.PriceCorrectionIn)
        customer = lookups.customer(self.caller, wanted["customer"])
        accrual = adjusting.series_of(
            customer=customer,
            meter=find_meter(self, wanted["meter"]),
            at=wanted["at"],
            item=wanted["item"],
        )
        made = adjusting.reprice(
            accrual=accrual,
            terms=wanted["terms"],
            reason=wanted["reason"],
            key=wanted["key"],
            at=clocks.now_of(customer, self.now),
            by=self.caller.name,
        )
        return self.answer(s.ChargeOut, made, status=201)
