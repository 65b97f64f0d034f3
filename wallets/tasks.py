"""Work on wallets that runs by the clock."""

import structlog
from celery import shared_task
from django.utils.timezone import now

from wallets import expiry, holds, overdraft, schedules

logger = structlog.get_logger(__name__)


@shared_task
def issue_grants(**_later: object) -> None:
    """Issue the recurring grants that are due; safe to run twice, late, or concurrently."""
    if issued := schedules.issue(at=now()):
        logger.info("grants issued", grants=issued)


@shared_task
def expire_holds(**_later: object) -> None:
    """End the holds that have expired; safe to run twice, late, or concurrently."""
    if expired := holds.expire(at=now()):
        logger.info("holds expired", holds=expired)


@shared_task
def sweep(**_later: object) -> None:
    """Close expired lots, then settle overdrafts; safe to run twice, late, or concurrently."""
    at = now()
    closed = expiry.close_expired(at=at)
    settled = overdraft.settle(at=at)
    logger.info("wallets swept", closed=closed, overdrafts_settled=settled)
