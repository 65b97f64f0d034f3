"""Prepaid credit: wallets and the grants in them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ledger.models import Account, Asset, Customer


class Wallet(models.Model):
    """
    A customer's prepaid credit in one asset: an ordered set of grants.

    A shared wallet also pays for what the customer's descendants use.
    """

    class AfterExpiry(models.TextChoices):
        """What becomes of credit that a correction returns to a lot that was closed meanwhile."""

        BREAKAGE = "breakage"  # it has expired, like the rest of the lot
        REOPEN = "reopen"  # it lives once more, as long as the lot did

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="wallets")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True, default="")
    is_shared = models.BooleanField(default=False)
    # Where it comes from, for who owns it: "entitlement:<number>"; then it is a limit, not money.
    origin = models.CharField(max_length=100, blank=True, default="")
    after_expiry = models.CharField(
        max_length=10, choices=AfterExpiry.choices, default=AfterExpiry.BREAKAGE
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["customer", "key"], name="wallets_wallet_key"),
        ]

    def __str__(self) -> str:
        return f"{self.customer}/{self.key}"


class CreditGrant(models.Model):
    """
    A block of credit (a lot): its value stands on a ledger account of its own.

    ``feature_keys`` restrict what it pays for (none: everything); usage is paid from it when it
    happened in ``[effective_at, expires_at)``, whenever it is recorded.
    """

    class Funding(models.TextChoices):
        PAID = "paid"
        PROMOTIONAL = "promotional"

    id = models.BigAutoField(primary_key=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="grants")
    key = models.CharField(max_length=200)
    account = models.OneToOneField(Account, models.PROTECT, related_name="grant")
    amount = models.DecimalField(max_digits=38, decimal_places=12)  # in the wallet's asset
    funding = models.CharField(max_length=12, choices=Funding.choices)
    priority = models.PositiveSmallIntegerField(default=100)  # low burns first
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    feature_keys = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    # Money paid per unit of the asset, in the book's base currency.
    cost_basis = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    name = models.CharField(max_length=200, blank=True, default="")
    # Of which grant it is a part: what was transferred, rolled over or added to it.
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    reason = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)  # when the rest went to breakage

    class Meta:
        ordering = ["id"]
        permissions = [
            ("adjust_creditgrant", "Can adjust a credit grant"),
            ("transfer_creditgrant", "Can transfer credit to another wallet"),
            ("void_creditgrant", "Can void a credit grant"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["wallet", "key"], name="wallets_grant_key"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="wallets_grant_amount_positive"),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("effective_at")),
                name="wallets_grant_has_life",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(expired_at=None, voided_at=None, expires_at__isnull=False),
                name="wallets_grant_to_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet}/{self.key}"
