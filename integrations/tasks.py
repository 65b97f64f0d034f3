"""Work of the outside world that runs by the clock."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import shared_task
from django.utils.timezone import now

from integrations.tax import vies
from integrations.webhooks import deliveries, delivering, fanout

logger = structlog.get_logger(__name__)


@shared_task
def deliver_webhooks(**_later: object) -> None:
    """Send the webhooks that are due; safe to run twice, late, or concurrently."""
    if taken := delivering.deliver(clock=now):
        logger.info("webhooks delivered", messages=taken)


@shared_task
def prune_webhooks(**_later: object) -> None:
    """Delete deliveries of long ago, with their histories."""
    if deleted := deliveries.prune(at=now()):
        logger.info("webhooks pruned", deliveries=deleted)


@shared_task
def verify_tax_ids(**_later: object) -> None:
    """Ask VIES about numbers that nobody has confirmed; safe to run twice or late."""
    if asked := vies.verify_due(clock=now, cause="job:verify_tax_ids"):
        logger.info("tax ids verified", asked=asked)


def tell_event(*, key: str, payload: Mapping[str, Any]) -> None:
    """Tell an event of the outbox to whom it concerns (the handler of the topic ``event``)."""
    fanout.tell(key=key, event=payload, at=now())
