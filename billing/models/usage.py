"""
Usage as it was reported, and the running values it moved.

Tables of events are made by ``0002_usage.sql`` (partitions, append-only triggers); their rows are
written by ``billing.metering`` alone.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from billing.models.catalogue import Meter, Rate
from ledger.models import Book, Customer


class UsageBatch(models.Model):
    """One call that brought usage in; its id heads its events', ``xid`` says who wrote it."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    events = models.IntegerField()
    transaction_ids = ArrayField(models.BigIntegerField(), default=list)
    digest = models.BinaryField()  # over the events' keys and contents: ``writing.digest_of``

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "usage batches"

    def __str__(self) -> str:
        return str(self.id)


class UsageEvent(models.Model):
    """One measured fact, posted. Append-only: what was wrong is voided or amended, never edited."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(
        Book, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    source = models.TextField()
    external_id = models.TextField()
    type = models.TextField()
    subject = models.TextField()
    customer = models.ForeignKey(
        Customer, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    data = models.JSONField()
    accrual_ids = ArrayField(models.BigIntegerField(), default=list)  # what it moved

    class Meta:
        ordering = ["-id"]
        permissions = [("correct_usageevent", "Can void or amend a usage event")]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"


class EventKey(models.Model):
    """
    Says that (book, source, id) has been taken, for ever, and with what content.

    ``key`` is a 128-bit hash of the three, ``content`` a 64-bit hash of all the event says.
    """

    key = models.UUIDField(primary_key=True)
    content = models.BigIntegerField()
    event_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.key)


class UnattributedEvent(models.Model):
    """Usage of a subject that nobody has mapped to a customer; posted as soon as somebody does."""

    id = models.BigIntegerField(primary_key=True)  # in the range of its batch, as events are
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    source = models.TextField()
    external_id = models.TextField()
    type = models.TextField()
    subject = models.TextField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    data = models.JSONField()
    posted_at = models.DateTimeField(null=True, blank=True)
    event_id = models.BigIntegerField(null=True, blank=True)  # the usage event it became

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["book", "subject"],
                condition=models.Q(posted_at=None),
                name="billing_unattributed_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"


class DeadLetter(models.Model):
    """Something sent as usage that could not be taken, and why; may be mended and replayed."""

    class Status(models.TextChoices):
        OPEN = "open"
        REPLAYED = "replayed"
        DISMISSED = "dismissed"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    content = models.BinaryField()  # sha256 of what was sent
    raw = models.TextField()  # as sent; bytes that are not UTF-8 are escaped
    reason = models.CharField(max_length=50)
    detail = models.TextField()
    field = models.CharField(max_length=200, blank=True, default="")
    received_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "content", "reason"], name="billing_deadletter_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["book", "id"],
                condition=models.Q(status="open"),
                name="billing_deadletter_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail[:60]}"


class Correction(models.Model):
    """An event taken back, or replaced by another; the difference is in its transactions."""

    class Kind(models.TextChoices):
        VOID = "void"
        AMEND = "amend"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    event_id = models.BigIntegerField(
        unique=True
    )  # an event is corrected once; its successor again
    replacement_id = models.BigIntegerField(null=True, blank=True, unique=True)
    reason = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")
    transaction_ids = ArrayField(models.BigIntegerField(), default=list)
    corrected_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_correction_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class Accrual(models.Model):
    """
    The running value and amount of one customer's meter under one price in one period.

    Posting locks it, so that events are rated one after another: an event that takes the quantity
    from q to q' costs ``amount(q') - amount(q)``. ``state`` is the aggregation's memory.
    """

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(
        Customer, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    meter = models.ForeignKey(
        Meter, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    rate = models.ForeignKey(
        Rate, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    period_start = models.DateTimeField()
    period_ends_at = models.DateTimeField()  # as it was when the first event came
    quantity = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    amount = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    cost = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    events = models.BigIntegerField(default=0)
    state = models.JSONField(default=dict)
    taken = models.TextField(default="", blank=True)  # where the amount came from: ``takings``

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "meter", "rate", "period_start"],
                name="billing_accrual_one",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.meter_id} {self.period_start:%Y-%m}"


class LateUsage(models.Model):
    """That usage counts in a running value which happened before its period, and since when."""

    accrual = models.OneToOneField(
        Accrual, models.PROTECT, primary_key=True, related_name="late_usage"
    )
    earliest_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.accrual_id} {self.earliest_at:%Y-%m-%d}"


class UniqueValue(models.Model):
    """A value that a unique count has seen in a period, and in how many events that still stand."""

    id = models.BigAutoField(primary_key=True)
    accrual = models.ForeignKey(Accrual, models.CASCADE, db_index=False, related_name="+")
    value = models.UUIDField()  # 128-bit hash of the value
    events = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["accrual", "value"], name="billing_uniquevalue_one"),
        ]

    def __str__(self) -> str:
        return str(self.value)


class UsageRollup(models.Model):
    """
    A quarter of an hour of one subject's usage of a meter, for one set of dimension values.

    A unique count has a row for each text it counted. ``series`` is a hash of subject, dimensions
    and that text, which come from outside and may be longer than an index takes.
    """

    id = models.BigAutoField(primary_key=True)
    meter = models.ForeignKey(Meter, models.DO_NOTHING, db_index=False, related_name="+")
    customer = models.ForeignKey(
        Customer, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    subject = models.TextField()
    dimensions = models.JSONField()
    counted = models.TextField()
    series = models.UUIDField()
    starts_at = models.DateTimeField()
    events = models.BigIntegerField()
    total = models.DecimalField(max_digits=60, decimal_places=12)  # averages sum without bound
    minimum = models.DecimalField(max_digits=38, decimal_places=12)
    maximum = models.DecimalField(max_digits=38, decimal_places=12)
    latest_at = models.DateTimeField()
    latest_key = models.TextField()
    latest_value = models.DecimalField(max_digits=38, decimal_places=12)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["meter", "customer", "starts_at", "series"], name="billing_rollup_one"
            ),
        ]
        indexes = [models.Index(fields=["meter", "starts_at"], name="billing_rollup_time")]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.customer_id} {self.starts_at:%Y-%m-%d %H:%M}"
