"""What workers do for metering; see ledger/config/schedule.py for when."""

import structlog
from celery import shared_task

from billing.metering import rollups

logger = structlog.get_logger(__name__)


@shared_task
def fold_usage(**_later: object) -> int:
    """Fold usage that is final into quarter-hours; safe to run twice, late, or concurrently."""
    folded = rollups.fold()
    if folded:
        logger.info("usage folded", batches=folded)
    return folded
