"""When what falls due is collected into a document (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from billing.invoicing.materials import USAGE, Profile, Source
from ledger.durations import cycle_of, parse
from ledger.money import add, subtract, total


def last_anchor(profile: Profile, by: datetime, zone: tzinfo) -> datetime | None:
    """Return the last date of an anchored calendar up to an instant; None: not anchored."""
    if profile.alignment != "anchored" or profile.anchor is None:
        return None
    return cycle_of(by, profile.anchor, parse("cadence", profile.cadence), zone).starts_at


def collected(
    sources: Iterable[Source], profile: Profile, *, until: datetime, at: datetime, zone: tzinfo
) -> list[Source]:
    """
    Return the sources that are due up to ``until`` and whose grace is over at ``at``.

    Late usage has the grace to come in. What is paid in advance has none, but waits for usage that
    falls due with it or before: they are one document. An anchored calendar collects up to its
    last date.
    """
    anchor = last_anchor(profile, min(until, at - profile.grace), zone)
    limit = until if anchor is None else anchor
    due = [source for source in sources if source.due_at <= limit]
    graceful = [source for source in due if not source.is_in_advance]
    waiting = [source.due_at for source in graceful if source.due_at + profile.grace > at]
    if not waiting:
        return due
    held = min(waiting)
    return [
        source
        for source in due
        if source.due_at + profile.grace <= at or (source.is_in_advance and source.due_at < held)
    ]


def chosen(
    sources: Sequence[Source],
    profile: Profile,
    last: datetime | None,
    *,
    until: datetime,
    at: datetime,
    zone: tzinfo,
) -> tuple[list[Source], bool]:
    """
    Return what a payer's next document is about, and whether that is part of running periods.

    ``last`` is up to when the last document went. Running usage is taken when it has come to the
    profile's threshold, or at its dates; what may become cheaper by more usage waits for the end of
    its period.
    """
    due = collected(sources, profile, until=until, at=at, zone=zone)
    if not profile.is_progressive:
        return due, False
    running = [one for one in sources if one.is_running and one.kind == USAGE and not one.may_fall]
    date = progressive_date(profile, until, zone)
    is_time = date is not None and (last is None or last < date)
    if profile.threshold is not None and not is_time:
        is_time = total(_due(one) for one in (*due, *running)) >= profile.threshold
    return ([*due, *running], True) if is_time and running else (due, False)


def _due(source: Source) -> Decimal:
    now, before = source.now, source.before.sums
    return subtract(add(now.unbilled, now.overdraft), add(before.unbilled, before.overdraft))


def progressive_date(profile: Profile, by: datetime, zone: tzinfo) -> datetime | None:
    """Return the last date of a profile at which running periods are invoiced, too."""
    if not profile.progressive_cadence:
        return None
    anchor = profile.anchor or by.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return cycle_of(
        by, anchor, parse("progressive_cadence", profile.progressive_cadence), zone
    ).starts_at
