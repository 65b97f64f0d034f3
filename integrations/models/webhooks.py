"""Who wants to be called when something happens, and every call."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ledger.models import Book, Customer


class WebhookEndpoint(models.Model):
    """
    An address that is called with signed messages: of all of a book, or of one customer.

    ``secrets`` sign as the Standard Webhooks scheme has it; while one is replaced both do.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, related_name="+")
    key = models.CharField(max_length=200)
    url = models.URLField(max_length=2000)
    event_types = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    secret = models.BinaryField()  # encrypted
    previous_secret = models.BinaryField(null=True, blank=True)  # encrypted
    previous_until = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.TextField(blank=True, default="")
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="integrations_endpoint_key"),
        ]

    def __str__(self) -> str:
        return self.key


class WebhookDelivery(models.Model):
    """One message to one endpoint, until it was taken or given up."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        DEAD = "dead"

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries")
    message_key = models.CharField(max_length=255)  # the webhook-id: the same for each attempt
    event_type = models.CharField(max_length=100)
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
        permissions = [("replay_webhookdelivery", "Can send a webhook again")]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "message_key"], name="integrations_delivery_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(state="waiting"),
                name="integrations_delivery_due",
            ),
            models.Index(fields=["created_at"], name="integrations_delivery_created"),
        ]

    def __str__(self) -> str:
        return self.message_key


class WebhookAttempt(models.Model):
    """One call of an endpoint and what came back. Append-only."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(WebhookDelivery, models.PROTECT, related_name="history")
    number = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    milliseconds = models.PositiveIntegerField()
    attempted_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="integrations_attempt_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delivery} {self.number}"
