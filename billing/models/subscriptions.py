"""
What customers have subscribed to: a history of changes, and the items that follow from it.

``SubscriptionEvent`` is the truth; items are its projection, kept by ``billing.subscriptions``.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.catalogue import Meter, Rate
from billing.models.plans import AddonVersion, Feature, PlanRateCard, PlanVersion
from ledger.models import Asset, Book, Customer


class Subscription(models.Model):
    """
    One customer's agreement to a plan, from an instant on.

    ``due_at`` is the next instant at which something falls due; a sweep looks for it.
    """

    class Proration(models.TextChoices):
        NONE = "none"
        ON_CHANGE = "on_change"
        ON_START_AND_END = "on_start_and_end"
        ALWAYS = "always"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="subscriptions")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=256, blank=True, default="")
    plan_version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    billing_anchor = models.DateTimeField()
    billing_cadence = models.CharField(max_length=40)  # of its first plan
    time_zone = models.CharField(max_length=64)
    settlement_mode = models.CharField(max_length=20, choices=PlanVersion.Settlement.choices)
    proration = models.CharField(max_length=20, choices=Proration.choices, default=Proration.ALWAYS)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    postings = models.PositiveIntegerField(default=0)  # made so far; names the next one
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_subscription_key"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="billing_subscription_ends_later",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(due_at__isnull=False),
                name="billing_subscription_due",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class SubscriptionEvent(models.Model):
    """One change of a subscription: what, from when on, who and why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="history")
    sequence = models.PositiveIntegerField()
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=40)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    cause = models.TextField(blank=True, default="")  # who
    reason = models.TextField(blank=True, default="")  # why
    content = models.JSONField(default=dict)

    class Meta:
        ordering = ["subscription", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "sequence"], name="billing_subscriptionevent_sequence"
            ),
            models.UniqueConstraint(fields=["book", "key"], name="billing_subscriptionevent_key"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} {self.sequence} {self.kind}"


class SubscriptionAddon(models.Model):
    """An add-on bought with a subscription; how many at which time is in the history."""

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="addons")
    addon_version = models.ForeignKey(AddonVersion, models.PROTECT, related_name="+")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.subscription} + {self.addon_version}"


class SubscriptionItem(models.Model):
    """
    One thing a subscription sells over one stretch of time; no two of a key overlap.

    ``terms`` is what it costs (price, unit_config, discounts, commitments). A usage item has a
    ``rate``, which prices its meter's usage; a flat fee has none.
    """

    class Origin(models.TextChoices):
        PLAN = "plan"
        OVERRIDE = "override"
        ADDON = "addon"
        CUSTOM = "custom"

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="items")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=256)
    phase_key = models.CharField(max_length=100)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    rate_card = models.ForeignKey(
        PlanRateCard, models.PROTECT, null=True, blank=True, related_name="+"
    )
    addon = models.ForeignKey(
        SubscriptionAddon, models.PROTECT, null=True, blank=True, related_name="items"
    )
    feature = models.ForeignKey(Feature, models.PROTECT, null=True, blank=True, related_name="+")
    meter = models.ForeignKey(Meter, models.PROTECT, null=True, blank=True, related_name="+")
    rate = models.OneToOneField(Rate, models.PROTECT, null=True, blank=True, related_name="item")
    billing_cadence = models.CharField(max_length=40, blank=True, default="")  # none: one-time
    payment_term = models.CharField(max_length=10, choices=PlanRateCard.Term.choices)
    quantity = models.PositiveIntegerField(default=1)  # of an add-on
    terms = models.JSONField()
    entitlement = models.JSONField(null=True, blank=True)
    tax_config = models.JSONField(null=True, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["subscription", "starts_at", "key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="billing_subscriptionitem_lasts",
            ),
            models.CheckConstraint(
                condition=Q(rate=None) | Q(meter__isnull=False),
                name="billing_subscriptionitem_rates_a_meter",
            ),
        ]
        indexes = [models.Index(fields=["customer", "meter"], name="billing_item_customer")]

    def __str__(self) -> str:
        return f"{self.subscription}/{self.key}"
