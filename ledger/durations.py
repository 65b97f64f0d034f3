"""
ISO 8601 durations that can recur: months, days or hours, one kind at a time (pure).

P1M, P3M, P1Y and P1Y6M count months, P2W and P1D days, PT1H and PT90M seconds. Months and days are
steps on the wall clock of a zone, always counted from an anchor: the 31st comes back after
February, and a day is from 9:00 to 9:00 on both sides of a daylight-saving change. Hours,
minutes and seconds are time that really passes. The kinds do not mix: a month and a day, added
again and again, depend on which is added first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from ledger.errors import InvalidInputError
from ledger.periods import Period, at_wall_clock, months_from

_FORM: Final = re.compile(
    r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?",
    re.ASCII,
)
_FRACTION: Final = re.compile(r"\d[.,]\d")
_MONTHS, _DAYS, _HOURS, _MINUTES = 12, 7, 3600, 60


class Unit(StrEnum):
    """What a duration counts; the kinds cannot be converted into each other."""

    MONTH = "month"
    DAY = "day"
    SECOND = "second"


_LONGEST: Final = {
    Unit.MONTH: 100 * _MONTHS,
    Unit.DAY: 36_525,
    Unit.SECOND: 36_525 * 86_400,
}


@dataclass(frozen=True, slots=True)
class Duration:
    """
    A number of months, days or seconds.

    >>> parse("cadence", "P1Y6M")
    Duration(count=18, unit=<Unit.MONTH: 'month'>)
    """

    count: int
    unit: Unit

    def __post_init__(self) -> None:
        assert self.count > 0, "a duration lasts"

    def __str__(self) -> str:
        if self.unit is Unit.MONTH:
            years, months = divmod(self.count, _MONTHS)
            return "P" + _parts((years, "Y"), (months, "M"))
        if self.unit is Unit.DAY:
            weeks, days = divmod(self.count, _DAYS)
            return f"P{self.count}D" if days else f"P{weeks}W"
        minutes, seconds = divmod(self.count, _MINUTES)
        hours, minutes = divmod(minutes, _MINUTES)
        return "PT" + _parts((hours, "H"), (minutes, "M"), (seconds, "S"))

    def divides(self, other: Duration) -> bool:
        """
        Say whether ``other`` is this duration some whole number of times, in the same kind.

        >>> month, quarter = parse("cadence", "P1M"), parse("cadence", "P3M")
        >>> month.divides(quarter), quarter.divides(month)
        (True, False)
        """
        return self.unit is other.unit and other.count % self.count == 0


def parse(field: str, text: str) -> Duration:
    """
    Read a duration that can recur.

    Raises:
        InvalidInputError: no ISO 8601 duration, nothing at all, longer than a hundred years, a
            fraction, or kinds that do not mix.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        remedy = _WHOLE if _FRACTION.search(text) else _WRITE
        raise InvalidInputError(field=field, value=text, remedy=remedy)
    years, months, weeks, days, _, hours, minutes, seconds = (
        int(part) if part and part.isdigit() else 0 for part in match.groups()
    )
    counts = {
        Unit.MONTH: years * _MONTHS + months,
        Unit.DAY: weeks * _DAYS + days,
        Unit.SECOND: hours * _HOURS + minutes * _MINUTES + seconds,
    }
    named = [(count, unit) for unit, count in counts.items() if count]
    if not named or text.endswith("T"):
        raise InvalidInputError(field=field, value=text, remedy=_WRITE)
    if len(named) > 1:
        raise InvalidInputError(field=field, value=text, remedy=_ONE_KIND)
    count, unit = named[0]
    if count > _LONGEST[unit]:
        raise InvalidInputError(field=field, value=text, remedy="name at most a hundred years")
    return Duration(count, unit)


_WRITE: Final = "write an ISO 8601 duration above zero, like P1M, P3M, P1Y, P2W, P1D or PT1H"
_WHOLE: Final = "use whole numbers of a smaller kind: PT30M for half an hour, P6M for half a year"
_ONE_KIND: Final = (
    "name months, days or hours, not several of them: together they cannot recur, for a month and"
    " a day depend on which comes first"
)


def check_shortest(field: str, duration: Duration) -> None:
    """
    Check that a duration is no shorter than an hour: nothing recurs more often.

    Raises:
        InvalidInputError: it is.
    """
    if duration.unit is Unit.SECOND and duration.count < _HOURS:
        raise InvalidInputError(
            field=field, value=str(duration), remedy="name at least one hour (PT1H)"
        )


def later(anchor: datetime, duration: Duration, zone: tzinfo, *, steps: int = 1) -> datetime:
    """
    Return ``anchor`` moved by a duration, some number of times (below zero: back), in UTC.

    Move from the anchor each time, never from the last result.

    >>> from zoneinfo import ZoneInfo
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> evening = datetime(2024, 3, 30, 17, tzinfo=UTC)  # 18:00 by the clock there
    >>> later(evening, Duration(1, Unit.DAY), berlin).hour  # summer time: an hour less
    16
    """
    count = duration.count * steps
    if duration.unit is Unit.MONTH:
        return months_from(anchor, count, zone)
    if duration.unit is Unit.DAY:
        local = anchor.astimezone(zone).replace(tzinfo=None)
        return at_wall_clock(local + timedelta(days=count), zone)
    return anchor.astimezone(UTC) + timedelta(seconds=count)


def cycle_of(instant: datetime, anchor: datetime, cadence: Duration, zone: tzinfo) -> Period:
    """
    Return the period that holds ``instant``, of those one cadence long counted from ``anchor``.

    They reach both ways, follow each other without gap or overlap, and never drift.

    >>> anchor = datetime(2024, 1, 31, tzinfo=UTC)
    >>> cycle = cycle_of(datetime(2024, 3, 5, tzinfo=UTC), anchor, parse("cadence", "P1M"), UTC)
    >>> f"{cycle.starts_at:%d.%m.} – {cycle.ends_at:%d.%m.}"
    '29.02. – 31.03.'
    """
    instant = instant.astimezone(UTC)
    step = _guess(instant, anchor, cadence, zone)
    while later(anchor, cadence, zone, steps=step) > instant:
        step -= 1
    while (ends_at := later(anchor, cadence, zone, steps=step + 1)) <= instant:
        step += 1
    return Period(later(anchor, cadence, zone, steps=step), ends_at)


def _parts(*numbers: tuple[int, str]) -> str:
    return "".join(f"{number}{letter}" for number, letter in numbers if number)


def _guess(instant: datetime, anchor: datetime, cadence: Duration, zone: tzinfo) -> int:
    """Return a step near the one that holds the instant."""
    if cadence.unit is Unit.SECOND:
        return (instant - anchor) // timedelta(seconds=cadence.count)
    here = instant.astimezone(zone).replace(tzinfo=None)
    origin = anchor.astimezone(zone).replace(tzinfo=None)
    if cadence.unit is Unit.DAY:
        return (here - origin) // timedelta(days=cadence.count)
    return ((here.year - origin.year) * _MONTHS + here.month - origin.month) // cadence.count
