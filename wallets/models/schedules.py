"""Credit that comes again and again, shares of a shared wallet, and what credits cost."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ledger.models import Asset, Book, Customer
from wallets.models.wallets import CreditGrant, Wallet


class GrantSchedule(models.Model):
    """
    A grant per period, from ``starts_at`` on: occurrence n is due n cadences after the anchor.

    At the end of its period the rest of an occurrence lapses, but for what rolls over into the
    next one: at least ``rollover_minimum``, at most ``rollover_maximum`` of what is left.
    """

    id = models.BigAutoField(primary_key=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="schedules")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True, default="")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    funding = models.CharField(max_length=12, choices=CreditGrant.Funding.choices)
    priority = models.PositiveSmallIntegerField(default=100)
    feature_keys = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    cadence = models.CharField(max_length=40)  # ISO 8601
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    # Money paid per unit of the asset, in the book's base currency.
    cost_basis = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    # ISO 8601; empty: when the next occurrence comes.
    lifetime = models.CharField(max_length=40, blank=True, default="")
    rollover_minimum = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    rollover_maximum = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    # Where it comes from, for who owns it: "item:<number>" of a subscription, else empty.
    origin = models.CharField(max_length=100, blank=True, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    issued = models.PositiveIntegerField(default=0)  # occurrences so far
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["wallet", "key"], name="wallets_schedule_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, rollover_minimum__gte=0)
                & Q(rollover_maximum__gte=F("rollover_minimum")),
                name="wallets_schedule_amounts",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="wallets_schedule_ends_later",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="wallets_schedule_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet}/{self.key}"


class WalletShare(models.Model):
    """How much of an ancestor's shared wallet one customer may use per period."""

    id = models.BigAutoField(primary_key=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="shares")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    cadence = models.CharField(max_length=40)  # ISO 8601
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "customer"],
                condition=Q(ended_at=None),
                name="wallets_share_once",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="wallets_share_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.customer} of {self.wallet}"


class ShareUse(models.Model):
    """What a customer took of its share in a period, and what is held of it."""

    id = models.BigAutoField(primary_key=True)
    share = models.ForeignKey(WalletShare, models.PROTECT, related_name="uses")
    starts_at = models.DateTimeField()
    used = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    held = models.DecimalField(max_digits=38, decimal_places=12, default=0)

    class Meta:
        ordering = ["share", "starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["share", "starts_at"], name="wallets_shareuse_once"),
            models.CheckConstraint(condition=Q(held__gte=0), name="wallets_shareuse_held"),
        ]

    def __str__(self) -> str:
        return f"{self.share} from {self.starts_at}"


class CreditPrice(models.Model):
    """What one credit of a custom asset costs in a currency, from an instant on."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    currency = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=12)  # money per credit
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-effective_from", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "asset", "currency", "effective_from"],
                name="wallets_creditprice_once",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="wallets_creditprice_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} at {self.amount} {self.currency}"
