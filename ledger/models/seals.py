"""Seals, watermarks and day buckets: what background work derives from the journal."""

from __future__ import annotations

from django.db import models

from ledger.models.accounts import Account
from ledger.models.periods import Period


class Seal(models.Model):
    """
    A link of the hash chain over all transactions, in the order in which they became final.

    It covers the receipts after the seal before it, in (xid, transaction id) order, up to its own
    last one. Append-only.
    """

    seq = models.BigIntegerField(primary_key=True)
    last_xid = models.DecimalField(max_digits=20, decimal_places=0)
    last_transaction_id = models.BigIntegerField()
    transactions = models.IntegerField()
    entries = models.BigIntegerField()
    previous = models.BinaryField()
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq}"


class Watermark(models.Model):
    """How far a background reader has come, in (xid, id) order."""

    name = models.CharField(max_length=50, primary_key=True)
    xid = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.xid}/{self.position}"


class Bucket(models.Model):
    """An account's folded deltas of one effective day, posting day and period (days in UTC)."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    effective_date = models.DateField()
    posted_date = models.DateField()
    period = models.ForeignKey(
        Period, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    debits = models.DecimalField(max_digits=60, decimal_places=12)
    credits = models.DecimalField(max_digits=60, decimal_places=12)
    entries = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "effective_date", "posted_date", "period"],
                name="ledger_bucket_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.effective_date}"
