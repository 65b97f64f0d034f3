"""
Cutting time into windows on the wall clock of a zone (pure).

A day is from local midnight to the next, be it 23, 24 or 25 hours; an hour begins whenever local
clocks show a full hour. Windows that the asked range cuts are as long as what is left of them.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from ledger.errors import InvalidInputError
from ledger.periods import at_wall_clock, month_of

MOST: Final = 20_000

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2500
_DAY: Final = timedelta(days=1)


class Window(StrEnum):
    """How long a window is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


_SECONDS: Final = {Window.MINUTE: 60, Window.HOUR: 3600}


def cuts(
    starts_at: datetime, ends_at: datetime, window: Window | None, zone: tzinfo
) -> list[datetime]:
    """
    Return where the windows of a range begin, in UTC, and at last where the range ends.

    Raises:
        InvalidInputError: a year no usage has, or more than 20,000 windows.

    >>> start = datetime(2025, 3, 30, tzinfo=UTC)
    >>> [at.hour for at in cuts(start, start + timedelta(hours=3), Window.HOUR, UTC)]
    [0, 1, 2, 3]
    """
    if starts_at.year < _FIRST_YEAR or ends_at.year > _LAST_YEAR:
        remedy = f"ask for a time from {_FIRST_YEAR} to {_LAST_YEAR}"
        shown = f"{starts_at.isoformat()} – {ends_at.isoformat()}"
        raise InvalidInputError(field="from", value=shown, remedy=remedy)
    at, ends_at = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    found: list[datetime] = []
    while at < ends_at:
        if len(found) == MOST:
            remedy = f"ask for at most {MOST:,} windows at a time"
            raise InvalidInputError(field="window", value=window, remedy=remedy)
        found.append(at)
        at = ends_at if window is None else _next(at, window, zone)
    return [*found, ends_at]


def _next(at: datetime, window: Window, zone: tzinfo) -> datetime:
    if window is Window.MONTH:
        return month_of(at, zone).ends_at
    local = at.astimezone(zone)
    if window is Window.DAY:
        midnight = local.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        while (after := at_wall_clock(midnight + _DAY, zone)) <= at:
            midnight += _DAY  # clocks went back over midnight
        return after
    return _next_full(at, _SECONDS[window], zone)


def _next_full(at: datetime, seconds: int, zone: tzinfo) -> datetime:
    """Return when local clocks next show a full hour, or minute."""
    while True:
        local = at.astimezone(zone)
        past = timedelta(minutes=local.minute, seconds=local.second) % timedelta(seconds=seconds)
        at += timedelta(seconds=seconds) - past - timedelta(microseconds=local.microsecond)
        local = at.astimezone(zone)
        if not (local.minute * 60 + local.second) % seconds:
            return at
