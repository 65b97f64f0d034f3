"""Accounting periods."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q

from ledger.models.books import Book


class Period(models.Model):
    """A half-open stretch of a book's time. Nothing posts into one that is closed."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSING = "closing"
        CLOSED = "closed"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-starts_at"]
        permissions = [("close_period", "Can close and reopen a period")]
        constraints = [
            models.UniqueConstraint(fields=["book", "starts_at"], name="ledger_period_start"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="ledger_period_has_length"
            ),
        ]

    def __str__(self) -> str:
        zone = ZoneInfo(self.book.time_zone)  # its first and last day are those of its book
        first = self.starts_at.astimezone(zone)
        last = (self.ends_at - timedelta.resolution).astimezone(zone)
        return f"{first:%Y-%m-%d} – {last:%Y-%m-%d} ({self.state})"
