"""Windows follow the clocks on the wall, whatever politicians do to them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.windows import Window, cuts
from ledger.errors import InvalidInputError

BERLIN = ZoneInfo("Europe/Berlin")
zones = st.sampled_from(
    [UTC, BERLIN, *map(ZoneInfo, ("Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Beirut"))]
)
instants = st.datetimes(datetime(1950, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def lengths(found):
    return [(after - before) / timedelta(hours=1) for before, after in pairwise(found)]


@pytest.mark.parametrize(("day", "hours"), [((2025, 3, 30), 23), ((2025, 10, 26), 25)])
def test_a_day_on_which_clocks_change_is_shorter_or_longer(day, hours):
    start = datetime(*day, tzinfo=BERLIN)

    found = cuts(start, start + timedelta(days=1), Window.DAY, BERLIN)

    assert lengths(found) == [hours]


def test_the_hour_that_comes_twice_is_two_windows():
    start = datetime(2025, 10, 26, tzinfo=BERLIN)

    found = cuts(start, start + timedelta(days=1), Window.HOUR, BERLIN)

    assert lengths(found) == [1] * 25


def test_windows_that_the_range_cuts_are_as_long_as_what_is_left():
    start = datetime(2025, 1, 31, 23, 50, tzinfo=UTC)

    found = cuts(start, start + timedelta(minutes=20), Window.MONTH, UTC)

    assert found == [start, datetime(2025, 2, 1, tzinfo=UTC), start + timedelta(minutes=20)]


@given(instants, st.integers(1, 60 * 24 * 3), st.sampled_from([None, *Window]), zones)
def test_windows_cover_the_range_without_gap_or_overlap(start, minutes, window, zone):
    end = start + timedelta(minutes=minutes)

    found = cuts(start, end, window, zone)

    assert (found[0], found[-1]) == (start, end)
    assert all(before < after for before, after in pairwise(found))


@given(instants, zones)
def test_days_begin_at_midnight_or_when_clocks_skip_it(start, zone):
    found = cuts(start, start + timedelta(days=5), Window.DAY, zone)

    for cut in found[1:-1]:
        before = (cut - timedelta(microseconds=1)).astimezone(zone)
        assert before.date() < cut.astimezone(zone).date()


def test_too_many_windows_are_refused():
    start = datetime(2025, 1, 1, tzinfo=UTC)

    with pytest.raises(InvalidInputError, match="windows"):
        cuts(start, start + timedelta(days=30), Window.MINUTE, UTC)


@pytest.mark.parametrize("year", [1, 9999])
def test_years_without_usage_are_refused(year):
    start = datetime(min(year, 2000), 1, 1, tzinfo=UTC)

    with pytest.raises(InvalidInputError):
        cuts(start, datetime(max(year, 2000), 12, 31, tzinfo=UTC), None, UTC)
