"""
What is sold, when, and how it is cut into cycles: plain values that charges follow from (pure).

A fee is for a stretch: what of a cycle an item is sold. Its share of the full cycle is by time,
as far as the subscription's policy has the cut prorated.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from billing.cycles import cycle_of
from ledger.durations import Duration
from ledger.periods import Period

TICK: Final = timedelta(microseconds=1)  # what ends at an instant has its last effect before it
_STARTS_AND_ENDS: Final = frozenset({"on_start_and_end", "always"})
_WHOLE: Final = Fraction(1)
_CHANGES: Final = frozenset({"on_change", "always"})


class Pace(NamedTuple):
    """How often it is billed, from an instant on."""

    since: datetime
    cadence: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A subscription, as far as it says when something is due and what part of it."""

    anchor: datetime
    paces: tuple[Pace, ...]  # of its plans, in order; neighbours differ
    zone: tzinfo
    months_zone: tzinfo  # of the book, whose months revenue is earned by
    proration: str
    exponent: int  # how many places its fees have
    starts_at: datetime
    ends_at: datetime | None

    @property
    def cuts_changes(self) -> bool:
        """Say whether what is changed within a cycle costs its share of it."""
        return self.proration in _CHANGES

    def billing_cycle(self, instant: datetime) -> Period:
        """Return the cycle that holds an instant, cut where the plans' cadence changes."""
        following = bisect_right(self.paces, instant, key=lambda pace: pace.since)
        place = max(following - 1, 0)
        since, cadence = self.paces[place]
        whole = _cycle(instant, self.anchor, cadence, self.zone)
        starts_at, ends_at = whole.starts_at, whole.ends_at
        if place:
            starts_at = max(starts_at, since)
        if place + 1 < len(self.paces):
            ends_at = min(ends_at, self.paces[place + 1].since)
        return Period(starts_at, ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One item: a fee, or usage with a first tier or a minimum."""

    id: int
    key: str
    name: str
    feature: str  # what credit may be restricted to
    cadence: Duration | None  # none: one-time
    is_in_advance: bool
    starts_at: datetime
    ends_at: datetime | None
    quantity: int = 1
    fee: Decimal = Decimal(0)  # of a full cycle, for one
    rate_id: int | None = None  # of usage
    meter_id: int | None = None
    starting: Decimal = Decimal(0)  # what usage costs before anything is used
    minimum: Decimal | None = None

    @property
    def is_usage(self) -> bool:
        """Say whether a meter counts what it costs."""
        return self.rate_id is not None

    @property
    def is_idle(self) -> bool:
        """Say whether it never owes anything here, whatever the time."""
        if self.is_usage:
            return not self.starting and self.minimum is None
        return not self.fee


class Stretch(NamedTuple):
    """What of a cycle an item is sold, and which share of the fee that is."""

    cycle: Period
    covered: Period
    share: Fraction


def cycle(sold: Sold, agreement: Agreement, instant: datetime) -> Period:
    """Return the item's cycle that holds an instant."""
    assert sold.cadence is not None, "what is due once has no cycles"
    return _cycle(instant, agreement.anchor, sold.cadence, agreement.zone)


def stretch(sold: Sold, agreement: Agreement, whole: Period) -> Stretch | None:
    """Return what of a cycle the item is sold; None: nothing."""
    starts_at = max(whole.starts_at, sold.starts_at)
    ends_at = whole.ends_at if sold.ends_at is None else min(whole.ends_at, sold.ends_at)
    if starts_at >= ends_at:
        return None
    return Stretch(whole, Period(starts_at, ends_at), _share(sold, agreement, whole))


def resumes_within_a_cycle(sold: Sold, agreement: Agreement) -> bool:
    """Say whether an item begins within a cycle in which the same may have been sold before."""
    if sold.cadence is None or sold.is_idle or sold.starts_at == agreement.starts_at:
        return False
    return cycle(sold, agreement, sold.starts_at).starts_at < sold.starts_at


def due_once(sold: Sold, agreement: Agreement) -> datetime:
    """Return when a one-time fee is due: at once, or with the cycle that it falls into."""
    if sold.is_in_advance:
        return sold.starts_at
    ends_at = agreement.billing_cycle(sold.starts_at).ends_at
    return ends_at if sold.ends_at is None else min(ends_at, sold.ends_at)


def next_instant(sold: Sold, agreement: Agreement, after: datetime) -> datetime | None:
    """Return when something of an item begins or ends next."""
    if sold.is_idle or (sold.ends_at is not None and sold.ends_at <= after):
        return None
    if sold.cadence is None:
        due_at = due_once(sold, agreement)
        return due_at if due_at > after else None
    if sold.starts_at > after:
        return sold.starts_at
    ends_at = cycle(sold, agreement, after).ends_at
    return ends_at if sold.ends_at is None else min(ends_at, sold.ends_at)


def _share(sold: Sold, agreement: Agreement, whole: Period) -> Fraction:
    """Return the share of a cycle's fee: a cut that the policy leaves alone takes nothing."""
    starts_at, ends_at = whole.starts_at, whole.ends_at
    if sold.starts_at > starts_at and _is_cut(agreement, sold.starts_at == agreement.starts_at):
        starts_at = sold.starts_at
    if sold.ends_at is not None and sold.ends_at < ends_at:
        is_the_end = agreement.ends_at is not None and sold.ends_at == agreement.ends_at
        if _is_cut(agreement, is_the_end):
            ends_at = sold.ends_at
    if (starts_at, ends_at) == (whole.starts_at, whole.ends_at):
        return _WHOLE
    return whole.share(Period(starts_at, ends_at))


def _is_cut(agreement: Agreement, is_of_the_whole: bool) -> bool:
    return agreement.proration in (_STARTS_AND_ENDS if is_of_the_whole else _CHANGES)


@lru_cache(maxsize=16_384)
def _cycle(instant: datetime, anchor: datetime, cadence: Duration, zone: tzinfo) -> Period:
    # Subscriptions of one anchor share their cycles, and items of one subscription do.
    return cycle_of(instant, anchor, cadence, zone)
