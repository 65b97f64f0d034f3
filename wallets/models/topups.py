"""Credit that customers buy: top-ups, and the rules that buy for them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ledger.models import Asset, Book
from wallets.models.wallets import CreditGrant, Wallet


class RechargeRule(models.Model):
    """
    When a wallet is topped up by itself, by how much, and how often at most.

    It stops after declines, with a reason the customer sees, until somebody resumes it.
    """

    class Trigger(models.TextChoices):
        THRESHOLD = "threshold"
        INTERVAL = "interval"

    class Method(models.TextChoices):
        FIXED = "fixed"
        TARGET = "target"

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        STOPPED = "stopped"

    id = models.BigAutoField(primary_key=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="recharge_rules")
    key = models.CharField(max_length=200)
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    threshold = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    interval = models.CharField(max_length=40, blank=True, default="")  # ISO 8601
    anchor = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64)  # where a day and a month of a cap begin
    method = models.CharField(max_length=10, choices=Method.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=12)  # or the target
    most_per_day = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    most_per_month = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    currency = models.ForeignKey(Asset, models.PROTECT, related_name="+")  # in which it is paid
    rail = models.CharField(max_length=40, default="manual")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    reason = models.TextField(blank=True, default="")  # why it is paused or stopped
    declines = models.PositiveSmallIntegerField(default=0)  # in a row
    rests_until = models.DateTimeField(null=True, blank=True)  # after a decline, or at a cap
    due_at = models.DateTimeField(null=True, blank=True)  # of an interval, or after a rest
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["wallet", "key"], name="wallets_recharge_key"),
            models.CheckConstraint(
                condition=Q(trigger="threshold", threshold__isnull=False)
                | (Q(trigger="interval", threshold=None, anchor__isnull=False) & ~Q(interval="")),
                name="wallets_recharge_trigger",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="wallets_recharge_amount"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(due_at__isnull=False, state="active"),
                name="wallets_recharge_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet}/{self.key}"


class RechargeStop(models.Model):
    """An emergency stop of all automatic recharges of a book."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    reason = models.TextField()
    cause = models.TextField(blank=True, default="")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book"], condition=Q(ended_at=None), name="wallets_rechargestop_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book} from {self.started_at}"


class TopUp(models.Model):
    """A purchase of credit, from the request to the grant; a payment is tied to it by its key."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        AWAITING_PAYMENT = "awaiting_payment"
        AUTHORISED = "authorised"
        SETTLED = "settled"
        FAILED = "failed"
        REFUNDED = "refunded"

    class Availability(models.TextChoices):
        ON_CREATION = "on_creation"
        ON_AUTHORISATION = "on_authorisation"
        ON_SETTLEMENT = "on_settlement"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="top_ups")
    key = models.CharField(max_length=255)
    amount = models.DecimalField(max_digits=38, decimal_places=12)  # of credit
    currency = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    price = models.DecimalField(max_digits=38, decimal_places=12)  # in money
    state = models.CharField(max_length=20, choices=State.choices)
    availability = models.CharField(
        max_length=20, choices=Availability.choices, default=Availability.ON_SETTLEMENT
    )
    rail = models.CharField(max_length=40, default="manual")
    payment_key = models.CharField(max_length=255, null=True, blank=True)
    rule = models.ForeignKey(
        RechargeRule, models.PROTECT, null=True, blank=True, related_name="top_ups"
    )
    grant = models.OneToOneField(
        CreditGrant, models.PROTECT, null=True, blank=True, related_name="top_up"
    )
    terms = models.JSONField(default=dict, blank=True)  # of the grant: priority, expiry, features
    reason = models.TextField(blank=True, default="")  # why it failed or was refunded
    cause = models.TextField(blank=True, default="")  # who asked
    # When it failed or was refunded: credit that was unused, and the money for it.
    taken_back = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    money_back = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "top-up"
        permissions = [
            ("confirm_topup", "Can confirm the payment of a top-up"),
            ("refund_topup", "Can refund a top-up"),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["requested", "awaiting_payment"]),
                name="wallets_topup_unpaid",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="wallets_topup_key"),
            models.UniqueConstraint(fields=["book", "payment_key"], name="wallets_topup_payment"),
            models.UniqueConstraint(
                fields=["rule"],
                condition=Q(state__in=["requested", "awaiting_payment", "authorised"]),
                name="wallets_topup_one_open_per_rule",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, price__gte=0), name="wallets_topup_amounts"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("created_at")),
                name="wallets_topup_closed_later",
            ),
            models.CheckConstraint(
                condition=Q(taken_back__gte=0, taken_back__lte=F("amount"))
                & Q(money_back__gte=0, money_back__lte=F("price")),
                name="wallets_topup_back",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class TopUpEvent(models.Model):
    """One step of a top-up: what, when, who and why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    top_up = models.ForeignKey(TopUp, models.PROTECT, related_name="history")
    state = models.CharField(max_length=20, choices=TopUp.State.choices)
    reason = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.top_up} {self.state}"
