"""What can be invoiced: each running value with a price and each charge, once."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing.models.charges import Charge
from billing.models.usage import Accrual
from ledger.models import Asset, Book, Customer


def nothing() -> list[int]:
    """Return what has been billed of what is new."""
    return [0] * 10


class Billable(models.Model):
    """
    What documents have said of one accrual or charge, and whether they must say more.

    Rows are made by triggers (``0010_invoicing.sql``), so that nothing can be forgotten. ``billed``
    is ``billing.invoicing.facts.Billed``; it only moves when a document is issued or voided.
    Locked before accruals where it belongs to one, always in the order of ``accrual_id,
    charge_id``, and before balances.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_index=False, related_name="+")
    customer = models.ForeignKey(Customer, models.DO_NOTHING, db_index=False, related_name="+")
    asset = models.ForeignKey(Asset, models.DO_NOTHING, db_index=False, related_name="+")
    accrual = models.OneToOneField(
        Accrual, models.DO_NOTHING, null=True, blank=True, related_name="billable"
    )
    charge = models.OneToOneField(
        Charge, models.DO_NOTHING, null=True, blank=True, related_name="billable"
    )
    due_at = models.DateTimeField()  # the end of usage's period; when a charge falls due
    billed = ArrayField(models.DecimalField(max_digits=38, decimal_places=12), default=nothing)
    cut = models.TextField(blank=True, default="")  # the snapshot it was last billed by
    last_line_id = models.BigIntegerField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)  # none: look at it when it is due

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(accrual__isnull=False, charge=None)
                | Q(accrual=None, charge__isnull=False),
                name="billing_billable_of_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["book", "due_at"], condition=Q(settled_at=None), name="billing_billable_due"
            ),
            models.Index(
                fields=["customer", "asset"],
                condition=Q(settled_at=None),
                name="billing_billable_open",
            ),
        ]

    def __str__(self) -> str:
        return f"accrual {self.accrual_id}" if self.accrual_id else f"charge {self.charge_id}"
