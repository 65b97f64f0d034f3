"""What providers of models charge us for a token, and models we know no price of."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ledger.models import Book


class CostPrice(models.Model):
    """
    A provider's prices of one model from an instant on, per token, in ``currency``.

    Without a book it comes from the published price list; a book's own overrides it.
    """

    class Source(models.TextChoices):
        SYSTEM = "system"
        MANUAL = "manual"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, null=True, blank=True, related_name="+")
    provider = models.CharField(max_length=100)
    provider_name = models.CharField(max_length=200, blank=True, default="")
    model = models.CharField(max_length=200)
    model_name = models.CharField(max_length=256, blank=True, default="")
    currency = models.CharField(max_length=3, default="USD")
    input_per_token = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    output_per_token = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    cache_read_per_token = models.DecimalField(
        max_digits=38, decimal_places=18, null=True, blank=True
    )
    cache_write_per_token = models.DecimalField(
        max_digits=38, decimal_places=18, null=True, blank=True
    )
    reasoning_per_token = models.DecimalField(
        max_digits=38, decimal_places=18, null=True, blank=True
    )
    source = models.CharField(max_length=10, choices=Source.choices)
    release = models.CharField(max_length=100, blank=True, default="")  # of the price list
    note = models.TextField(blank=True, default="")
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["provider", "model", "effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "provider", "model", "effective_from"],
                condition=Q(removed_at=None),
                nulls_distinct=False,
                name="billing_costprice_once",
            ),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_to__gt=F("effective_from")),
                name="billing_costprice_lasts",
            ),
            models.CheckConstraint(
                condition=Q(source="system", book=None) | Q(source="manual", book__isnull=False),
                name="billing_costprice_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class UnknownModel(models.Model):
    """A model that usage named and no price is known of: its cost is missing, never guessed."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    provider = models.CharField(max_length=200)
    model = models.CharField(max_length=400)
    token_type = models.CharField(max_length=100, blank=True, default="")
    events = models.BigIntegerField(default=0)
    units = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "provider", "model", "token_type"],
                name="billing_unknownmodel_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
