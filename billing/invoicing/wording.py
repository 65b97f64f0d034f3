"""How lines are described (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from ledger.periods import Period, month_of

_TICK = timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def stretch(period: Period, zone: tzinfo) -> str:
    """
    Name a period as people do.

    >>> from datetime import UTC
    >>> stretch(Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)), UTC)
    'January 2024'
    >>> stretch(Period(datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 2, 15, tzinfo=UTC)), UTC)
    '15 January 2024 – 14 February 2024'
    """
    if period == month_of(period.starts_at, zone):
        return f"{period.starts_at.astimezone(zone):%B %Y}"
    first = _day(period.starts_at, zone)
    last = _day(max(period.starts_at, period.ends_at - _TICK), zone)
    return first if first == last else f"{first} – {last}"


def minimum(name: str) -> str:
    """Describe what usage lacked to the least amount of a period."""
    return f"{name}: minimum for the period"


def late(name: str, period: Period, zone: tzinfo) -> str:
    """Describe usage that came after its period had been invoiced."""
    return f"Late usage of {stretch(period, zone)}: {name}"


def correction(name: str, period: Period, zone: tzinfo) -> str:
    """Describe what comes back of something that had been invoiced."""
    return f"Correction of {stretch(period, zone)}: {name}"


def not_owed(name: str) -> str:
    """Describe what of a correction was discounted, or given back before."""
    return f"Discounted or given back before: {name}"


def _day(instant: datetime, zone: tzinfo) -> str:
    local = instant.astimezone(zone)
    return f"{local.day} {local:%B %Y}"
