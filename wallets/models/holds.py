"""Credit that is set aside for work under way, and what of it was taken."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ledger.models import Account, Asset, Book, Customer


class Hold(models.Model):
    """
    An amount that a caller has reserved under its key until ``expires_at``.

    What is still set aside is the sum of its parts; the accounts' ``held`` is the sum of all parts
    of active holds. A denied one keeps its reason: the same key is denied again.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        CAPTURED = "captured"
        RELEASED = "released"
        EXPIRED = "expired"
        DENIED = "denied"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="holds")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()  # of what was asked for under the key
    state = models.CharField(max_length=10, choices=State.choices)
    requested = models.DecimalField(max_digits=38, decimal_places=12)
    captured = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    feature_key = models.CharField(max_length=200, blank=True, default="")
    purpose = models.TextField(blank=True, default="")
    reason = models.CharField(max_length=40, blank=True, default="")  # why it was denied
    # Periods of budgets that count it, by number: given back with it.
    budget_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("release_hold", "Can release a hold")]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="wallets_hold_key"),
            models.CheckConstraint(
                condition=Q(requested__gt=0, captured__gte=0), name="wallets_hold_amounts"
            ),
            models.CheckConstraint(
                condition=Q(state="active", closed_at=None)
                | (~Q(state="active") & Q(closed_at__isnull=False)),
                name="wallets_hold_closed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state="active"), name="wallets_hold_to_expire"
            ),
            models.Index(
                fields=["customer"], condition=Q(state="active"), name="wallets_hold_active"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class HoldPart(models.Model):
    """What a hold still sets aside on one account: a lot, or the room of a credit limit."""

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, models.PROTECT, related_name="parts", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()  # in burn order
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    # The period of the customer's share of somebody else's wallet that counts it.
    share_use = models.ForeignKey(
        "wallets.ShareUse",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        ordering = ["hold", "position"]
        constraints = [
            models.UniqueConstraint(fields=["hold", "account"], name="wallets_holdpart_account"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="wallets_holdpart_amount"),
        ]
        indexes = [
            models.Index(
                fields=["account"], condition=Q(amount__gt=0), name="wallets_holdpart_held"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold} on {self.account_id}"


class Capture(models.Model):
    """
    What was taken from a hold, once per key.

    With ``events`` it waits for that usage: ``remaining`` stands on the customer's account
    ``captured`` until the named events arrive and are paid from it.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    hold = models.ForeignKey(Hold, models.PROTECT, related_name="captures")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    remaining = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="+")
    taken = models.JSONField(default=list)  # [[account, amount as text], …] as it was taken
    transaction_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)  # all its events have come

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="wallets_capture_key"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, remaining__gte=0, remaining__lte=F("amount")),
                name="wallets_capture_amounts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer"],
                condition=Q(settled_at=None),
                name="wallets_capture_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class CapturedEvent(models.Model):
    """A usage event that a capture pays for, by its name: no two captures pay for one."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    capture = models.ForeignKey(Capture, models.PROTECT, related_name="events")
    source = models.TextField()
    event_key = models.TextField()
    arrived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "source", "event_key"], name="wallets_capturedevent_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["capture"], condition=Q(arrived_at=None), name="wallets_event_awaited"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_key}"
