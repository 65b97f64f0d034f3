"""What subscriptions and contracts owe beside usage: fees, minimums, discounts of coupons."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.models.subscriptions import Subscription, SubscriptionItem
from ledger.models import Asset, Book, Customer


class Contract(models.Model):
    """
    A promise to spend a minimum over a term, drawn down by rated usage.

    ``amounts`` has one amount for each step of the term (``ramp`` long, ISO 8601), so that a
    commitment may grow from year to year. No feature keys: all usage counts. Spending beyond a
    step's amount costs ``overage_multiplier`` times its price.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contracts")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=256, blank=True, default="")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    feature_keys = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ramp = models.CharField(max_length=40)
    time_zone = models.CharField(max_length=64)
    amounts = ArrayField(models.DecimalField(max_digits=38, decimal_places=12))
    overage_multiplier = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)  # up to here it has been trued up
    postings = models.PositiveIntegerField(default=0)  # made so far; names the next one
    cause = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_contract_key"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="billing_contract_lasts"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="billing_contract_due"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Charge(models.Model):
    """
    What one item (or contract) owes for one period beside its usage, as posted so far.

    ``posted`` is the sum of its changes; ``earned`` how much of it is revenue already; ``taken``
    where it came from (``billing.metering.takings``).
    """

    class Kind(models.TextChoices):
        FLAT = "flat"  # a fee
        TIER = "tier"  # a usage item's first tier, due from the start
        MINIMUM = "minimum"  # what is missing to a rate card's minimum
        COUPON = "coupon"  # below zero
        TRUE_UP = "true_up"  # what is missing to a contract's commitment
        OVERAGE = "overage"  # the surcharge beyond it

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="charges")
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    item = models.ForeignKey(
        SubscriptionItem, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    name = models.CharField(max_length=512)
    starts_at = models.DateTimeField()  # of the time that is paid for
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField()
    posted = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    earned = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    earned_until = models.DateTimeField(null=True, blank=True)  # of what is paid in advance
    taken = models.TextField(default="", blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_charge_key"),
            models.CheckConstraint(
                condition=Q(subscription__isnull=False) | Q(contract__isnull=False),
                name="billing_charge_of_something",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "due_at"], name="billing_charge_customer"),
            models.Index(fields=["subscription", "ends_at"], name="billing_charge_running"),
        ]

    def __str__(self) -> str:
        return self.key


class ChargeChange(models.Model):
    """One posting for a charge, and why: charged, changed, earned. Append-only."""

    id = models.BigAutoField(primary_key=True)
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="changes")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    reason = models.CharField(max_length=20)  # charged, changed, earned
    explanation = models.JSONField(default=dict)  # price, share, quantity
    transaction_id = models.BigIntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.charge} {self.amount}"
