"""Accounts and their balances."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ledger.models.books import Asset, Book
from ledger.models.customers import Customer


class Account(models.Model):
    """
    A place where one asset is held: a customer's, or the book's own ("house").

    The number (``id``) says whose, in which book and what it holds; ``ledger.ids`` builds it.
    Rows never change, so that nothing on the hot path has to lock them.
    """

    class Type(models.TextChoices):
        ASSET = "asset"
        LIABILITY = "liability"
        EQUITY = "equity"
        INCOME = "income"
        EXPENSE = "expense"
        MEMO = "memo"

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="accounts")
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    purpose = models.CharField(max_length=50)
    type = models.CharField(max_length=10, choices=Type.choices)
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="accounts")
    discriminator = models.CharField(max_length=200, default="", blank=True)
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "customer", "purpose", "asset", "discriminator"],
                name="ledger_account_one_per_purpose",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return ":".join(
            part for part in (self.type, self.purpose, self.discriminator, str(self.id)) if part
        )


class Balance(models.Model):
    """
    What an account holds: total debits, total credits and what is held of it.

    Guarded balances move in the transaction that inserts the entries, under a row lock, and never
    fall below ``floor``: the CHECK refuses it to every writer. Others move when deltas are folded.
    Available is ``orientation * (debits - credits) - held - floor``.
    """

    account = models.OneToOneField(
        Account, models.PROTECT, primary_key=True, related_name="balance"
    )
    is_guarded = models.BooleanField()
    orientation = models.SmallIntegerField()  # +1: debits are what it holds; -1: credits are
    debits = models.DecimalField(max_digits=60, decimal_places=12, default=0)
    credits = models.DecimalField(max_digits=60, decimal_places=12, default=0)
    held = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    floor = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(floor=None)
                | Q(floor__lte=F("orientation") * (F("debits") - F("credits")) - F("held")),
                name="ledger_balance_floor",
            ),
            models.CheckConstraint(
                condition=Q(orientation__in=[-1, 1]), name="ledger_balance_orientation"
            ),
            models.CheckConstraint(
                condition=Q(debits__gte=0, credits__gte=0, held__gte=0),
                name="ledger_balance_counts_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.orientation * (self.debits - self.credits)}"
