"""Work on wallets that runs by the clock."""

import structlog
from celery import shared_task
from django.utils.timezone import now

from wallets import alerts, evaluation, expiry, holds, overdraft, schedules, topups

logger = structlog.get_logger(__name__)

_PAUSE = 1  # second, in which a busy wallet moves many times


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


def hint_evaluation() -> None:
    """Have a worker look at watched credit that has moved; if the hint is lost, the job does it."""
    evaluate_watches.apply_async(countdown=_PAUSE, retry=False)


@shared_task
def evaluate_watches(**_later: object) -> None:
    """Look at watched wallets that moved and rules that are due; safe to run twice or at once."""
    done = evaluation.evaluate(at=now())
    for wallet, error in done.failures:
        logger.warning("watched wallet not looked at", wallet=wallet, error=str(error))
    if not done.is_idle:
        logger.info(
            "watched wallets looked at",
            wallets=done.wallets,
            top_ups=done.top_ups,
            alerts=done.alerts,
        )


@shared_task
def look_ahead(**_later: object) -> None:
    """Fail top-ups that nobody paid, tell what will expire or run out; safe to run twice."""
    at = now()
    unpaid, told = topups.expire_unpaid(at=at), alerts.look_ahead(at=at)
    unpaid.report(logger, "unpaid top-up not failed", "top_up")
    if unpaid.done or told:
        logger.info("looked ahead", unpaid_top_ups=unpaid.done, alerts=told)


@shared_task
def sweep(**_later: object) -> None:
    """Close expired lots, then settle overdrafts; safe to run twice, late, or concurrently."""
    at = now()
    closed = expiry.close_expired(at=at)
    settled = overdraft.settle(at=at)
    logger.info("wallets swept", closed=closed, overdrafts_settled=settled)
