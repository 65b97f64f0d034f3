"""Work that runs outside of requests: the periodic jobs' frame, the outbox, housekeeping."""

from datetime import datetime, timedelta

import structlog
from celery import current_app, shared_task
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.timezone import now

from ledger import folding, jobs, outbox, partitions, replies, sealing, verification
from ledger.errors import OutOfBalanceError
from ledger.periodic import Job

logger = structlog.get_logger(__name__)

BATCH = 100  # outbox rows claimed at a time


@shared_task
def run_job(*, job: str, period_start: str, **_later: object) -> bool:
    """
    Run a periodic job for one period, once; safe to ask for twice, late, or concurrently.

    A task that fails leaves its reason in the row of its run.
    """
    chosen = _jobs()[job]
    start = datetime.fromisoformat(period_start)
    run = jobs.claim(job=chosen, period_start=start, at=now())
    if run is None:
        return False
    error = ""
    try:
        current_app.tasks[chosen.task](**({} if chosen.is_sweep else {"at": period_start}))
    except Exception as problem:
        logger.exception("job failed", job=job, period_start=period_start)
        error = f"{type(problem).__name__}: {problem}"
    jobs.finish(run=run, at=now(), error=error)
    return not error


@shared_task
def heartbeat(**_later: object) -> None:
    """Do nothing: that it ran, and when, is in the row of its run."""


@shared_task
def relay_outbox(**_later: object) -> int:
    """Hand each due outbox row to its topic's handler; return how many were handled."""
    handled = sum(_relay(topic, handler) for topic, handler in settings.OUTBOX_HANDLERS.items())
    if handled:
        logger.info("outbox relayed", rows=handled)
    return handled


@shared_task
def prune(**_later: object) -> None:
    """Delete rows of job runs, the outbox and idempotent replies that nobody needs any more."""
    runs = jobs.prune(jobs=settings.JOBS, at=now())
    rows = outbox.prune(at=now())
    kept = replies.prune(at=now())
    logger.info("pruned", job_runs=runs, outbox_rows=rows, replies=kept)


@shared_task
def seal(**_later: object) -> None:
    """Chain what has become final since the last seal."""
    if sealed := sealing.seal(at=now()):
        logger.info("journal sealed", transactions=sealed)


@shared_task
def fold(**_later: object) -> None:
    """Fold the deltas of what has become final into buckets and balances."""
    if folded := folding.fold():
        logger.info("deltas folded", transactions=folded)


@shared_task
def ensure_partitions(**_later: object) -> None:
    """Make the coming months' partitions."""
    if made := partitions.ensure(at=now()):
        logger.info("partitions made", partitions=made)


@shared_task
def verify(**_later: object) -> None:
    """
    Recompute the whole ledger; the row of the run says what was found.

    Raises:
        OutOfBalanceError: something disagrees; it names the first, the log names each.
    """
    report = verification.verify()
    for found in report.disagreements:
        logger.error("ledger disagrees", check=found.check, found=str(found), remedy=found.remedy)
    logger.info(
        "ledger verified",
        transactions=report.transactions,
        entries=report.entries,
        seals=report.seals,
        head=report.head,
        disagreements=len(report.disagreements),
    )
    if report.disagreements:
        first = report.disagreements[0]
        raise OutOfBalanceError(
            check=first.check, found=str(first), in_all=len(report.disagreements)
        )


def _relay(topic: str, handler: str) -> int:
    handle = import_string(handler)
    handled = 0
    lease = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    while rows := outbox.claim(topic=topic, limit=BATCH, at=now(), lease=lease):
        for row in rows:
            try:
                handle(key=row.key, payload=row.payload)
            except Exception as problem:
                logger.exception("outbox row failed", topic=topic, key=row.key)
                outbox.fail(row=row, error=f"{type(problem).__name__}: {problem}", at=now())
            else:
                outbox.settle(row=row, at=now())
                handled += 1
    return handled


def _jobs() -> dict[str, Job]:
    return {job.name: job for job in settings.JOBS}
