"""The end of an accounting period: what was looked at, who answered for what, who closed it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.models import Period


class Closing(models.Model):
    """Who has been closing a period, since when; one row a period, however often it is tried."""

    period = models.OneToOneField(Period, models.PROTECT, primary_key=True, related_name="closing")
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)
    closed_at = models.DateTimeField(null=True, blank=True)  # none: not yet, or reopened
    closed_by = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-period"]

    def __str__(self) -> str:
        return f"{self.period}"


class ClosingCheck(models.Model):
    """What one check of the list found at one time, or who answers for it. Append-only."""

    class State(models.TextChoices):
        OK = "ok"
        LISTED = "listed"  # to be read; keeps nothing from closing
        BLOCKS = "blocks"
        WAIVED = "waived"

    id = models.BigAutoField(primary_key=True)
    closing = models.ForeignKey(Closing, models.PROTECT, related_name="checks")
    key = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State.choices)
    found = models.JSONField(default=list)  # what was found, as lines of text
    checked_at = models.DateTimeField()
    waived_by = models.CharField(max_length=200, blank=True, default="")
    reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(state="waived") & ~Q(waived_by="") & ~Q(reason=""))
                | (~Q(state="waived") & Q(waived_by="", reason="")),
                name="billing_closingcheck_waived_by_somebody",
            ),
        ]
        permissions = [("waive_closingcheck", "Can answer for what a closing check found")]

    def __str__(self) -> str:
        return f"{self.key}: {self.state}"


class Reopening(models.Model):
    """That a closed period was opened again, by whom and why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    period = models.ForeignKey(Period, models.PROTECT, related_name="reopenings")
    reopened_at = models.DateTimeField()
    reopened_by = models.CharField(max_length=200)
    reason = models.TextField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="billing_reopening_has_reason"),
        ]
        permissions = [("reopen_period", "Can reopen a closed period")]

    def __str__(self) -> str:
        return f"{self.period} by {self.reopened_by}"
