"""
When a fee that was paid in advance becomes revenue: straight-line, month by month (pure).

What is earned by an instant is a function of the fee and of time, so that a fee that changes
is earned right from then on, and nothing adds up from roundings.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from billing.cycles import round_share
from ledger.money import ZERO
from ledger.periods import Period, month_of


def earned(posted: Decimal, covered: Period, until: datetime, exponent: int) -> Decimal:
    """
    Return how much of a fee is earned by an instant.

    >>> from datetime import UTC
    >>> quarter = Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC))
    >>> [earned(Decimal(9), quarter, datetime(2024, month, 1, tzinfo=UTC), 2) for month in (2, 4)]
    [Decimal('3.07'), Decimal('9')]
    """
    if until <= covered.starts_at or not posted:
        return ZERO
    if until >= covered.ends_at:
        return posted
    return round_share(posted, covered.share(Period(covered.starts_at, until)), exponent)


def earned_until(covered: Period, instant: datetime, zone: tzinfo) -> datetime | None:
    """Return up to when revenue is taken at an instant: the period's end, or the last month's."""
    if instant >= covered.ends_at:
        return covered.ends_at
    month_start = _month(instant, zone).starts_at
    return month_start if month_start > covered.starts_at else None


def next_instant(covered: Period, after: datetime, zone: tzinfo) -> datetime | None:
    """Return when revenue is taken next."""
    if after >= covered.ends_at:
        return None
    return min(covered.ends_at, _month(after, zone).ends_at)


@lru_cache(maxsize=4096)
def _month(instant: datetime, zone: tzinfo) -> Period:
    return month_of(instant, zone)
