"""The sum of an aggregation's changes is what it says of all readings, however they come."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.aggregations import (
    OBSERVE,
    RETRACT,
    Reading,
    Running,
    recompute,
    value_of,
)

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
AGGREGATIONS = ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
SCALE = 3


def reading(value: str, minutes: int = 0, key: str = "", text: str | None = None) -> Reading:
    return Reading(Decimal(value), text, NOON + timedelta(minutes=minutes), key or value)


@st.composite
def readings(draw, min_size=0):
    drawn = draw(
        st.lists(
            st.tuples(
                st.decimals(-1000, 1000, places=SCALE, allow_nan=False),
                st.sampled_from("abcd"),
                st.integers(0, 4),
            ),
            min_size=min_size,
            max_size=12,
        )
    )
    return [
        Reading(value, text, NOON + timedelta(minutes=minutes), f"source {number}")
        for number, (value, text, minutes) in enumerate(drawn)
    ]


IN_PLAIN_WORDS = {
    "sum": lambda items: sum(Fraction(item.value) for item in items),
    "count": lambda items: Fraction(len(items)),
    "max": lambda items: Fraction(max(item.value for item in items)),
    "min": lambda items: Fraction(min(item.value for item in items)),
    # Python rounds a Fraction half to even.
    "avg": lambda items: Fraction(
        round(sum(Fraction(item.value) for item in items) / len(items) * 10**SCALE), 10**SCALE
    ),
    "latest": lambda items: Fraction(max(items, key=lambda item: (item.at, item.key)).value),
    "unique_count": lambda items: Fraction(len({item.text for item in items})),
}


def in_plain_words(aggregation: str, items: list[Reading]) -> Fraction:
    """Say what a meter means, without running values."""
    return IN_PLAIN_WORDS[aggregation](items) if items else Fraction(0)


class Series:
    """A caller: it keeps the readings, and knows which texts it has seen."""

    def __init__(self, aggregation: str) -> None:
        self.aggregation, self.state = aggregation, Running(scale=SCALE)
        self.held: list[Reading] = []
        self.changes = Fraction(0)

    def observe(self, item: Reading) -> None:
        is_new = all(item.text != other.text for other in self.held)
        self.held.append(item)
        observe = OBSERVE[self.aggregation]
        self.changes += Fraction(observe(self.state, item.value, item.at, item.key, is_new))

    def retract(self, item: Reading) -> None:
        self.held.remove(item)
        is_last = all(item.text != other.text for other in self.held)
        retract = RETRACT[self.aggregation]
        change = retract(self.state, item.value, item.at, item.key, is_last)
        if change is None:
            change = recompute(self.aggregation, self.state, self.held)
        self.changes += Fraction(change)

    def store_and_load(self) -> None:
        self.state = Running.load(json.loads(json.dumps(self.state.dump())))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@given(items=readings(), data=st.data())
def test_changes_sum_to_the_value_in_any_order_and_any_batches(aggregation, items, data):
    series = Series(aggregation)
    for item in data.draw(st.permutations(items), label="order"):
        series.observe(item)
        if data.draw(st.booleans(), label="a batch ends here"):
            series.store_and_load()
        assert series.changes == Fraction(series.state.value)

    assert series.state.value == in_plain_words(aggregation, items)
    assert value_of(aggregation, items, SCALE) == series.state.value


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@given(items=readings(min_size=1), data=st.data())
def test_voids_leave_what_the_other_readings_give(aggregation, items, data):
    series = Series(aggregation)
    for item in items:
        series.observe(item)
    voided = data.draw(st.lists(st.sampled_from(items), unique=True), label="voided")
    for item in voided:
        series.retract(item)
        series.store_and_load()

    remaining = [item for item in items if item not in voided]
    assert series.state.value == in_plain_words(aggregation, remaining)
    assert series.changes == Fraction(series.state.value)
    assert series.state.count == len(remaining)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@given(items=readings(min_size=1), data=st.data())
def test_an_event_voided_and_sent_again_changes_nothing(aggregation, items, data):
    series = Series(aggregation)
    for item in items:
        series.observe(item)
    before = Running.load(series.state.dump())
    item = data.draw(st.sampled_from(items), label="item")

    series.retract(item)
    series.observe(item)

    assert series.state == before


def test_a_minimum_starts_from_nothing_and_may_be_negative():
    series = Series("min")
    for value, expected in [("5", 5), ("7", 5), ("-2", -2)]:
        series.observe(reading(value))
        assert series.changes == expected


def test_the_first_reading_of_a_maximum_may_lower_it_below_zero():
    series = Series("max")
    series.observe(reading("-3"))

    assert series.state.value == -3


@pytest.mark.parametrize("order", list(permutations([("1", 5, "a"), ("2", 9, "b"), ("3", 9, "c")])))
def test_the_latest_of_readings_at_one_time_is_settled_by_key(order):
    items = [reading(value, minutes, key) for value, minutes, key in order]

    assert value_of("latest", items) == 3


def test_the_latest_reading_is_found_across_time_zones():
    east = datetime.fromisoformat("2025-06-01T14:30:00+02:00")

    assert value_of("latest", [Reading(Decimal(1), None, east, "a"), reading("2")]) == 1


def test_an_average_does_not_drift():
    series = Series("avg")
    for number in range(300):
        series.observe(reading("1" if number % 3 else "0", key=str(number)))

    assert series.state.value == Decimal("0.667")
    assert series.changes == Fraction(667, 1000)


@pytest.mark.parametrize(
    ("values", "average"), [(["0.001", "0.002"], "0.002"), (["0.001", "0"], "0")]
)
def test_an_average_rounds_half_to_even(values, average):
    assert value_of("avg", [reading(value) for value in values], SCALE) == Decimal(average)


def test_running_values_are_exact_under_a_narrow_context():
    with localcontext(prec=5):
        total = value_of("sum", [reading("9" * 26 + ".000000000001"), reading("0.5")])

    assert total == Decimal("9" * 26 + ".500000000001")


def test_a_fresh_state_is_stored_as_nothing():
    assert Running().dump() == {}
    assert Running.load({}) == Running()
