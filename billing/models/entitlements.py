"""What customers may use, and how much may be spent."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.models.plans import Feature
from billing.models.subscriptions import SubscriptionItem
from ledger.models import Asset, Book, Customer
from wallets.models import Wallet


class Entitlement(models.Model):
    """
    One customer's right to a feature over a stretch of time.

    From a subscription's item, or given by hand. A metered one's allowance is a wallet in the
    meter's unit, with a grant per usage period.
    """

    class Kind(models.TextChoices):
        BOOLEAN = "boolean"
        STATIC = "static"
        METERED = "metered"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="entitlements")
    feature = models.ForeignKey(Feature, models.PROTECT, related_name="+")
    item = models.OneToOneField(
        SubscriptionItem,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="granted_entitlement",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    config = models.JSONField(null=True, blank=True)
    limit = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    is_soft_limit = models.BooleanField(default=False)
    usage_period = models.CharField(max_length=40, blank=True, default="")  # ISO 8601
    preserves_overage = models.BooleanField(default=False)
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    wallet = models.OneToOneField(
        Wallet, models.PROTECT, null=True, blank=True, related_name="entitlement"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="billing_entitlement_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(limit=None) | Q(kind="metered", limit__gte=0),
                name="billing_entitlement_limit",
            ),
            models.UniqueConstraint(
                fields=["customer", "feature"],
                condition=Q(item=None, ends_at=None),
                name="billing_entitlement_one_by_hand",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "feature"], name="billing_entitlement_customer"),
            models.Index(
                fields=["starts_at"],
                condition=Q(wallet=None, limit__isnull=False),
                name="billing_entitlement_unopened",
            ),
            models.Index(
                fields=["ends_at"],
                condition=Q(wallet__isnull=False, ends_at__isnull=False),
                name="billing_entitlement_ending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} may use {self.feature}"


class Budget(models.Model):
    """
    How much a customer and all below it may spend per period.

    In money (its asset is the price's) or in units of a meter; of one feature or of all, of usage
    with certain labels or of all.
    """

    class Action(models.TextChoices):
        WARN = "warn"
        BLOCK = "block"
        APPROVE = "approve"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="budgets")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True, default="")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    feature_key = models.CharField(max_length=200, blank=True, default="")
    labels = models.JSONField(default=dict, blank=True)  # {"model": "gpt-5-mini"}
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    cadence = models.CharField(max_length=40)  # ISO 8601
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    action = models.CharField(max_length=10, choices=Action.choices, default=Action.BLOCK)
    # Percent of the amount at which somebody is told.
    warn_at = ArrayField(models.DecimalField(max_digits=7, decimal_places=3), default=list)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_budget_key"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="billing_budget_amount"),
        ]
        indexes = [
            models.Index(
                fields=["customer"], condition=Q(ended_at=None), name="billing_budget_customer"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class BudgetUse(models.Model):
    """
    What was spent of a budget in a period and what is held of it; ``verify_ledger`` recounts it.

    ``extra`` was approved beyond the amount.
    """

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey(Budget, models.PROTECT, related_name="uses")
    starts_at = models.DateTimeField()
    used = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    held = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    extra = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    warned_at = models.DecimalField(max_digits=7, decimal_places=3, default=0)  # percent

    class Meta:
        ordering = ["budget", "-starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "starts_at"], name="billing_budgetuse_once"),
            models.CheckConstraint(
                condition=Q(held__gte=0, extra__gte=0), name="billing_budgetuse_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget} from {self.starts_at}"


class BudgetApproval(models.Model):
    """Somebody's leave to spend more than a budget in one period. Append-only."""

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey(Budget, models.PROTECT, related_name="approvals")
    key = models.CharField(max_length=255)
    starts_at = models.DateTimeField()  # of the period
    extra = models.DecimalField(max_digits=38, decimal_places=12)
    cause = models.TextField()  # who
    reason = models.TextField(blank=True, default="")
    approved_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "key"], name="billing_budgetapproval_key"),
            models.CheckConstraint(condition=Q(extra__gt=0), name="billing_budgetapproval_extra"),
        ]

    def __str__(self) -> str:
        return f"{self.budget} + {self.extra}"
