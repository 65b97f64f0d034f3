"""Which period of a recurring limit holds an instant; the one found last is at hand."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ledger import durations
from ledger.periods import Period

_REMEMBERED: Final = 50_000
_latest: dict[tuple[datetime, str, str], Period] = {}


def period_of(anchor: datetime, cadence: str, time_zone: str, at: datetime) -> Period:
    """
    Return the period that holds an instant, counted from an anchor on the wall clock of a zone.

    >>> from datetime import UTC
    >>> period = period_of(datetime(2024, 1, 31, tzinfo=UTC), "P1M", "UTC",
    ...                    datetime(2024, 3, 5, tzinfo=UTC))
    >>> f"{period.starts_at:%d.%m.} – {period.ends_at:%d.%m.}"
    '29.02. – 31.03.'
    """
    named = (anchor, cadence, time_zone)
    found = _latest.get(named)
    if found is None or at not in found:
        step = durations.parse("cadence", cadence)
        found = durations.cycle_of(at, anchor, step, ZoneInfo(time_zone))
        if len(_latest) >= _REMEMBERED:
            _latest.clear()
        _latest[named] = found
    return found
