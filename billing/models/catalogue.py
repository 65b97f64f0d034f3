"""How usage is counted, and what it costs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.models import Asset, Book


class Meter(models.Model):
    """
    How one kind of usage is counted: which events, which value in them, summed up how.

    It counts the events received since it was made. What defines it never changes: make another.
    """

    class Aggregation(models.TextChoices):
        SUM = "sum"
        COUNT = "count"
        MAX = "max"
        MIN = "min"
        AVG = "avg"
        LATEST = "latest"
        UNIQUE_COUNT = "unique_count"

    class LateUsage(models.TextChoices):
        """Where usage counts that comes when its period has been invoiced."""

        RERATE = "rerate"  # in its own period: the difference is invoiced
        NEXT_PERIOD = "next_period"  # in the period that is running when it comes

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="meters")
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=200, blank=True, default="")
    event_type = models.CharField(max_length=200)
    aggregation = models.CharField(max_length=12, choices=Aggregation.choices)
    value_path = models.CharField(max_length=400, blank=True, default="")  # none for count
    dimensions = models.JSONField(default=dict, blank=True)  # name -> path
    unit = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    feature_key = models.CharField(max_length=200)
    late_usage = models.CharField(
        max_length=11, choices=LateUsage.choices, default=LateUsage.RERATE, db_default="rerate"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_meter_key"),
            models.CheckConstraint(
                condition=Q(late_usage__in=["rerate", "next_period"]),
                name="billing_meter_late_usage",
            ),
            models.CheckConstraint(
                condition=Q(aggregation="count") | ~Q(value_path=""),
                name="billing_meter_has_value",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class RateCard(models.Model):
    """A set of prices in one currency (or credit); a book has at most one default."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="rate_cards")
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=200, blank=True, default="")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")  # what prices are in
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_ratecard_key"),
            models.UniqueConstraint(
                fields=["book"], condition=Q(is_default=True), name="billing_ratecard_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Rate(models.Model):
    """
    The price of a meter, perhaps of some of its dimensions only, from an instant on.

    ``match`` names the dimension values it is for; the rate that matches most of them and took
    effect last is the one. With ``terms`` it costs what they say (``billing.rating.terms``), else
    so much per unit. Without a rate card it belongs to one subscription's item.
    Rows never change: a new price is a new row.
    """

    class Model(models.TextChoices):
        UNIT = "unit"
        TERMS = "terms"

    id = models.BigAutoField(primary_key=True)
    rate_card = models.ForeignKey(
        RateCard, models.PROTECT, null=True, blank=True, related_name="rates"
    )
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")  # what the price is in
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="rates")
    match = models.JSONField(default=dict, blank=True)  # dimension -> value
    model = models.CharField(max_length=20, choices=Model.choices, default=Model.UNIT)
    # Per unit of the meter; 0 where the terms say what it costs.
    unit_price = models.DecimalField(max_digits=38, decimal_places=18, default=0)
    terms = models.JSONField(null=True, blank=True)
    # What a unit costs us, in the book's base currency, and whom we owe it.
    unit_cost = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    provider = models.CharField(max_length=200, blank=True, default="")
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rate_card", "meter", "match", "effective_from"], name="billing_rate_once"
            ),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="billing_rate_price"),
            models.CheckConstraint(
                condition=Q(unit_cost=None) | Q(unit_cost__gte=0), name="billing_rate_cost"
            ),
            models.CheckConstraint(
                condition=Q(model="unit", terms__isnull=True)
                | Q(model="terms", terms__isnull=False, unit_price=0),
                name="billing_rate_one_price",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rate_card or 'item'}/{self.meter} {self.match or ''}".strip()
