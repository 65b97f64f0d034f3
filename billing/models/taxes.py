"""
Taxes and documents: rates by place and day, tax ids, what was found out about them, certificates.

Rates and certificates are ended, never rewritten; evidence and rendered documents are append-only
(``0012_taxes.sql``).
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.models.invoices import Invoice
from billing.models.plans import TaxCode
from ledger.models import Book, Customer


class TaxRate(models.Model):
    """What a jurisdiction takes of a tax code from a day on; without a code: of anything."""

    class Category(models.TextChoices):
        STANDARD = "S", "taxed"
        ZERO = "Z", "zero rate"
        EXEMPT = "E", "exempt"
        OUTSIDE = "O", "outside the scope"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    tax_code = models.ForeignKey(
        TaxCode, models.PROTECT, null=True, blank=True, related_name="rates"
    )
    jurisdiction = models.CharField(max_length=40)  # DE, US-CA, US-CA-LOS-ANGELES
    category = models.CharField(max_length=2, choices=Category.choices, default=Category.STANDARD)
    percentage = models.DecimalField(max_digits=9, decimal_places=6)
    name = models.CharField(max_length=100, blank=True, default="")  # as documents show it
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)  # the first day it no longer holds
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["jurisdiction", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(percentage__gt=0, percentage__lte=100, category="S")
                | (Q(percentage=0) & ~Q(category="S")),
                name="billing_taxrate_percentage_of_category",
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")),
                name="billing_taxrate_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.percentage.normalize():f} %"


class TaxId(models.Model):
    """A customer's number with a tax authority, and the last that is known of it."""

    class Status(models.TextChoices):
        UNVERIFIED = "unverified"
        VALID = "valid"
        INVALID = "invalid"
        UNAVAILABLE = "unavailable", "authority not available"

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tax_id_records")
    type = models.CharField(max_length=20)
    number = models.CharField(max_length=40)
    country = models.CharField(max_length=2, blank=True, default="")
    is_well_formed = models.BooleanField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UNVERIFIED)
    checked_at = models.DateTimeField(null=True, blank=True)  # when an authority last answered
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "type"],
                condition=Q(ended_at=None),
                name="billing_taxid_one_of_a_type",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class TaxEvidence(models.Model):
    """What somebody found out about where a customer is and how it is taxed; append-only."""

    class Kind(models.TextChoices):
        VIES = "vies", "answer of VIES"
        FORMAT = "format", "form and check digits"
        IP = "ip", "country of an address on the network"
        ADDRESS = "address", "address"
        CERTIFICATE = "certificate"
        PROVIDER = "provider", "answer of a tax provider"

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tax_evidence")
    tax_id = models.ForeignKey(
        TaxId, models.PROTECT, null=True, blank=True, related_name="evidence"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    request_identifier = models.CharField(max_length=100, blank=True, default="")
    answer = models.JSONField(default=dict, blank=True)
    cause = models.CharField(max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "tax evidence"

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"


class Exemption(models.Model):
    """A certificate that frees a customer from a jurisdiction's tax; no codes: from all of it."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tax_exemptions")
    jurisdiction = models.CharField(max_length=40)
    tax_codes = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    certificate = models.CharField(max_length=100)
    document_sha256 = models.CharField(max_length=64, blank=True, default="")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)  # the first day it no longer holds
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="billing_exemption_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["customer", "jurisdiction", "certificate"],
                condition=Q(revoked_at=None),
                name="billing_exemption_certificate",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.certificate}"


class Document(models.Model):
    """
    A file rendered from an invoice: kept as it first was, with its SHA-256; append-only.

    ``problems``: what a reader should know of the file, such as a letter no font has.
    """

    class Format(models.TextChoices):
        PDF = "pdf", "PDF"
        UBL = "ubl", "UBL (XML)"
        CII = "cii", "CII (XML)"
        FACTURX = "facturx", "Factur-X / ZUGFeRD (PDF)"
        CSV = "csv", "CSV of lines"

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="documents")
    format = models.CharField(max_length=10, choices=Format.choices)
    language = models.CharField(max_length=10)
    template = models.CharField(max_length=40)
    sha256 = models.BinaryField(max_length=32)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    problems = models.JSONField(default=list, blank=True)
    rendered_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "format", "language", "template"],
                name="billing_document_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id}.{self.format}"
