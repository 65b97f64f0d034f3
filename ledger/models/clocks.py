"""Clocks that stand still until somebody moves them, for trying out what time brings."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.models.books import Book


class TestClock(models.Model):
    """
    A time of its own, for the customers attached to it; it only goes forward.

    While ``target_at`` is set, it is on its way there: what falls due is run in order.
    """

    __test__ = False  # not a class of tests

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True, default="")
    now_at = models.DateTimeField()
    target_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="ledger_testclock_key"),
            models.CheckConstraint(
                condition=Q(target_at=None) | Q(target_at__gte=models.F("now_at")),
                name="ledger_testclock_forward",
            ),
        ]

    def __str__(self) -> str:
        return self.key
