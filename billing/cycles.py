"""
Billing cycles: which stretch of time a recurring price is for, and what part of it is due (pure).

A cycle is a half-open period, counted from a billing anchor on the wall clock of a zone. Cycles
reach both ways from the anchor, follow each other without gap or overlap, and never drift. Where
a zone skipped a whole day (Apia, 30 December 2011), the cycle that would have been it is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction

from ledger.durations import Duration, check_shortest, cycle_of
from ledger.errors import InvalidInputError
from ledger.money import WIDE
from ledger.periods import Period

__all__ = ["check_cadence", "cycle_of", "cycles_of", "fee", "fits", "round_share"]


def cycles_of(span: Period, anchor: datetime, cadence: Duration, zone: tzinfo) -> Iterator[Period]:
    """Yield each cycle that shares some time with ``span``, in order, in its full length."""
    cycle = cycle_of(span.starts_at, anchor, cadence, zone)
    yield cycle
    while cycle.ends_at < span.ends_at:
        cycle = cycle_of(cycle.ends_at, anchor, cadence, zone)
        yield cycle


def check_cadence(field: str, cadence: Duration, plan: Duration) -> None:
    """
    Check that a price's cadence and its plan's fit into each other.

    Raises:
        InvalidInputError: shorter than an hour; or neither is the other some whole number of
            times, counted in the same kind (months, days, hours).
    """
    check_shortest(field, cadence)
    if not fits(cadence, plan):
        remedy = (
            f"name a cadence that {plan}, the plan's, is a multiple of, or a multiple of it,"
            " both in months, in days or in hours"
        )
        raise InvalidInputError(field=field, value=str(cadence), remedy=remedy)


def fits(cadence: Duration, other: Duration) -> bool:
    """Say whether one of two cadences is the other some whole number of times."""
    return cadence.divides(other) or other.divides(cadence)


def fee(amount: Decimal, full: Period, covered: Period, exponent: int) -> Decimal:
    """
    Return what part of a cycle's fee is due for the part of it that is covered.

    The share is by the time that really passes; the fee is rounded once, half away from zero.

    >>> from datetime import UTC
    >>> january = Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    >>> first = Period(january.starts_at, datetime(2024, 1, 2, tzinfo=UTC))
    >>> fee(Decimal(10), january, first, 2)
    Decimal('0.32')
    """
    return round_share(amount, full.share(covered), exponent)


def round_share(amount: Decimal, share: Fraction, exponent: int) -> Decimal:
    """Return ``amount × share`` to ``exponent`` places, a half away from zero."""
    numerator, denominator = amount.as_integer_ratio()
    units = abs(numerator * share.numerator) * 10**exponent
    whole, rest = divmod(units, denominator * share.denominator)
    count = whole + (2 * rest >= denominator * share.denominator)
    is_negative = (amount < 0) != (share < 0)
    return Decimal(-count if is_negative else count).scaleb(-exponent, WIDE)
