"""Accounting periods."""

from __future__ import annotations

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
        return f"{self.starts_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d} ({self.state})"
