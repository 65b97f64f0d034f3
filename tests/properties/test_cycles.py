"""Billing cycles: a calendar of every anchor day, and what part of a fee is due."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from billing.cycles import check_cadence, cycle_of, cycles_of, fee, round_share
from ledger.durations import parse
from ledger.errors import InvalidInputError
from ledger.periods import Period, at_wall_clock

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",  # half an hour of daylight saving
        "Pacific/Apia",  # skipped 30 December 2011
    )
]
MONTHS = [(year, month) for year in range(2023, 2034) for month in range(1, 13)]
TIMES = [(0, 0), (2, 30)]  # midnight, and a time that clocks skip in spring
CADENCES = ["P1M", "P3M", "P1Y", "P1W", "P1D", "PT1H", "PT36H"]

zones = st.sampled_from(ZONES)
cadences = st.sampled_from(CADENCES).map(lambda text: parse("cadence", text))
instants = st.datetimes(datetime(2005, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def days_in(year, month):
    following = datetime(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("time", TIMES, ids=str)
def test_every_anchor_day_in_every_month_of_eleven_years(zone, time):
    monthly = parse("cadence", "P1M")
    for day in range(1, 32):
        anchor = at_wall_clock(datetime(2023, 1, day, *time), zone)
        whole = Period(anchor, at_wall_clock(datetime(2034, 1, day, *time), zone))
        cycles = list(cycles_of(whole, anchor, monthly, zone))

        assert len(cycles) == len(MONTHS)
        for (year, month), cycle in zip(MONTHS, cycles, strict=True):
            last = min(day, days_in(year, month))
            # The calendar says where each must start, without asking the one before.
            assert cycle.starts_at == at_wall_clock(datetime(year, month, last, *time), zone)
            assert cycle_of(cycle.starts_at, anchor, monthly, zone) == cycle
            assert cycle_of(cycle.ends_at - timedelta.resolution, anchor, monthly, zone) == cycle
        assert all(before.ends_at == after.starts_at for before, after in pairwise(cycles))
        assert (cycles[0].starts_at, cycles[-1].ends_at) == (whole.starts_at, whole.ends_at)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_cycles_start_at_the_same_wall_clock(zone):
    anchor = at_wall_clock(datetime(2023, 1, 31, 18, 45), zone)
    for cadence in ("P1M", "P3M", "P1Y", "P1W", "P1D"):
        whole = Period(anchor, at_wall_clock(datetime(2030, 1, 1), zone))
        for cycle in cycles_of(whole, anchor, parse("cadence", cadence), zone):
            local = cycle.starts_at.astimezone(zone)
            assert (local.hour, local.minute) == (18, 45)


def test_the_thirty_first_comes_back_after_february():
    anchor = datetime(2023, 1, 31, tzinfo=UTC)
    forever = Period(anchor, datetime(2030, 1, 1, tzinfo=UTC))

    cycles = islice(cycles_of(forever, anchor, parse("cadence", "P1M"), UTC), 15)

    days = [cycle.starts_at.day for cycle in cycles]
    assert days == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29, 31]


def test_a_leap_day_anchors_years():
    anchor = datetime(2024, 2, 29, tzinfo=UTC)
    forever = Period(anchor, datetime(2033, 1, 1, tzinfo=UTC))

    starts = [
        cycle.starts_at.date().isoformat()
        for cycle in cycles_of(forever, anchor, parse("cadence", "P1Y"), UTC)
    ]

    assert starts[:5] == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


def test_the_day_that_a_zone_skipped_is_no_cycle():
    apia = ZoneInfo("Pacific/Apia")
    anchor = at_wall_clock(datetime(2011, 12, 28), apia)
    week = Period(anchor, anchor + timedelta(days=4))

    days = [
        cycle.starts_at.astimezone(apia).day
        for cycle in cycles_of(week, anchor, parse("cadence", "P1D"), apia)
    ]

    assert days == [28, 29, 31, 1]


@given(instants, instants, cadences, zones)
def test_every_instant_is_in_one_cycle_that_touches_its_neighbours(at, anchor, cadence, zone):
    cycle = cycle_of(at, anchor, cadence, zone)

    assert at in cycle
    assert cycle_of(cycle.starts_at, anchor, cadence, zone) == cycle
    assert cycle_of(cycle.ends_at, anchor, cadence, zone).starts_at == cycle.ends_at
    before = cycle_of(cycle.starts_at - timedelta.resolution, anchor, cadence, zone)
    assert before.ends_at == cycle.starts_at


@given(instants, zones)
def test_longer_cycles_start_where_shorter_ones_do(anchor, zone):
    monthly, yearly = parse("cadence", "P1M"), parse("cadence", "P1Y")
    year = cycle_of(anchor + timedelta(days=500), anchor, yearly, zone)

    months = list(cycles_of(year, anchor, monthly, zone))

    assert len(months) == 12
    assert (months[0].starts_at, months[-1].ends_at) == (year.starts_at, year.ends_at)


@pytest.mark.parametrize(
    ("cadence", "plan"),
    [("P1M", "P1M"), ("P3M", "P1M"), ("P1M", "P1Y"), ("P1D", "P1W"), ("PT1H", "PT24H")],
)
def test_cadences_that_divide_fit(cadence, plan):
    check_cadence("billing_cadence", parse("c", cadence), parse("c", plan))


@pytest.mark.parametrize(
    ("cadence", "plan", "remedy"),
    [
        ("P2M", "P3M", "multiple"),
        ("P4W", "P1M", "multiple"),
        ("P1D", "PT24H", "multiple"),
        ("PT30M", "PT1H", "one hour"),
    ],
)
def test_cadences_that_do_not_divide_are_refused(cadence, plan, remedy):
    with pytest.raises(InvalidInputError, match=remedy) as refused:
        check_cadence("rate_cards.0.billing_cadence", parse("c", cadence), parse("c", plan))

    assert refused.value.field == "rate_cards.0.billing_cadence"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def monthly(anchor, at, cadence="P1M"):
    return cycle_of(utc(at), utc(anchor), parse("cadence", cadence), UTC)


def test_ten_dollars_replaced_by_twenty_on_the_second():
    january = monthly("2024-01-01", "2024-01-01")

    first = fee(Decimal(10), january, Period(january.starts_at, utc("2024-01-02")), 2)
    rest = fee(Decimal(20), january, Period(utc("2024-01-02"), january.ends_at), 2)

    assert (str(first), str(rest)) == ("0.32", "19.35")


def test_twenty_dollars_from_late_january():
    january = monthly("2024-01-01", "2024-01-21T21:55:18")
    covered = Period(utc("2024-01-21T21:55:18"), january.ends_at)

    assert str(fee(Decimal(20), january, covered, 2)) == "6.51"


def test_nine_dollars_a_quarter_canceled_after_a_month():
    quarter = monthly("2024-01-01", "2024-01-01", "P3M")
    covered = Period(quarter.starts_at, utc("2024-02-01"))

    assert str(fee(Decimal(9), quarter, covered, 2)) == "3.07"


@pytest.mark.parametrize(
    ("amount", "share", "exponent", "due"),
    [
        ("0.01", Fraction(1, 2), 2, "0.01"),
        ("-0.01", Fraction(1, 2), 2, "-0.01"),
        ("0.01", Fraction(49, 100), 2, "0.00"),
        ("-0.01", Fraction(49, 100), 2, "0.00"),
        ("5", Fraction(1, 2), 0, "3"),
        ("10", Fraction(1, 3), 3, "3.333"),
        ("12345678901234567890123456.78", Fraction(1), 2, "12345678901234567890123456.78"),
    ],
)
def test_a_share_is_rounded_half_away_from_zero(amount, share, exponent, due):
    assert str(round_share(Decimal(amount), share, exponent)) == due


@given(
    st.decimals(0, 10_000, places=2),
    st.lists(st.integers(1, 2_678_399), min_size=1, max_size=6, unique=True),
)
def test_parts_of_a_cycle_cost_the_whole_but_for_the_rounding(amount, cuts):
    january = monthly("2024-01-01", "2024-01-01")
    edges = [
        january.starts_at,
        *(january.starts_at + timedelta(seconds=cut) for cut in sorted(cuts)),
        january.ends_at,
    ]
    assume(amount > 0)

    parts = [fee(amount, january, Period(*pair), 2) for pair in pairwise(edges)]

    assert abs(sum(parts) - amount) <= Decimal("0.005") * len(parts)
    assert fee(amount, january, january, 2) == amount
