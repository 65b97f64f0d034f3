"""Asking for what is overdue: schedules, where each document stands, what was done."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.models.invoices import Invoice
from ledger.models import Book


class DunningSchedule(models.Model):
    """
    Steps after a document's due date, in order; a new version is a new row.

    ``steps``: [{"after": "P3D", "act": "remind", "text": "…"}, …] (``billing.dunning.steps``). What
    is less than ``minimums`` (by currency's code) is not asked for.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=200, blank=True, default="")
    steps = models.JSONField()
    minimums = models.JSONField(default=dict, blank=True)
    is_default = models.BooleanField(default=False)  # of customers whose profile names none
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    cause = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["book", "key", "-version"]
        permissions = [("run_dunning", "Can pause dunning and record promises to pay")]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "key", "version"], name="billing_dunningschedule_version"
            ),
            models.UniqueConstraint(
                fields=["book", "key"],
                condition=Q(effective_to=None),
                name="billing_dunningschedule_one",
            ),
            models.UniqueConstraint(
                fields=["book"],
                condition=Q(effective_to=None, is_default=True),
                name="billing_dunningschedule_default",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


class Dunning(models.Model):
    """
    Where a document stands in its schedule: the step that comes next, and when.

    A pause or a promise to pay moves ``next_at``; a document that is settled ends it.
    """

    invoice = models.OneToOneField(
        Invoice, models.PROTECT, primary_key=True, related_name="dunning"
    )
    schedule = models.ForeignKey(DunningSchedule, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)  # none: all steps are done, or it ended
    paused_until = models.DateTimeField(null=True, blank=True)
    promised_until = models.DateTimeField(null=True, blank=True)
    promised_amount = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    is_suspended = models.BooleanField(default=False)  # its payer's access, on its account
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_because = models.TextField(blank=True, default="")

    class Meta:
        verbose_name_plural = "dunnings"
        ordering = ["-invoice"]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(stopped_at=None, next_at__isnull=False),
                name="billing_dunning_next",
            ),
        ]

    def __str__(self) -> str:
        return str(self.invoice)


class DunningAct(models.Model):
    """Something that was done to have a document paid. Append-only; each step happens once."""

    class Act(models.TextChoices):
        REMIND = "remind"
        RETRY = "retry"
        SUSPEND = "suspend"
        RESUME = "resume"
        PROPOSE = "propose_write_off"
        PAUSE = "pause"
        PROMISE = "promise"
        BROKEN = "broken_promise"
        STOP = "stop"

    id = models.BigAutoField(primary_key=True)
    dunning = models.ForeignKey(Dunning, models.PROTECT, related_name="acts")
    position = models.PositiveSmallIntegerField(null=True, blank=True)  # of a schedule's step
    act = models.CharField(max_length=20, choices=Act.choices)
    at = models.DateTimeField()
    cause = models.TextField(blank=True, default="")
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dunning", "position"],
                condition=Q(position__isnull=False),
                name="billing_dunningact_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.dunning_id}"
