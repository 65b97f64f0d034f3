"""Which events are free is settled by their time, whatever order they arrive in."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.free_events import EventState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def state(free, *events):
    found = EventState(free=free)
    for minute, name, contribution in events:
        found.add(NOON + timedelta(minutes=minute), name, Decimal(contribution))
    return found


def test_without_free_events_it_is_a_sum():
    found = state(0, (1, "a", "2"), (0, "b", "3"))

    assert (found.contributed, found.charged, found.held) == (5, 2, [])


def test_the_first_by_time_then_by_name_are_free():
    assert state(2, (5, "a", "1"), (3, "z", "10"), (3, "b", "100")).contributed == 1


def test_an_early_event_that_comes_late_takes_the_place_of_a_free_one():
    found = state(1, (5, "a", "1"), (9, "b", "10"))
    assert found.contributed == 10

    found.add(NOON, "c", Decimal(100))

    assert found.contributed == 11


def test_a_charged_event_leaves_with_what_it_added():
    found = state(1, (0, "a", "1"), (1, "b", "10"), (2, "c", "100"))

    assert found.remove(NOON + timedelta(minutes=1), "b", Decimal(10))
    assert (found.contributed, found.charged) == (100, 1)


def test_a_free_event_leaves_at_once_if_none_is_charged():
    found = state(2, (0, "a", "1"), (1, "b", "10"))

    assert found.remove(NOON, "a", Decimal(1))
    assert [event.name for event in found.held] == ["b"]


def test_who_follows_a_free_event_only_the_history_knows():
    found = state(1, (0, "a", "1"), (1, "b", "10"))
    before = found.dump()

    assert not found.remove(NOON, "a", Decimal(1))
    assert found.dump() == before


events = st.lists(st.tuples(st.integers(0, 3), st.integers(-50, 50).map(str)), max_size=8).map(
    lambda drawn: [(minute, f"e{n}", amount) for n, (minute, amount) in enumerate(drawn)]
)


@given(events, st.integers(0, 4), st.data())
def test_any_order_gives_the_same_state_and_json_keeps_it(listed, free, data):
    found = state(free)
    for event in data.draw(st.permutations(listed)):
        minute, name, contribution = event
        found = EventState.load(json.loads(json.dumps(found.dump())), free)
        found.add(NOON + timedelta(minutes=minute), name, Decimal(contribution))

    charged = sorted(listed)[free:]
    assert found.contributed == sum(int(amount) for _, _, amount in charged)
    assert found.charged == len(charged)
    assert [event.name for event in found.held] == [name for _, name, _ in sorted(listed)[:free]]


@given(events, st.integers(0, 4), st.data())
def test_what_is_removed_is_as_if_it_had_never_come(listed, free, data):
    found = state(free, *listed)
    for minute, name, contribution in data.draw(st.permutations(listed)):
        rest = [event for event in listed if event[1] != name]
        if found.remove(NOON + timedelta(minutes=minute), name, Decimal(contribution)):
            assert found == state(free, *sorted(rest))
        else:
            found = state(free, *rest)
        listed = rest
