"""What workers do for billing; see ledger/config/schedule.py for when."""

import structlog
from celery import shared_task
from django.utils.timezone import now

from billing import due
from billing.costs import price_list
from billing.holds import settling
from billing.metering import rollups, unattributed
from ledger.errors import DomainError

logger = structlog.get_logger(__name__)


@shared_task
def fold_usage(**_later: object) -> int:
    """Fold usage that is final into quarter-hours; safe to run twice, late, or concurrently."""
    folded = rollups.fold()
    if folded:
        logger.info("usage folded", batches=folded)
    return folded


@shared_task
def post_mapped(**_later: object) -> int:
    """Post usage that was kept until somebody mapped its subject; safe to run twice or at once."""
    posted = sum(
        unattributed.post_mapped(book=book, at=now()).accepted
        for book in unattributed.books_with_mapped()
    )
    if posted:
        logger.info("unattributed usage posted", events=posted)
    return posted


@shared_task
def settle_captures(**_later: object) -> int:
    """Settle captures whose usage came while they were made; safe to run twice or at once."""
    settled = settling.settle_arrived(at=now())
    if settled:
        logger.info("captures settled", events=settled)
    return settled


@shared_task
def refresh_costs(**_later: object) -> int:
    """Take the prices of an installed release that is new; safe to run twice or at once."""
    done = price_list.refresh(at=now())
    if done.added or done.changed:
        logger.info(
            "provider prices taken", release=done.release, added=done.added, changed=done.changed
        )
    return done.added + done.changed


@shared_task
def do_what_is_due(**_later: object) -> int:
    """Charge, true up and expire what is due by now; safe to run twice, late, or concurrently."""
    swept = due.sweep(at=now())
    for customer, error in swept.failures:
        known = isinstance(error, DomainError)  # of anything else somebody must see where it is
        traced = None if known else error
        logger.error("due work failed", customer=customer, error=str(error), exc_info=traced)
    if swept.customers:
        logger.info("due work done", customers=swept.customers, charges=swept.charges)
    return swept.customers
