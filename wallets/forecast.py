"""
How long a wallet's credit will last at the pace of the last days.

What expires before it is used is not counted on; what becomes effective is, from then on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.money import SCALE
from wallets import days as by_day
from wallets import summary
from wallets.days import Lot

_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_PER_DAY: Final = _DAY // _MICROSECOND
_LONGEST: Final = 36_525 * _DAY  # what lasts longer is as good as endless


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long credit will last, in the wallet's asset."""

    available: Decimal
    pending: Decimal
    days: Fraction  # how much time the pace is taken from
    burn_per_day: Decimal
    runs_out_at: datetime | None  # at this pace; none: not within a hundred years
    course: Sequence[Left]  # from now until then, or until nothing changes but by the pace


class Left(NamedTuple):
    """What is left at an instant, available or pending; in between it falls evenly."""

    at: datetime
    amount: Decimal


def of_wallets(
    wallet_ids: Collection[int], *, at: datetime, days: int = by_day.USUAL
) -> dict[int, Forecast]:
    """
    Return how long the credit of wallets will last at the pace of the last ``days``.

    The pace is of that many whole days and what has passed of the present one, or since the first
    grant if that is later. What expires before it is used is not counted on, what becomes
    effective is from then on; grants still to come are not.
    """
    since = by_day.midnight(at) - days * _DAY
    lots = by_day.lots_of(wallet_ids)
    used = by_day.used(lots, since.date())
    figures = summary.of_grants([lot.grant_id for lot in lots], at=at)
    found, by_wallet = {}, defaultdict[int, list[Lot]](list)
    for lot in lots:
        by_wallet[lot.wallet_id].append(lot)
    for wallet_id in wallet_ids:
        own = by_wallet[wallet_id]
        whole = sum((figures[lot.grant_id] for lot in own), summary.Figures())
        first = min((lot.created_at for lot in own), default=at)
        elapsed = max(Fraction((at - max(since, first)) // _MICROSECOND, _PER_DAY), Fraction(1))
        burnt = Fraction(by_day.total(used[lot.account_id] for lot in own))
        pace = max(burnt / elapsed, Fraction(0))
        rests = [_Rest.of(lot, figures[lot.grant_id]) for lot in own]
        found[wallet_id] = Forecast(
            available=whole.available,
            pending=whole.pending,
            days=elapsed,
            burn_per_day=_rounded(pace),
            runs_out_at=(course := Course.of(rests, pace=pace, at=at)).ends_at,
            course=[Left(when, _rounded(amount)) for when, amount in course.points],
        )
    return found


class _Rest(NamedTuple):
    """What is left in a lot, and when it may be used."""

    amount: Fraction
    starts_at: datetime
    ends_at: datetime | None

    @classmethod
    def of(cls, lot: Lot, figures: summary.Figures) -> _Rest:
        amount = Fraction(figures.available) + Fraction(figures.pending)
        return cls(amount, lot.effective_at, lot.expires_at)


class Course(NamedTuple):
    """
    How credit goes at a pace per day, until nothing is left to be used; what ends first goes first.

    >>> from datetime import UTC
    >>> noon = datetime(2025, 1, 1, 12, tzinfo=UTC)
    >>> lots = [_Rest(Fraction(10), noon, None), _Rest(Fraction(9), noon, noon + timedelta(days=1))]
    >>> course = Course.of(lots, pace=Fraction(5), at=noon)
    >>> [(when.day, int(left)) for when, left in course.points]  # 4 of the 9 expire on the 2nd
    [(1, 19), (2, 14), (2, 10), (4, 0)]
    >>> course.ends_at.day
    4
    """

    points: list[tuple[datetime, Fraction]]
    ends_at: datetime | None  # none: not within a hundred years

    @classmethod
    def of(cls, lots: Sequence[_Rest], *, pace: Fraction, at: datetime) -> Course:
        course, now = cls([], None), at
        rest = dict(enumerate(lots))
        while now - at < _LONGEST:
            rest = {n: lot for n, lot in rest.items() if lot.amount > 0 and not _is_over(lot, now)}
            course.note(now, rest.values())
            alive = [n for n, lot in rest.items() if lot.starts_at <= now]
            if not alive:
                return course._replace(ends_at=now)
            following = min(_changes(rest.values(), now), default=None)
            whole = sum((rest[n].amount for n in alive), Fraction(0))
            if pace and (following is None or whole <= pace * _days(following - now)):
                return course._last(now, whole / pace, burnt=whole)
            if following is None:
                return course
            burnt = pace * _days(following - now)
            for n in sorted(alive, key=lambda n: (rest[n].ends_at is None, rest[n].ends_at or now)):
                part = min(burnt, rest[n].amount)
                rest[n] = rest[n]._replace(amount=rest[n].amount - part)
                burnt -= part
            now = following
            course.note(now, rest.values())
        return course

    def note(self, now: datetime, rest: Iterable[_Rest]) -> None:
        """Note what is left at an instant; again, where it falls at once."""
        point = (now, sum((lot.amount for lot in rest), Fraction(0)))
        if point not in self.points[-1:]:
            self.points.append(point)

    def _last(self, now: datetime, lasts: Fraction, *, burnt: Fraction) -> Course:
        """Go on to where all that may be used by then is."""
        if lasts >= _LONGEST.days:
            return self
        ends_at = now + _span(lasts)
        self.points.append((ends_at, self.points[-1][1] - burnt))
        return self._replace(ends_at=ends_at)


def _is_over(lot: _Rest, now: datetime) -> bool:
    return lot.ends_at is not None and lot.ends_at <= now


def _changes(lots: Iterable[_Rest], now: datetime) -> Iterator[datetime]:
    """Yield when lots begin and end from now on."""
    for lot in lots:
        if lot.starts_at > now:
            yield lot.starts_at
        elif lot.ends_at is not None:
            yield lot.ends_at


def _days(span: timedelta) -> Fraction:
    return Fraction(span // _MICROSECOND, _PER_DAY)


def _span(days: Fraction) -> timedelta:
    return int(days * _PER_DAY) * _MICROSECOND


def _rounded(pace: Fraction) -> Decimal:
    return Decimal(round(pace * 10**SCALE)).scaleb(-SCALE)
