"""Sending what is due: many calls at once, each claimed before it and recorded after it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from integrations.models import WebhookDelivery
from integrations.webhooks import calling, deliveries, endpoints, messages, signing
from integrations.webhooks.calling import Outcome
from integrations.webhooks.keeping import SecretUnreadableError

CALLS: Final = 16  # at once
LONGEST: Final = timedelta(minutes=1)  # that one run goes on claiming
AGENT: Final = "Meterbook-Webhooks/1"

logger = structlog.get_logger(__name__)

Underway = dict[Future[Outcome], tuple[WebhookDelivery, datetime]]


def deliver(*, clock: Callable[[], datetime]) -> int:
    """
    Send what is due and return how many messages were taken; safe to run many times at once.

    Nothing is locked while endpoints are called. ``clock`` tells the time of each call.
    """
    began, taken = clock(), 0
    underway: Underway = {}
    with ThreadPoolExecutor(max_workers=CALLS, thread_name_prefix="webhook") as pool:
        while True:
            at = clock()
            free = CALLS - len(underway) if at - began < LONGEST else 0
            for delivery in deliveries.claim(limit=free, at=at) if free else ():
                underway[pool.submit(send, delivery, at)] = (delivery, at)
            if not underway:
                return taken
            finished, _ = wait(underway, timeout=1, return_when=FIRST_COMPLETED)
            for future in finished:
                delivery, attempted_at = underway.pop(future)
                taken += _record(delivery, future.result(), attempted_at)


def send(delivery: WebhookDelivery, at: datetime) -> Outcome:
    """Call a delivery's endpoint, which was read along with it; touches no database."""
    try:
        keys = endpoints.keys_of(delivery.endpoint, at=at)
    except SecretUnreadableError as error:
        return Outcome(status=None, error=str(error), milliseconds=0)
    body = messages.body_of(delivery.payload)
    signed = signing.headers(message=delivery.message_key, body=body, keys=keys, at=at)
    plain = {"Content-Type": "application/json", "User-Agent": AGENT, "Accept": "*/*"}
    return calling.post(
        delivery.endpoint.url,
        body=body,
        headers=plain | signed,
        seconds=settings.METERBOOK_WEBHOOK_SECONDS,
    )


def _record(delivery: WebhookDelivery, outcome: Outcome, attempted_at: datetime) -> bool:
    deliveries.record(delivery=delivery, outcome=outcome, attempted_at=attempted_at)
    if not outcome.is_taken:
        logger.warning(
            "webhook failed",
            endpoint=delivery.endpoint.key,
            message=delivery.message_key,
            attempt=delivery.attempts,
            error=outcome.error,
        )
    return outcome.is_taken
