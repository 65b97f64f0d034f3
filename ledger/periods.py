"""
Half-open periods and month arithmetic in a time zone (pure).

A period is [starts_at, ends_at): the instant it ends belongs to the next one, so periods that
follow each other leave no gap and no overlap. Calendar steps are taken on local wall
clocks, so a month starts at local midnight on both sides of a daylight-saving change, and
always from the anchor, so that 31 January → 28 February → 31 March does not drift.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Final

_MONTHS: Final = 12
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The time from ``starts_at`` up to, but not including, ``ends_at``; kept in UTC."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        assert self.starts_at.utcoffset() is not None, "a period needs aware times"
        # Two times of one zone compare by their wall clocks, which go back in autumn.
        object.__setattr__(self, "starts_at", self.starts_at.astimezone(UTC))
        object.__setattr__(self, "ends_at", self.ends_at.astimezone(UTC))
        assert self.starts_at < self.ends_at, "a period must last"

    def __contains__(self, instant: datetime) -> bool:
        return self.starts_at <= instant < self.ends_at

    @property
    def duration(self) -> timedelta:
        """Return the time that really passes, whatever the wall clock does."""
        return self.ends_at - self.starts_at

    def overlap(self, other: "Period") -> "Period | None":
        """Return what both periods cover."""
        starts_at = max(self.starts_at, other.starts_at)
        ends_at = min(self.ends_at, other.ends_at)
        return Period(starts_at, ends_at) if starts_at < ends_at else None

    def share(self, part: "Period") -> Fraction:
        """
        Return the fraction of this period that ``part`` covers, for proration.

        >>> january = month_of(datetime(2024, 1, 5, tzinfo=UTC), UTC)
        >>> january.share(Period(datetime(2024, 1, 2, tzinfo=UTC), january.ends_at))
        Fraction(30, 31)
        """
        covered = self.overlap(part)
        if covered is None:
            return Fraction(0)
        return Fraction(covered.duration // _MICROSECOND, self.duration // _MICROSECOND)


def month_of(instant: datetime, zone: tzinfo) -> Period:
    """
    Return the calendar month of ``zone`` that holds ``instant``; its ends are in UTC.

    >>> from zoneinfo import ZoneInfo
    >>> month_of(datetime(2025, 4, 1, tzinfo=UTC), ZoneInfo("America/New_York")).starts_at
    datetime.datetime(2025, 3, 1, 5, 0, tzinfo=datetime.timezone.utc)
    """
    local = instant.astimezone(zone)
    first = datetime(local.year, local.month, 1)  # noqa: DTZ001 - a wall clock
    return Period(at_wall_clock(first, zone), at_wall_clock(_months_later(first, 1), zone))


def month_after(period: Period, zone: tzinfo) -> Period:
    """Return the calendar month that follows one."""
    return month_of(period.ends_at, zone)


def months_from(anchor: datetime, months: int, zone: tzinfo) -> datetime:
    """
    Return ``anchor`` moved by whole months on the wall clock of ``zone``, in UTC.

    A day the month lacks becomes its last day. Count from the anchor each time: going
    month by month would lose the 31st for ever.

    >>> anchor = datetime(2024, 1, 31, tzinfo=UTC)
    >>> [months_from(anchor, count, UTC).day for count in (1, 2, 3)]
    [29, 31, 30]
    """
    local = anchor.astimezone(zone).replace(tzinfo=None)
    return at_wall_clock(_months_later(local, months), zone)


def at_wall_clock(wall: datetime, zone: tzinfo) -> datetime:
    """
    Return the UTC instant at which clocks in ``zone`` show ``wall``.

    A time shown twice (autumn) is its first showing; a time skipped (spring) is the
    instant as far after the change as the clock would have gone.
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * _MONTHS + wall.month - 1 + months, _MONTHS)
    last_day = calendar.monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last_day))
