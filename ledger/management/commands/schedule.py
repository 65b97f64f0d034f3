"""The scheduler: tells workers which periodic jobs are due."""

import signal
import threading
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils.timezone import now
from kombu.exceptions import OperationalError

from ledger import jobs, tasks
from ledger.periodic import HORIZON, Job

logger = structlog.get_logger(__name__)

BEAT = 0.5  # seconds between looks at the clock
PATIENCE = timedelta(minutes=1)  # after which a hint counts as lost and is given again


class Scheduler:
    """
    Gives a hint for each due period.

    Any number may run at once: the rows of the runs decide, so doubled hints do no harm.
    It remembers what it hinted, so that messages do not pile up while no worker runs.
    """

    def __init__(self, chosen: tuple[Job, ...]) -> None:
        self._jobs = chosen
        self._hinted: dict[tuple[str, datetime], datetime] = {}
        self._looked: dict[str, tuple[datetime, datetime]] = {}

    def tick(self, *, at: datetime) -> int:
        """Hint at what is due and return how many hints were given."""
        self._hinted = {key: when for key, when in self._hinted.items() if at - when < PATIENCE}
        return sum(self._hint(job, at) for job in self._jobs if self._is_time(job, at))

    def _is_time(self, job: Job, at: datetime) -> bool:
        """Look into the database when a period begins, and now and then in between."""
        current = job.period_start(at)
        period, looked = self._looked.get(job.name, (None, at))
        return period != current or at - looked >= PATIENCE

    def _hint(self, job: Job, at: datetime) -> int:
        given = 0
        for start in jobs.due(job=job, at=at):
            if (job.name, start) not in self._hinted:
                tasks.run_job.apply_async(
                    kwargs={"job": job.name, "period_start": start.isoformat()},
                    # A late hint of a sweep says nothing that the next one does not.
                    expires=at + (max(job.every, PATIENCE) if job.is_sweep else HORIZON),
                )
                self._hinted[job.name, start] = at
                given += 1
        self._looked[job.name] = job.period_start(at), at
        return given


class Command(BaseCommand):
    """``manage.py schedule``"""

    help = "Run the scheduler. Running several is safe."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Tick until told to stop."""
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        scheduler = Scheduler(settings.JOBS)
        logger.info("scheduler started", jobs=[job.name for job in settings.JOBS])
        while not stopping.wait(BEAT):
            self._tick(scheduler)
        logger.info("scheduler stopped")

    def _tick(self, scheduler: Scheduler) -> None:
        try:
            close_old_connections()
            scheduler.tick(at=now())
        except (DatabaseError, OSError, OperationalError) as error:
            # The database or the broker is away; what is missed meanwhile is caught up.
            logger.warning("scheduler waits", reason=str(error))
