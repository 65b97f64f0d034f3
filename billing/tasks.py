"""What workers do for billing; see ledger/config/schedule.py for when."""

import structlog
from celery import shared_task
from django.utils.timezone import now

from billing import due, dunning
from billing.costs import price_list
from billing.holds import settling
from billing.invoicing import scheduled
from billing.invoicing.documents import ahead
from billing.metering import rollups, unattributed
from billing.payments import dispositions
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
    settled.report(logger, "captures not settled", "customer")
    if settled.done:
        logger.info("captures settled", events=settled.done)
    return settled.done


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
    swept.report(logger, "due work failed", "customer")
    if swept.done:
        logger.info("due work done", customers=swept.done, charges=swept.charges)
    return swept.done


@shared_task
def make_invoices(**_later: object) -> int:
    """Draft and issue what is due by now; safe to run twice, late, or concurrently."""
    turn = scheduled.invoice(at=now())
    for payer, error in turn.failures.items():
        traced = None if isinstance(error, DomainError) else error
        logger.error("invoicing failed", payer=payer, error=str(error), exc_info=traced)
    if turn.drafted or turn.issued or turn.overdue:
        logger.info("invoices made", drafted=turn.drafted, issued=turn.issued, overdue=turn.overdue)
    return turn.issued


@shared_task
def work_on_invoice_runs(**_later: object) -> int:
    """Go on with runs of invoices; safe to run twice, late, or concurrently."""
    return scheduled.work_on_runs(at=now())


@shared_task
def render_documents(**_later: object) -> int:
    """Render what is to be sent before anybody asks; safe to run twice, late, or concurrently."""
    swept = ahead.render_due(at=now())
    swept.report(logger, "document not rendered", "invoice")
    if swept.done:
        logger.info("documents rendered", documents=swept.done)
    return swept.done


@shared_task
def set_off(**_later: object) -> int:
    """Give open credit notes and unapplied cash to what is owed; safe to run twice or at once."""
    swept = dispositions.set_off_all(at=now())
    swept.report(logger, "money not set off", "customer")
    if swept.done:
        logger.info("money set off", documents=swept.done)
    return swept.done


@shared_task
def dun(**_later: object) -> int:
    """Ask for what is overdue, by its schedule; safe to run twice, late, or concurrently."""
    dunned = dunning.dun(at=now())
    dunned.report(logger, "document not dunned", "invoice")
    if dunned.done:
        steps = {name: len(getattr(dunned, name)) for name in ("started", "acted", "ended")}
        logger.info("overdue documents dunned", **steps)
    return dunned.done
