"""Books and the assets they count."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Book(models.Model):
    """One legal entity's set of books: accounts, periods and reports belong to it."""

    id = models.BigAutoField(primary_key=True)  # at most 16,383: part of each account's number
    key = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    base_currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=64, default="UTC")
    tax_ids = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(id__gte=1, id__lte=16383), name="ledger_book_fits_account_number"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Asset(models.Model):
    """
    What is counted: a currency, a credit unit, a meter's unit.

    ``scale`` is the number of decimal places the ledger keeps for it; finer amounts are refused.
    """

    class Kind(models.TextChoices):
        CURRENCY = "currency"
        CREDIT = "credit"
        UNIT = "unit"

    id = models.BigAutoField(primary_key=True)  # at most 65,535: part of each account's number
    code = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    scale = models.PositiveSmallIntegerField(default=12)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(id__gte=1, id__lte=65535), name="ledger_asset_fits_account_number"
            ),
            models.CheckConstraint(
                condition=Q(scale__gte=0, scale__lte=12), name="ledger_asset_scale_kept"
            ),
        ]

    def __str__(self) -> str:
        return self.code
