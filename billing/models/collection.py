"""Who sells and who buys, and how a customer's invoices are put together."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ledger.models import Book, Customer


def no_texts() -> list[str]:
    """Return an empty list."""
    return []


class Party(models.Model):
    """
    A customer as documents name it.

    ``address`` has line1, line2, postal_code, city, region, country (ISO 3166-1 alpha-2);
    ``tax_ids`` the numbers by their type (``eu_vat``, ``gb_vat``, …).
    """

    customer = models.OneToOneField(
        Customer, models.PROTECT, primary_key=True, related_name="party"
    )
    legal_name = models.CharField(max_length=256, blank=True, default="")
    address = models.JSONField(default=dict, blank=True)
    emails = ArrayField(models.EmailField(), default=no_texts, blank=True)
    locale = models.CharField(max_length=20, blank=True, default="")
    is_business = models.BooleanField(default=True)
    tax_ids = models.JSONField(default=dict, blank=True)
    contact = models.CharField(max_length=256, blank=True, default="")
    endpoint = models.CharField(max_length=256, blank=True, default="")  # Peppol: scheme:id
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "parties"

    def __str__(self) -> str:
        return self.legal_name or str(self.customer)


class Supplier(models.Model):
    """A book as documents name it: the seller, its bank accounts and how its documents look."""

    book = models.OneToOneField(Book, models.PROTECT, primary_key=True, related_name="supplier")
    legal_name = models.CharField(max_length=256, blank=True, default="")
    address = models.JSONField(default=dict, blank=True)
    tax_ids = models.JSONField(default=dict, blank=True)
    registration = models.CharField(max_length=256, blank=True, default="")  # in a register
    contact = models.JSONField(default=dict, blank=True)  # name, email, phone
    endpoint = models.CharField(max_length=256, blank=True, default="")
    default_tax_code = models.CharField(max_length=100, blank=True, default="")
    bank_accounts = models.JSONField(default=list, blank=True)  # iban, bic, holder, currency
    brand = models.JSONField(default=dict, blank=True)  # colour, logo (SVG or PNG, base64), footer
    invoice_note = models.TextField(blank=True, default="")
    may_void = models.BooleanField(default=True)  # false: what is issued is credited, never void
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.legal_name or str(self.book)


class CollectionProfile(models.Model):
    """
    How a customer's invoices are put together, approved and paid; a new version is a new row.

    What a customer has none for is its parent's, then the book's (no customer), then the defaults
    of this table. One row is in force: the one that has not ended.
    """

    class Alignment(models.TextChoices):
        SUBSCRIPTION = "subscription"  # invoiced when it falls due
        ANCHORED = "anchored"  # collected until the next date of ``anchor`` and ``cadence``

    class Grouping(models.TextChoices):
        NONE = "none"
        PURCHASE_ORDER = "purchase_order"
        COST_CENTRE = "cost_centre"
        CUSTOMER = "customer"
        SUBSCRIPTION = "subscription"

    class BelowMinimum(models.TextChoices):
        CARRY = "carry"
        ISSUE = "issue"

    class Approval(models.TextChoices):
        AUTO = "auto"
        MANUAL = "manual"

    class Corrections(models.TextChoices):
        CREDIT_NOTE = "credit_note"
        NEXT_INVOICE = "next_invoice"

    class PaidCredit(models.TextChoices):
        BEFORE_TAX = "before_tax"  # was taxed when it was sold
        AS_PAYMENT = "as_payment"  # is taxed when it is used

    class ZeroInvoices(models.TextChoices):
        ISSUE = "issue"
        SKIP = "skip"

    class Collection(models.TextChoices):
        SEND = "send"
        CHARGE = "charge"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="collection_profiles"
    )  # none: the book's own
    version = models.PositiveIntegerField(default=1)
    alignment = models.CharField(
        max_length=20, choices=Alignment.choices, default=Alignment.SUBSCRIPTION
    )
    anchor = models.DateTimeField(null=True, blank=True)
    cadence = models.CharField(max_length=40, blank=True, default="P1M")  # ISO 8601
    grace = models.DurationField(default=timedelta(hours=1))  # for usage that comes late
    payer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="+"
    )  # none: whoever the profile is of pays for itself
    group_by = models.CharField(max_length=20, choices=Grouping.choices, default=Grouping.NONE)
    purchase_order = models.CharField(max_length=200, blank=True, default="")
    cost_centre = models.CharField(max_length=200, blank=True, default="")
    beneficiary = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="+"
    )  # none: who consumes benefits
    threshold = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    progressive_cadence = models.CharField(max_length=40, blank=True, default="")
    minimum = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    below_minimum = models.CharField(
        max_length=10, choices=BelowMinimum.choices, default=BelowMinimum.CARRY
    )
    most_carried_months = models.PositiveSmallIntegerField(default=3)
    approval = models.CharField(max_length=10, choices=Approval.choices, default=Approval.AUTO)
    auto_delay = models.DurationField(default=timedelta(0))  # of an automatic approval
    payment_terms = models.CharField(max_length=40, default="P30D")  # ISO 8601
    collection = models.CharField(
        max_length=10, choices=Collection.choices, default=Collection.SEND
    )
    corrections = models.CharField(
        max_length=20, choices=Corrections.choices, default=Corrections.CREDIT_NOTE
    )
    paid_credit = models.CharField(
        max_length=20, choices=PaidCredit.choices, default=PaidCredit.BEFORE_TAX
    )
    zero_invoices = models.CharField(
        max_length=10, choices=ZeroInvoices.choices, default=ZeroInvoices.SKIP
    )
    dunning_schedule = models.CharField(max_length=100, blank=True, default="")  # its key
    series_key = models.CharField(max_length=40, default="INV")
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    cause = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["book", "customer", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "customer"],
                condition=Q(effective_to=None),
                name="billing_collectionprofile_one",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["book", "customer", "version"],
                name="billing_collectionprofile_version",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(minimum__gte=0) & (Q(threshold=None) | Q(threshold__gt=0)),
                name="billing_collectionprofile_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer or self.book} {self.version}"
