"""Contract commitments, and where they stand."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import contracts
from billing.api import serializers_charges as s
from billing.models import Contract
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG = "Contracts"


def find(view: Resource, text: str) -> Contract:
    """Return a contract that the caller may see."""
    return lookups.by_id_or_key(_contracts(view), text, "contract")


def _contracts(view: Resource) -> QuerySet[Contract]:
    rows = Contract.objects.filter(book=view.caller.book)
    rows = rows.select_related("asset", "book", "customer__clock")
    return lookups.within(view.caller, rows, "customer")


class Contracts(Resource):
    """GET, POST /contracts"""

    whole_book = frozenset({"POST"})

    @operation(
        "list-contracts",
        summary="List contracts",
        tag=_TAG,
        query=s.ContractQuery,
        answer=listing(s.ContractOut),
    )
    def get(self, request: Request) -> Response:
        asked, rows = self.asked(s.ContractQuery), _contracts(self)
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        if key := asked.get("key"):
            rows = rows.filter(key=key)
        return self.page(s.ContractOut, *pages.page(rows, asked))

    @operation(
        "create-contract",
        summary="Enter a commitment, once per key",
        tag=_TAG,
        body=s.ContractIn,
        answer=s.ContractOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.ContractIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        asset = lookups.asset(wanted.pop("currency"))
        made = contracts.create(
            customer=customer,
            asset=asset,
            at=clocks.now_of(customer, self.now),
            cause=self.caller.name,
            **wanted,
        )
        return self.answer(s.ContractOut, made, status=201)


class ContractBalance(Resource):
    """GET /contracts/{contract}/balance"""

    @operation(
        "get-contract-balance",
        summary="Get what of a commitment is drawn, how fast, and what will be missing",
        tag=_TAG,
        path=["contract"],
        query=s.AsOfQuery,
        answer=s.ContractBalanceOut,
    )
    def get(self, request: Request, contract: str) -> Response:
        found = find(self, contract)
        as_of = self.asked(s.AsOfQuery).get("as_of")
        at = as_of or clocks.now_of(found.customer, self.now)
        figures = contracts.balance(contract=found, at=at, is_past=as_of is not None)
        return self.answer(s.ContractBalanceOut, asdict(figures) | {"contract_id": found.pk})
