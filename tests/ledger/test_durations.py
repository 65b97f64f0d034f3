"""Durations: what can recur is read, what cannot is refused with the way out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.durations import Duration, Unit, later, parse
from ledger.errors import InvalidInputError

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [
        ("P1M", 1, Unit.MONTH),
        ("P3M", 3, Unit.MONTH),
        ("P1Y", 12, Unit.MONTH),
        ("P1Y6M", 18, Unit.MONTH),
        ("P2W", 14, Unit.DAY),
        ("P1D", 1, Unit.DAY),
        ("P1W2D", 9, Unit.DAY),
        ("P0Y1M0D", 1, Unit.MONTH),
        ("PT1H", 3600, Unit.SECOND),
        ("PT1H30M15S", 5415, Unit.SECOND),
        ("P100Y", 1200, Unit.MONTH),
    ],
)
def test_a_duration_counts_months_days_or_seconds(text, count, unit):
    assert parse("cadence", text) == Duration(count, unit)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "ISO 8601"),
        ("P", "ISO 8601"),
        ("PT", "ISO 8601"),
        ("P1MT", "ISO 8601"),
        ("P0D", "above zero"),
        ("P0M", "above zero"),
        ("PT0S", "above zero"),
        ("-P1M", "ISO 8601"),
        ("P-1M", "ISO 8601"),
        ("P1H", "ISO 8601"),
        ("PT1D", "ISO 8601"),
        ("1 month", "ISO 8601"),
        ("p1m", "ISO 8601"),
        ("P1M\n", "ISO 8601"),
        ("P١M", "ISO 8601"),
        ("P1D1W", "ISO 8601"),
        ("P0.5M", "whole numbers"),
        ("PT1,5H", "whole numbers"),
        ("P1M1D", "not several"),
        ("P1DT12H", "not several"),
        ("P1Y1W", "not several"),
        ("P101Y", "hundred years"),
        ("P999999D", "hundred years"),
        ("P9999999M", "ISO 8601"),
    ],
)
def test_what_cannot_recur_is_refused_with_the_way_out(text, remedy):
    with pytest.raises(InvalidInputError) as refused:
        parse("billing_cadence", text)

    assert refused.value.field == "billing_cadence"
    assert refused.value.value == text
    assert remedy in refused.value.remedy


@given(st.integers(1, 1200), st.sampled_from(Unit))
def test_what_is_written_reads_as_the_same(count, unit):
    duration = Duration(count, unit)

    assert parse("cadence", str(duration)) == duration


@pytest.mark.parametrize(
    ("shorter", "longer"), [("P1M", "P3M"), ("P1M", "P1Y"), ("P1D", "P1W"), ("PT1H", "PT24H")]
)
def test_a_divisor_divides_one_way_only(shorter, longer):
    assert parse("c", shorter).divides(parse("c", longer))
    assert not parse("c", longer).divides(parse("c", shorter))


@pytest.mark.parametrize(("one", "other"), [("P1D", "PT24H"), ("P4W", "P1M"), ("P2M", "P3M")])
def test_kinds_and_odd_counts_do_not_divide(one, other):
    assert not parse("c", one).divides(parse("c", other))
    assert not parse("c", other).divides(parse("c", one))


def test_a_day_is_by_the_wall_clock_and_a_day_of_hours_is_not():
    evening = datetime(2024, 3, 30, 18, tzinfo=BERLIN)  # clocks change that night

    day = later(evening, parse("c", "P1D"), BERLIN).astimezone(BERLIN)
    hours = later(evening, parse("c", "PT24H"), BERLIN).astimezone(BERLIN)

    assert (day.day, day.hour) == (31, 18)
    assert (hours.day, hours.hour) == (31, 19)


def test_steps_go_back_too():
    anchor = datetime(2024, 3, 31, tzinfo=UTC)

    months = [later(anchor, parse("c", "P1M"), UTC, steps=step) for step in (-1, 0, 1)]

    assert [(at.month, at.day) for at in months] == [(2, 29), (3, 31), (4, 30)]
    assert later(anchor, parse("c", "P1W"), UTC, steps=-1).day == 24
    assert later(anchor, parse("c", "PT1H"), UTC, steps=-1).hour == 23
