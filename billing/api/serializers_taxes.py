"""Taxes and documents in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.api.serializers_invoices import InvoiceProblemOut
from billing.models import Document, TaxEvidence, TaxRate
from billing.tax import ids
from ledger.api.fields import LANGUAGE, Amount, Body, Id, Instant, Number, PageQuery, Query

_AT: Final = "2026-03-01T12:00:00Z"
_PERCENTAGE_PLACES: Final = 6
_LONGEST_PLACE: Final = 40


class TaxRateOut(serializers.Serializer[Any]):
    """What a jurisdiction takes of a tax code from a day on."""

    id = Id()
    jurisdiction = serializers.CharField()
    tax_code = serializers.SerializerMethodField(help_text="None: of all without an own rate.")
    category = serializers.ChoiceField(TaxRate.Category.choices)
    percentage = Amount()
    name = serializers.CharField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, help_text="The first day it no longer holds.")
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "jurisdiction": "DE",
        "tax_code": None,
        "category": "S",
        "percentage": "19",
        "name": "",
        "valid_from": "2021-01-01",
        "valid_to": None,
        "created_at": _AT,
    }

    def get_tax_code(self, row: TaxRate) -> str | None:
        """Return the code's key."""
        return row.tax_code.key if row.tax_code else None


class TaxRateQuery(PageQuery):
    """Which rates."""

    jurisdiction = serializers.CharField(required=False, max_length=_LONGEST_PLACE)


class TaxRateIn(Body):
    """A new rate; it ends the one of the same place and code that holds until then."""

    jurisdiction = serializers.CharField(
        max_length=_LONGEST_PLACE, help_text="A country like DE, or a part of one like US-CA."
    )
    percentage = Number(places=_PERCENTAGE_PLACES)
    category = serializers.ChoiceField(
        TaxRate.Category.choices, default=TaxRate.Category.STANDARD.value
    )
    tax_code = serializers.CharField(required=False, allow_null=True, max_length=100)
    name = serializers.CharField(max_length=100, default="", allow_blank=True)
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "jurisdiction": "DE",
        "percentage": "19",
        "valid_from": "2021-01-01",
    }


class TaxRateEndIn(Body):
    """From which day on something no longer holds."""

    valid_to = serializers.DateField()

    example: ClassVar[dict[str, Any]] = {"valid_to": "2027-01-01"}


class TaxIdOut(serializers.Serializer[Any]):
    """A customer's number with a tax authority, and the last that is known of it."""

    id = Id()
    customer_id = Id()
    type = serializers.CharField()
    number = serializers.CharField()
    country = serializers.CharField()
    is_well_formed = serializers.BooleanField()
    status = serializers.CharField(help_text="unverified, valid, invalid or unavailable.")
    checked_at = Instant(allow_null=True, help_text="When an authority last answered.")
    created_at = Instant()
    ended_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "customer_id": "3",
        "type": "eu_vat",
        "number": "FR40303265045",
        "country": "FR",
        "is_well_formed": True,
        "status": "unverified",
        "checked_at": None,
        "created_at": _AT,
        "ended_at": None,
    }


class OfCustomerQuery(PageQuery):
    """Of which customer."""

    customer = serializers.CharField(required=False, max_length=200)


class TaxIdIn(Body):
    """A tax id, in place of the customer's one of that type so far."""

    customer = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(ids.TYPES)
    number = serializers.CharField(max_length=40)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "type": "eu_vat",
        "number": "FR40303265045",
    }


class TaxEvidenceOut(serializers.Serializer[Any]):
    """What somebody found out about where a customer is and how it is taxed."""

    id = Id()
    customer_id = Id()
    tax_id_id = Id(allow_null=True)
    kind = serializers.ChoiceField(TaxEvidence.Kind.choices)
    request_identifier = serializers.CharField()
    answer = Json()
    cause = serializers.CharField()
    recorded_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "customer_id": "3",
        "tax_id_id": "7",
        "kind": "vies",
        "request_identifier": "WAPIAAAAY0a1b2c3",
        "answer": {"valid": True},
        "cause": "job",
        "recorded_at": _AT,
    }


class TaxEvidenceIn(Body):
    """Something that was found out elsewhere."""

    customer = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(
        [kind for kind in TaxEvidence.Kind.choices if kind[0] in {"ip", "address", "provider"}]
    )
    answer = Json()
    request_identifier = serializers.CharField(max_length=100, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "kind": "ip",
        "answer": {"address": "192.0.2.7", "country": "FR"},
    }


class ExemptionOut(serializers.Serializer[Any]):
    """A certificate that frees a customer from a jurisdiction's tax."""

    id = Id()
    customer_id = Id()
    jurisdiction = serializers.CharField()
    tax_codes = serializers.ListField(
        child=serializers.CharField(), help_text="None: all that is sold."
    )
    certificate = serializers.CharField()
    document_sha256 = serializers.CharField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True)
    revoked_at = Instant(allow_null=True)
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "customer_id": "3",
        "jurisdiction": "US-CA",
        "tax_codes": [],
        "certificate": "SR-77-102938",
        "document_sha256": "",
        "valid_from": "2026-01-01",
        "valid_to": None,
        "revoked_at": None,
        "created_at": _AT,
    }


class ExemptionIn(Body):
    """A certificate."""

    customer = serializers.CharField(max_length=200)
    jurisdiction = serializers.CharField(max_length=_LONGEST_PLACE)
    tax_codes = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=100
    )
    certificate = serializers.CharField(max_length=100)
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme",
        "jurisdiction": "US-CA",
        "certificate": "SR-77-102938",
        "valid_from": "2026-01-01",
    }


class TaxPreviewIn(Body):
    """What is to be decided."""

    customer = serializers.CharField(max_length=200)
    tax_code = serializers.CharField(default="", allow_blank=True, max_length=100)
    date = serializers.DateField(required=False, allow_null=True, help_text="Today unless given.")

    example: ClassVar[dict[str, Any]] = {"customer": "acme"}


class TaxPreviewOut(serializers.Serializer[Any]):
    """Which tax something would bear, and why."""

    category = serializers.CharField(help_text="UNCL 5305: S, Z, E, AE, K, G, O.")
    jurisdiction = serializers.CharField()
    percentage = serializers.CharField()
    vatex = serializers.CharField(help_text="Why there is no tax, by the code of the EU.")
    note = serializers.CharField()
    why = serializers.ListField(child=serializers.CharField())
    problems = InvoiceProblemOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "category": "AE",
        "jurisdiction": "FR",
        "percentage": "0",
        "vatex": "VATEX-EU-AE",
        "note": "Reverse charge",
        "why": ["a business in FR with the tax id FR40303265045 owes the tax"],
        "problems": [],
    }


class DocumentOut(serializers.Serializer[Any]):
    """A file of a document, as it was first rendered."""

    id = Id()
    format = serializers.ChoiceField(Document.Format.choices)
    language = serializers.CharField()
    sha256 = serializers.SerializerMethodField()
    size = serializers.IntegerField()
    problems = serializers.ListField(child=Json())
    rendered_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "format": "pdf",
        "language": "en",
        "sha256": "4b68ab3847feda7d6c62c1fbcbeebfa35eab7351ed5e78f4ddadea5df64b8015",
        "size": 52245,
        "problems": [],
        "rendered_at": _AT,
    }

    def get_sha256(self, row: Document) -> str:
        """Return the digest in hexadecimal."""
        return bytes(row.sha256).hex()


class DownloadQuery(Query):
    """Which file."""

    format = serializers.ChoiceField(Document.Format.choices, default=Document.Format.PDF.value)
    language = serializers.RegexField(
        LANGUAGE,
        required=False,
        max_length=20,
        help_text="The reader's own unless given.",
    )
