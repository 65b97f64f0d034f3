"""
The journal: transactions, entries, and what the database derives from them.

The tables are made by ``0002_journal.sql`` (partitions, triggers, privileges); these classes read
them. They are written by ``ledger.bulk`` alone, and nobody changes them: corrections are reversals.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func

from ledger.ids import LINES
from ledger.models.accounts import Account
from ledger.models.books import Book
from ledger.models.periods import Period


class Transaction(models.Model):
    """An atomic set of entries, posted once under its key; its id heads its entries' ids."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    kind = models.TextField()
    key = models.TextField()
    fingerprint = models.BinaryField()
    effective_at = models.DateTimeField()
    posted_at = models.GeneratedField(
        expression=Func(F("id"), function="ledger_instant_of"),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    period = models.ForeignKey(Period, models.PROTECT, related_name="+")
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )
    cause = models.TextField(default="", blank=True)
    memo = models.TextField(default="", blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    evidence = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("reverse_transaction", "Can reverse a transaction")]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="ledger_transaction_key"),
        ]

    def __str__(self) -> str:
        return self.key


class EntryQuerySet(models.QuerySet["Entry"]):
    def of(self, *transactions: Transaction | int) -> EntryQuerySet:
        """Return the entries of these transactions, by the range of ids each one heads."""
        ranges = models.Q(pk__in=[])
        for transaction in transactions:
            head = transaction if isinstance(transaction, int) else transaction.pk
            ranges |= models.Q(id__gt=head, id__lt=head + LINES)
        return self.filter(ranges).order_by("id")


class Entry(models.Model):
    """
    One amount moved between two accounts that hold the same asset.

    Both accounts grow by the same amount, each on its own side: an unbalanced entry cannot be
    written down. Found by transaction through ids (``Entry.objects.of``), by account through
    ``ledger.statements``: a house account's entries are not indexed.
    """

    id = models.BigIntegerField(primary_key=True)
    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    debit_account = models.ForeignKey(
        Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    credit_account = models.ForeignKey(
        Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    amount = models.DecimalField(max_digits=38, decimal_places=12)  # in the accounts' asset
    effective_at = models.DateTimeField()
    source_id = models.BigIntegerField(null=True, blank=True)  # usage event, grant, …: by kind

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.debit_account_id} ← {self.amount} ← {self.credit_account_id}"


class Receipt(models.Model):
    """Closes a transaction: how many entries it has, their digest and, in ``xid``, who wrote it."""

    transaction = models.OneToOneField(
        Transaction, models.DO_NOTHING, primary_key=True, related_name="receipt"
    )
    entries = models.IntegerField()
    digest = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.transaction_id}: {self.entries}"


class Delta(models.Model):
    """What one transaction moved on one account in one effective day (UTC); made by the trigger."""

    pk = models.CompositePrimaryKey("account_id", "transaction_id", "effective_date")
    transaction_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    effective_date = models.DateField()
    debits = models.DecimalField(max_digits=38, decimal_places=12)
    credits = models.DecimalField(max_digits=38, decimal_places=12)
    entries = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} {self.effective_date}"
