"""Decisions about credit that a second person has to make."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ledger.models import Asset, Book


class Approval(models.Model):
    """
    An operation on credit that waits for somebody else than who asked for it.

    ``asker`` and ``decider`` are named as the API calls them: "user:ann", or a key, "key:2ndQh7".
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        APPROVED = "approved"
        REFUSED = "refused"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    operation = models.CharField(max_length=40)  # grant, adjust, void, transfer, confirm
    arguments = models.JSONField()
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    asker = models.CharField(max_length=200)
    asked_by = models.ForeignKey(  # if a person
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    decider = models.CharField(max_length=200, blank=True, default="")
    decided_by = models.ForeignKey(  # if a person
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True, default="")  # what it did, or why it was refused

    class Meta:
        ordering = ["-id"]
        permissions = [("decide_approval", "Can decide what a second person has to")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(decider=F("asker"))
                & (Q(decided_by=None) | Q(asked_by=None) | ~Q(decided_by=F("asked_by"))),
                name="wallets_approval_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at=None, decider="")
                | (~Q(state="waiting") & Q(decided_at__isnull=False) & ~Q(decider="")),
                name="wallets_approval_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"
