"""Who a usage event belongs to, and how that customer pays."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.models.catalogue import RateCard
from ledger.models import Book, Customer


class Subject(models.Model):
    """What usage events name (an API key, a consumer, an agent), and whose usage that is."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="subjects")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_subject_key"),
        ]

    def __str__(self) -> str:
        return self.key


class BillingProfile(models.Model):
    """
    How a customer is priced and pays; what is not set here is its parent's, then the book's.

    ``credit_only`` customers never owe on account: what their credit does not cover is shown as
    an overdraft. ``credit_limit`` bounds what may stand unbilled and, unless ``limit_covers`` says
    otherwise, be owed by documents together; the rest is an overdraft, too.
    """

    class Settlement(models.TextChoices):
        CREDIT_THEN_INVOICE = "credit_then_invoice"
        CREDIT_ONLY = "credit_only"

    class LimitCovers(models.TextChoices):
        UNBILLED_AND_RECEIVABLE = "unbilled_and_receivable"
        UNBILLED = "unbilled"  # an invoice makes room, paid or not

    customer = models.OneToOneField(
        Customer, models.PROTECT, primary_key=True, related_name="billing_profile"
    )
    rate_card = models.ForeignKey(RateCard, models.PROTECT, null=True, blank=True, related_name="+")
    settlement = models.CharField(
        max_length=20, choices=Settlement.choices, default=Settlement.CREDIT_THEN_INVOICE
    )
    credit_limit = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    limit_covers = models.CharField(
        max_length=30, choices=LimitCovers.choices, default=LimitCovers.UNBILLED_AND_RECEIVABLE
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(credit_limit=None) | Q(credit_limit__gte=0),
                name="billing_profile_credit_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}"
