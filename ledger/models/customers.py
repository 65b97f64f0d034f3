"""The parties that own accounts."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ledger.models.books import Book
from ledger.models.clocks import TestClock


class Customer(models.Model):
    """
    A party that owns accounts: a company, a business unit or a team.

    Customers form a tree inside one book; a migration refuses a parent in another book.
    """

    class Kind(models.TextChoices):
        COMPANY = "company"
        BUSINESS_UNIT = "business_unit"
        TEAM = "team"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="customers")
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.COMPANY)
    metadata = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    clock = models.ForeignKey(
        TestClock, models.PROTECT, null=True, blank=True, related_name="customers"
    )  # none: lives by the real time
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="ledger_customer_key"),
            models.CheckConstraint(
                condition=~Q(parent=F("id")), name="ledger_customer_not_own_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.key
