"""Rates of tax, tax ids, evidence and certificates; and what a sale would bear."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_taxes as s
from billing.models import Exemption, TaxCode, TaxEvidence, TaxId, TaxRate
from billing.taxation import evidence, exemptions, ids, previewing, rates
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_TAG: Final = "Taxes"


class _Taxes(Resource):
    """What these views share: taxes are the business of finance."""

    scopes = {"GET": "read", "HEAD": "read", "POST": "finance"}
    whole_book = frozenset({"POST"})

    def of_customers(self, rows: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
        """Return the rows of customers the caller may see, perhaps of one."""
        rows = lookups.within(self.caller, rows.filter(customer__book=self.caller.book), "customer")
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        return rows


class TaxRates(_Taxes):
    """GET, POST /tax-rates"""

    whole_book = frozenset({"GET", "HEAD", "POST"})

    @operation(
        "list-tax-rates",
        summary="List rates of tax",
        tag=_TAG,
        query=s.TaxRateQuery,
        answer=listing(s.TaxRateOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.TaxRateQuery)
        rows = TaxRate.objects.filter(book=self.caller.book).select_related("tax_code")
        if place := asked.get("jurisdiction"):
            rows = rows.filter(jurisdiction=place.upper())
        return self.page(s.TaxRateOut, *pages.page(rows, asked))

    @operation(
        "create-tax-rate",
        summary="Enter a rate that holds from a day on",
        tag=_TAG,
        body=s.TaxRateIn,
        answer=s.TaxRateOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TaxRateIn)
        named = wanted.pop("tax_code", None)
        codes = TaxCode.objects.filter(book=self.caller.book)
        code = lookups.by_id_or_key(codes, named, "tax_code") if named else None
        made = rates.enter(book=self.caller.book, tax_code=code, at=self.now, **wanted)
        return self.answer(s.TaxRateOut, made, status=201)


class TaxRateEnd(_Taxes):
    """POST /tax-rates/{tax_rate}/end"""

    @operation(
        "end-tax-rate",
        summary="Let a rate hold no longer from a day on",
        tag=_TAG,
        path=["tax_rate"],
        body=s.TaxRateEndIn,
        answer=s.TaxRateOut,
    )
    @once()
    def post(self, request: Request, tax_rate: str) -> Response:
        rows = TaxRate.objects.filter(book=self.caller.book).select_related("tax_code")
        found = lookups.by_id(rows, tax_rate, "tax_rate")
        return self.answer(s.TaxRateOut, rates.end(rate=found, **self.body(s.TaxRateEndIn)))


class TaxIds(_Taxes):
    """GET, POST /tax-ids"""

    @operation(
        "list-tax-ids",
        summary="List tax ids of customers",
        tag=_TAG,
        query=s.OfCustomerQuery,
        answer=listing(s.TaxIdOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.OfCustomerQuery)
        rows = self.of_customers(TaxId.objects.all(), asked)
        return self.page(s.TaxIdOut, *pages.page(rows, asked))

    @operation(
        "create-tax-id",
        summary="Enter a customer's tax id",
        tag=_TAG,
        body=s.TaxIdIn,
        answer=s.TaxIdOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TaxIdIn)
        customer = lookups.customer(self.caller, wanted["customer"])
        made = ids.enter(
            customer=customer,
            kind=wanted["type"],
            number=wanted["number"],
            cause=self.caller.name,
            at=clocks.now_of(customer, self.now),
        )
        return self.answer(s.TaxIdOut, made, status=201)


class TaxIdEnd(_Taxes):
    """POST /tax-ids/{tax_id}/end"""

    @operation(
        "end-tax-id",
        summary="Let a tax id hold no longer",
        tag=_TAG,
        path=["tax_id"],
        answer=s.TaxIdOut,
    )
    @once()
    def post(self, request: Request, tax_id: str) -> Response:
        rows = TaxId.objects.filter(customer__book=self.caller.book)
        found = lookups.by_id(rows, tax_id, "tax_id")
        return self.answer(s.TaxIdOut, ids.end(tax_id=found, at=self.now))


class TaxEvidenceList(_Taxes):
    """GET, POST /tax-evidence"""

    @operation(
        "list-tax-evidence",
        summary="List what was found out about customers' taxes",
        tag=_TAG,
        query=s.OfCustomerQuery,
        answer=listing(s.TaxEvidenceOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.OfCustomerQuery)
        rows = self.of_customers(TaxEvidence.objects.all(), asked)
        return self.page(s.TaxEvidenceOut, *pages.page(rows, asked))

    @operation(
        "create-tax-evidence",
        summary="Keep what was found out elsewhere",
        tag=_TAG,
        body=s.TaxEvidenceIn,
        answer=s.TaxEvidenceOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TaxEvidenceIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        at = clocks.now_of(customer, self.now)
        made = evidence.record(customer=customer, cause=self.caller.name, at=at, **wanted)
        return self.answer(s.TaxEvidenceOut, made, status=201)


class Exemptions(_Taxes):
    """GET, POST /tax-exemptions"""

    @operation(
        "list-tax-exemptions",
        summary="List certificates that free from tax",
        tag=_TAG,
        query=s.OfCustomerQuery,
        answer=listing(s.ExemptionOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.OfCustomerQuery)
        rows = self.of_customers(Exemption.objects.all(), asked)
        return self.page(s.ExemptionOut, *pages.page(rows, asked))

    @operation(
        "create-tax-exemption",
        summary="Enter a certificate that frees a customer from tax",
        tag=_TAG,
        body=s.ExemptionIn,
        answer=s.ExemptionOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.ExemptionIn)
        customer = lookups.customer(self.caller, wanted.pop("customer"))
        at = clocks.now_of(customer, self.now)
        made = exemptions.grant(customer=customer, cause=self.caller.name, at=at, **wanted)
        return self.answer(s.ExemptionOut, made, status=201)


class ExemptionRevocation(_Taxes):
    """POST /tax-exemptions/{exemption}/revoke"""

    @operation(
        "revoke-tax-exemption",
        summary="Let a certificate free from nothing that is drafted from now on",
        tag=_TAG,
        path=["exemption"],
        answer=s.ExemptionOut,
    )
    @once()
    def post(self, request: Request, exemption: str) -> Response:
        rows = Exemption.objects.filter(customer__book=self.caller.book)
        found = lookups.by_id(rows, exemption, "exemption")
        return self.answer(s.ExemptionOut, exemptions.revoke(exemption=found, at=self.now))


class TaxPreview(_Taxes):
    """POST /tax-decisions/preview"""

    scopes = {"POST": "read"}

    @operation(
        "preview-tax-decision",
        summary="Say which tax a sale to a customer would bear, and why",
        tag=_TAG,
        body=s.TaxPreviewIn,
        answer=s.TaxPreviewOut,
    )
    def post(self, request: Request) -> Response:
        wanted = self.body(s.TaxPreviewIn)
        customer = lookups.customer(self.caller, wanted["customer"])
        found = previewing.preview(
            customer=customer,
            tax_code=wanted["tax_code"],
            on=wanted.get("date"),
            at=clocks.now_of(customer, self.now),
        )
        return self.answer(s.TaxPreviewOut, found)
