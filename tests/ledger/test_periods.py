"""Periods leave no gap, do not drift, and follow the clocks of their zone."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.periods import (
    Period,
    at_wall_clock,
    month_after,
    month_of,
    months_from,
)

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Prague",
        "America/New_York",
        "America/Sao_Paulo",  # used to change its clocks at midnight
        "Asia/Kathmandu",
        "Australia/Lord_Howe",  # half an hour of daylight saving
        "Pacific/Apia",  # skipped 30 December 2011
    )
]
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(1999, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(instants, zones)
def test_every_instant_is_in_exactly_its_own_month(at, zone):
    month = month_of(at, zone)

    assert at in month
    assert at not in month_after(month, zone)
    assert month_after(month, zone).starts_at == month.ends_at


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_months_of_forty_years_start_on_the_first_and_leave_no_gap(zone):
    month = month_of(datetime(2000, 1, 15, tzinfo=UTC), zone)
    for _ in range(40 * 12):
        local = month.starts_at.astimezone(zone)
        assert (local.day, local.minute) == (1, 0)
        # At 1 a.m. where clocks skip midnight; at midnight everywhere else.
        assert local.hour == 0 or at_wall_clock(local.replace(hour=0, tzinfo=None), zone) == local
        following = month_after(month, zone)
        assert following.starts_at == month.ends_at
        month = following


def test_a_month_with_a_clock_change_is_an_hour_shorter_or_longer():
    prague = ZoneInfo("Europe/Prague")

    assert month_of(instant("2025-03-15"), prague).duration == timedelta(days=31, hours=-1)
    assert month_of(instant("2025-10-15"), prague).duration == timedelta(days=31, hours=1)


@pytest.mark.parametrize(("year", "february"), [(2023, 28), (2024, 29), (2000, 29), (2100, 28)])
def test_the_thirty_first_comes_back_after_february(year, february):
    anchor = datetime(year, 1, 31, tzinfo=UTC)

    days = [months_from(anchor, count, UTC).day for count in range(4)]

    assert days == [31, february, 31, 30]


def test_a_leap_day_anchor_returns_every_fourth_year():
    anchor = datetime(2024, 2, 29, tzinfo=UTC)

    yearly = [months_from(anchor, 12 * count, UTC) for count in range(5)]

    assert [at.day for at in yearly] == [29, 28, 28, 28, 29]


@given(instants, zones, st.integers(-200, 200))
def test_moving_by_months_keeps_the_wall_clock_where_it_exists(anchor, zone, months):
    moved = months_from(anchor, months, zone).astimezone(zone)
    wall, origin = moved.replace(tzinfo=None), anchor.astimezone(zone).replace(tzinfo=None)

    if at_wall_clock(wall, zone) == moved and wall.time() == origin.time():
        assert wall.day == origin.day or _is_last(wall.date())


def _is_last(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def test_a_time_shown_twice_is_its_first_showing():
    prague = ZoneInfo("Europe/Prague")

    assert at_wall_clock(datetime(2025, 10, 26, 2, 30), prague) == instant("2025-10-26T00:30")


def test_a_skipped_time_is_as_late_as_the_clock_would_have_been():
    prague = ZoneInfo("Europe/Prague")

    assert at_wall_clock(datetime(2025, 3, 30, 2, 30), prague) == instant("2025-03-30T01:30")


@given(instants, zones, st.lists(st.fractions(0, 1), max_size=6))
def test_shares_of_any_cut_sum_to_one(at, zone, cuts):
    month = month_of(at, zone)
    marks = {month.starts_at + month.duration * float(cut) for cut in cuts}
    edges = sorted({*marks, month.starts_at, month.ends_at})

    parts = [Period(start, end) for start, end in pairwise(edges)]

    assert sum((month.share(part) for part in parts), Fraction(0)) == 1


def test_a_share_counts_time_that_passed_not_clock_faces():
    prague = ZoneInfo("Europe/Prague")
    march = month_of(instant("2025-03-15"), prague)
    day = Period(at_wall_clock(datetime(2025, 3, 30), prague), march.ends_at)

    assert march.share(day) == Fraction(23 + 24, 31 * 24 - 1)


def test_what_lies_outside_has_no_share():
    january = month_of(instant("2025-01-15"), UTC)
    march = month_of(instant("2025-03-15"), UTC)

    assert january.share(march) == 0
    assert january.share(Period(instant("2024-01-01"), instant("2026-01-01"))) == 1
    assert january.overlap(march) is None


def test_a_period_compares_instants_though_clocks_go_back():
    prague = ZoneInfo("Europe/Prague")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=prague)
    second = datetime(2025, 10, 26, 2, 10, tzinfo=prague, fold=1)

    assert Period(first, second).duration == timedelta(minutes=40)
    assert datetime(2025, 10, 26, 2, 5, tzinfo=prague, fold=1) in Period(first, second)
