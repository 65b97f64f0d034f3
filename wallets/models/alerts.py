"""What is told when a figure crosses a threshold, and which wallets have to be looked at."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.models import Book
from wallets.models.wallets import CreditGrant, Wallet


class Watch(models.Model):
    """
    A wallet that somebody wants to know about: recharge rules and alerts.

    Whatever moves its credit sets ``touched_at``; whoever evaluates it takes that back.
    """

    wallet = models.OneToOneField(Wallet, models.PROTECT, primary_key=True, related_name="watch")
    touched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["touched_at"],
                condition=Q(touched_at__isnull=False),
                name="wallets_watch_touched",
            ),
        ]

    def __str__(self) -> str:
        return str(self.wallet)


class Alert(models.Model):
    """
    A threshold and what to tell when it is crossed: once per crossing, then armed again.

    Budgets have thresholds of their own. ``subject_key`` names the feature of an allowance.
    """

    class Kind(models.TextChoices):
        BALANCE = "balance"  # of a wallet falls below
        USAGE = "usage"  # of a wallet's credit, a metered allowance, reaches; in percent
        EXPIRY = "expiry"  # credit expires within so many days
        RUN_OUT = "run_out"  # credit is projected to last for fewer days

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="alerts")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject_key = models.CharField(max_length=200, blank=True, default="")
    threshold = models.DecimalField(max_digits=38, decimal_places=12)
    emails = models.JSONField(default=list, blank=True)
    is_armed = models.BooleanField(default=True)
    firings = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="wallets_alert_key"),
        ]

    def __str__(self) -> str:
        return self.key


class AlertFiring(models.Model):
    """One crossing of a threshold. Append-only."""

    id = models.BigAutoField(primary_key=True)
    alert = models.ForeignKey(Alert, models.PROTECT, related_name="history")
    number = models.PositiveIntegerField()
    grant = models.ForeignKey(
        CreditGrant, models.PROTECT, null=True, blank=True, related_name="+"
    )  # that expires
    value = models.DecimalField(max_digits=38, decimal_places=12)
    fired_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "number"], name="wallets_alertfiring_once"),
            models.UniqueConstraint(fields=["alert", "grant"], name="wallets_alertfiring_grant"),
        ]

    def __str__(self) -> str:
        return f"{self.alert} {self.number}"
