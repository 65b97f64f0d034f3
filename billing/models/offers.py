"""Coupons, and who redeemed them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing.models.subscriptions import Subscription
from ledger.models import Asset, Book


class Coupon(models.Model):
    """A discount to be redeemed: a percentage or an amount, once, for n cycles, or for ever."""

    class Kind(models.TextChoices):
        PERCENTAGE = "percentage"
        AMOUNT = "amount"

    class Duration(models.TextChoices):
        ONCE = "once"
        PERIODS = "periods"
        FOREVER = "forever"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.SlugField(max_length=100)  # what customers type
    name = models.CharField(max_length=256)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    percentage = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    amount = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    asset = models.ForeignKey(Asset, models.PROTECT, null=True, blank=True, related_name="+")
    duration = models.CharField(max_length=10, choices=Duration.choices)
    periods = models.PositiveIntegerField(null=True, blank=True)
    feature_keys = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    max_redemptions = models.PositiveIntegerField(null=True, blank=True)
    max_redemptions_per_customer = models.PositiveIntegerField(null=True, blank=True, default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_coupon_key"),
            models.CheckConstraint(
                condition=Q(kind="percentage", percentage__gt=0, percentage__lte=100, amount=None)
                | Q(kind="amount", amount__gt=0, asset__isnull=False, percentage=None),
                name="billing_coupon_takes_something",
            ),
            models.CheckConstraint(
                condition=Q(duration="periods", periods__gte=1)
                | (~Q(duration="periods") & Q(periods=None)),
                name="billing_coupon_periods",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class CouponRedemption(models.Model):
    """A coupon used for a subscription, from an instant on."""

    id = models.BigAutoField(primary_key=True)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="redemptions")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="redemptions")
    key = models.CharField(max_length=255)
    redeemed_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    cause = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["coupon", "subscription"],
                condition=Q(removed_at=None),
                name="billing_redemption_once",
            ),
            models.UniqueConstraint(fields=["coupon", "key"], name="billing_redemption_key"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} → {self.subscription}"
