"""
Jobs that run by the clock, and which of their periods are due (pure).

A job's periods start at whole multiples of its interval since 1970 in UTC, so that
every scheduler of every process names the same ones.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HEARTBEAT = "heartbeat"  # the job whose runs prove that scheduler, broker and worker work
HORIZON = timedelta(days=7)  # how far back a missed period is looked for
MOST = 500  # periods of one job that are caught up at a time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One kind of periodic work.

    A sweep does all that is left to do, whenever it runs: after an outage one run makes up for
    all that were missed. A job that is not a sweep runs once for each period, and its
    task is called with ``at=`` the start of that period.
    """

    name: str
    task: str  # the task's dotted name
    every: timedelta
    is_sweep: bool = True

    def period_start(self, at: datetime) -> datetime:
        """
        Return the start of the period that holds an instant.

        >>> Job(name="n", task="t", every=timedelta(minutes=15)).period_start(
        ...     datetime(2026, 3, 1, 12, 44, tzinfo=UTC)).isoformat()
        '2026-03-01T12:30:00+00:00'
        """
        return at - (at - _EPOCH) % self.every

    def missing(
        self, *, since: datetime | None, known: Collection[datetime], at: datetime
    ) -> list[datetime]:
        """
        Return the starts of the periods to run now, oldest first.

        ``since`` is a period that ran, or None if none ever did: history begins with the
        current one. ``known`` are the periods that need no run.
        """
        current = self.period_start(at)
        first = current if since is None or self.is_sweep else min(current, since + self.every)
        count = min(MOST + len(known), (current - first) // self.every + 1)
        starts = (first + number * self.every for number in range(count))
        return [start for start in starts if start not in known][:MOST]
