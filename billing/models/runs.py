"""Numbers of documents, and runs that make the documents of many payers."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ledger.models import Book


class Series(models.Model):
    """Numbers of documents of one kind: without gap, in the order in which they are issued."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="series")
    key = models.CharField(max_length=40)
    year = models.PositiveIntegerField()  # 0: the pattern has none
    pattern = models.CharField(max_length=100, default="INV-{year}-{sequence:06}")
    next = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["book", "key", "year"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["book", "key", "year"], name="billing_series_one"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.year or ''}".strip()


class Run(models.Model):
    """Invoices of many customers drafted and issued together; may be stopped and gone on with."""

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        DONE = "done"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    until = models.DateTimeField()
    issues = models.BooleanField(default=True)  # false: drafts only
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    cause = models.TextField(blank=True, default="")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_run_key"),
        ]

    def __str__(self) -> str:
        return self.key


class RunPart(models.Model):
    """Payers whose documents a run makes in one transaction, which also says that it is done."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.PROTECT, related_name="parts")
    payer_ids = ArrayField(models.BigIntegerField())
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    drafted = models.PositiveIntegerField(default=0)
    issued = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["run", "id"], condition=Q(state="waiting"), name="billing_runpart_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.pk}"
