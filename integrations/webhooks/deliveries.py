"""
Deliveries: claimed with a lease, recorded, sent again; nothing here calls anybody.

A worker that dies between the call and its record leaves the delivery claimed. When the lease is
over, somebody sends it again, under the same id: receivers know messages by their ids.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Max

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.webhooks import endpoints
from integrations.webhooks.calling import Outcome
from integrations.webhooks.errors import EndpointDisabledError
from integrations.webhooks.messages import instant
from integrations.webhooks.pauses import MOST_ATTEMPTS, pause

LEASE: Final = timedelta(minutes=5)
FAILING_FOR: Final = timedelta(days=5)  # after which an endpoint is disabled
KEEP: Final = timedelta(days=90)

_AT_ONCE: Final = 4  # calls of one endpoint at a time; one while it fails
_GONE: Final = 410
_SHOWN: Final = 2000  # characters of an error that are kept
_PRUNED: Final = 5000  # deliveries in one transaction
_JITTER: Final = random.SystemRandom()

State = WebhookDelivery.State

# For each endpoint its oldest due deliveries, fewer by those under way: a slow one keeps nobody
# else waiting.
_CLAIM: Final = """
    SELECT due.id FROM integrations_webhookendpoint e
    CROSS JOIN LATERAL (
        SELECT d.id, d.due_at FROM integrations_webhookdelivery d
        WHERE d.endpoint_id = e.id AND d.state = 'waiting' AND d.due_at <= %(at)s
          AND (d.claimed_until IS NULL OR d.claimed_until <= %(at)s)
        ORDER BY d.due_at, d.id
        LIMIT GREATEST(0, CASE WHEN e.failing_since IS NULL THEN %(at_once)s ELSE 1 END - (
            SELECT count(*) FROM integrations_webhookdelivery u
            WHERE u.endpoint_id = e.id AND u.state = 'waiting' AND u.claimed_until > %(at)s))
        FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE e.is_enabled AND e.ended_at IS NULL
    ORDER BY due.due_at, due.id LIMIT %(limit)s
"""


def claim(*, limit: int, at: datetime) -> list[WebhookDelivery]:
    """Take up to ``limit`` due deliveries, with their endpoints, for the time of the lease."""
    with transaction.atomic():
        found = WebhookDelivery.objects.raw(_CLAIM, {"at": at, "limit": limit, "at_once": _AT_ONCE})
        ids = [delivery.pk for delivery in found]
        if not ids:
            return []
        rows = WebhookDelivery.objects.filter(pk__in=ids)
        rows.update(claimed_until=at + LEASE, attempts=F("attempts") + 1)
        return list(rows.select_related("endpoint").order_by("due_at", "pk"))


def record(*, delivery: WebhookDelivery, outcome: Outcome, attempted_at: datetime) -> None:
    """
    Write down what came of a call: taken, due again later, or given up after the last attempt.

    An endpoint that has failed for days, or says that it is gone, is disabled. Who comes late,
    when the lease is over and somebody else has claimed the delivery, only adds to its history.
    """
    with transaction.atomic():
        rows = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("customer")
        endpoint = rows.get(pk=delivery.endpoint_id)
        found = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
        last = found.history.aggregate(last=Max("number"))["last"] or 0
        WebhookAttempt.objects.create(
            delivery=found,
            number=last + 1,
            status=outcome.status,
            error=outcome.error[:_SHOWN],
            milliseconds=outcome.milliseconds,
            attempted_at=attempted_at,
        )
        is_ours = found.state == State.WAITING and found.claimed_until == delivery.claimed_until
        if is_ours or (outcome.is_taken and found.state != State.DELIVERED):
            _move(found, outcome, attempted_at)
        _note_health(endpoint, outcome, attempted_at)


def replay(*, delivery: WebhookDelivery, at: datetime) -> WebhookDelivery:
    """
    Send a message again, under the same id, from the first attempt on; one that waits stays.

    Raises:
        EndpointDisabledError: its endpoint is disabled or ended.
    """
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=delivery.endpoint_id)
        _again(endpoint, [delivery.pk], at)
    return WebhookDelivery.objects.get(pk=delivery.pk)


def replay_failed(*, endpoint: WebhookEndpoint, since: datetime, at: datetime) -> int:
    """
    Send again all that an endpoint was to be told since an instant and that was given up.

    Raises:
        EndpointDisabledError: it is disabled or ended.
    """
    with transaction.atomic():
        found = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        dead = found.deliveries.filter(state=State.DEAD, created_at__gte=since)
        return _again(found, list(dead.values_list("pk", flat=True)), at)


def prune(*, at: datetime) -> int:
    """Delete what was told, or given up, long ago, with its history; return how many."""
    old = WebhookDelivery.objects.filter(created_at__lt=at - KEEP).exclude(state=State.WAITING)
    deleted = 0
    while ids := list(old.order_by("created_at").values_list("pk", flat=True)[:_PRUNED]):
        with transaction.atomic():
            WebhookAttempt.objects.filter(delivery__in=ids).delete()
            WebhookDelivery.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted


def _again(endpoint: WebhookEndpoint, ids: Sequence[int], at: datetime) -> int:
    if not endpoint.is_enabled:
        raise EndpointDisabledError(endpoint=endpoint.key)
    return (
        WebhookDelivery.objects.filter(pk__in=ids)
        .exclude(state=State.WAITING)
        .update(state=State.WAITING, attempts=0, due_at=at, claimed_until=None, delivered_at=None)
    )


def _move(delivery: WebhookDelivery, outcome: Outcome, at: datetime) -> None:
    delivery.claimed_until = None
    delivery.last_status, delivery.last_error = outcome.status, outcome.error[:_SHOWN]
    if outcome.is_taken:
        delivery.state, delivery.delivered_at = State.DELIVERED, at
    elif delivery.attempts >= MOST_ATTEMPTS:
        delivery.state = State.DEAD
    else:
        share, asked = _JITTER.random(), outcome.retry_after
        delivery.due_at = at + pause(delivery.attempts, share=share, asked=asked)
    delivery.save(
        update_fields=[
            "claimed_until",
            "last_status",
            "last_error",
            "state",
            "delivered_at",
            "due_at",
        ]
    )


def _note_health(endpoint: WebhookEndpoint, outcome: Outcome, at: datetime) -> None:
    if outcome.is_taken:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = at
        endpoint.save(update_fields=["failing_since"])
    if not endpoint.is_enabled:
        return
    if outcome.status == _GONE:
        endpoints.stop(endpoint, at=at, reason="It answered that it is gone (HTTP 410).")
    elif at - endpoint.failing_since >= FAILING_FOR:
        since = instant(endpoint.failing_since)
        endpoints.stop(endpoint, at=at, reason=f"It has failed since {since}.")
