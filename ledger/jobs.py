"""
Running periodic jobs once per period, whoever asks and how often.

The row of a (job, period) is the truth: whoever inserts it runs the job. Messages to
workers are hints; a hint that is lost or doubled does no harm.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min, Q

from ledger.models import JobRun
from ledger.periodic import HEARTBEAT, HORIZON, Job

LEASE = timedelta(minutes=15)  # a run that is still not finished then has died
RETRY_AFTER = timedelta(minutes=1)  # how long a failed run rests
KEEP_SWEEPS = timedelta(days=1)
KEEP_OTHERS = timedelta(days=30)

_SHOWN = 2000  # characters of an error that are kept

State = JobRun.State


def due(*, job: Job, at: datetime) -> list[datetime]:
    """
    Return the starts of the periods that need a run now, oldest first.

    A sweep has at most the current one: it makes up for what it missed, or failed to do,
    by itself. Any other job also has each period that was missed, failed, or was left
    unfinished by a worker that died.
    """
    runs = JobRun.objects.filter(job=job.name)
    if job.is_sweep:
        current = job.period_start(at)
        known = set(runs.filter(period_start=current).values_list("period_start", flat=True))
        return job.missing(since=current, known=known, at=at)
    recent = runs.filter(period_start__gt=at - HORIZON)
    known = set(recent.exclude(_repeatable(at)).values_list("period_start", flat=True))
    before = runs.filter(period_start__lte=at - HORIZON).aggregate(last=Max("period_start"))
    first = recent.aggregate(first=Min("period_start"))["first"]
    since = before["last"] or (first and first - job.every)
    return job.missing(since=since, known=known, at=at)


def claim(*, job: Job, period_start: datetime, at: datetime) -> JobRun | None:
    """Return the run to carry out, or None if somebody else has carried it out or is about to."""
    with transaction.atomic():
        run = JobRun(job=job.name, period_start=period_start, started_at=at)
        JobRun.objects.bulk_create([run], ignore_conflicts=True)
        held = (
            JobRun.objects.select_for_update()
            .filter(job=job.name, period_start=period_start)
            .filter(Q(started_at=at, state=State.RUNNING, finished_at=None) | _repeatable(at))
            .first()
        )
        if held is None:
            return None
        held.state, held.started_at, held.finished_at, held.error = State.RUNNING, at, None, ""
        held.save(update_fields=["state", "started_at", "finished_at", "error"])
        return held


def finish(*, run: JobRun, at: datetime, error: str = "") -> None:
    """Record how a run ended; an empty error means well."""
    state = State.FAILED if error else State.DONE
    JobRun.objects.filter(pk=run.pk, started_at=run.started_at).update(
        state=state, finished_at=at, error=error[:_SHOWN]
    )


def last_heartbeat() -> datetime | None:
    """Return when a worker last proved to be at work."""
    beats = JobRun.objects.filter(job=HEARTBEAT, state=State.DONE).order_by("-period_start")
    return beats.values_list("finished_at", flat=True).first()


def prune(*, jobs: Iterable[Job], at: datetime) -> int:
    """Delete old rows, never those that ``due`` still looks at; return how many."""
    others = [job.name for job in jobs if not job.is_sweep or job.every >= KEEP_SWEEPS]
    old = Q(period_start__lt=at - KEEP_SWEEPS) & ~Q(job__in=others)
    deleted, _ = JobRun.objects.filter(old | Q(period_start__lt=at - KEEP_OTHERS)).delete()
    return deleted


def _repeatable(at: datetime) -> Q:
    failed = Q(state=State.FAILED, finished_at__lte=at - RETRY_AFTER)
    return failed | Q(state=State.RUNNING, started_at__lte=at - LEASE)
