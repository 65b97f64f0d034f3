"""What a history sells: no gap, no overlap, the same however it is replayed."""

from datetime import timedelta
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.subscriptions.history import Event, Kind
from tests.properties.subscription_stories import START, comes_to, histories, instants, sold


@given(histories())
def test_spans_of_a_key_never_overlap_and_follow_in_order(events):
    timeline = comes_to(events)

    by_key = sorted(timeline.spans, key=lambda span: (span.key, span.starts_at))
    for _, spans in groupby(by_key, key=lambda span: span.key):
        for before, after in pairwise(spans):
            assert before.ends_at is not None
            assert before.ends_at <= after.starts_at
    for span in timeline.spans:
        assert timeline.starts_at <= span.starts_at
        assert span.ends_at is None or span.starts_at < span.ends_at
        assert timeline.ends_at is None or span.ends_at <= timeline.ends_at


@given(histories(), st.lists(instants, min_size=1, max_size=10))
def test_at_any_instant_exactly_that_is_sold_which_the_changes_say(events, times):
    timeline = comes_to(events)
    edges = [event.effective_at for event in events]

    for at in [*times, *edges, *(edge - timedelta.resolution for edge in edges)]:
        found = {
            key: (span.sale.card.terms, span.sale.phase, span.sale.quantity)
            for key, span in timeline.sales_at(at).items()
        }
        assert found == sold(events, at)


@given(histories(), st.randoms())
def test_a_history_comes_to_the_same_in_whatever_order_it_is_read(events, chance):
    shuffled = list(events)
    chance.shuffle(shuffled)

    assert comes_to(shuffled) == comes_to(events)


@given(histories(), st.data())
def test_a_change_that_was_withdrawn_leaves_no_trace(events, data):
    change = Event(
        sequence=len(events) + 1,
        kind=Kind.PAUSED,
        effective_at=data.draw(instants),
        content={},
    )
    undone = Event(
        sequence=len(events) + 2,
        kind=Kind.RESTORED,
        effective_at=START,
        content={"withdraws": [change.sequence]},
    )

    assert comes_to([*events, change, undone]) == comes_to(events)


@given(histories())
def test_a_later_change_leaves_what_came_before_it(events):
    latest = max(events, key=lambda event: (event.effective_at, event.sequence))
    before = [event for event in events if event is not latest]
    if not before:
        return

    whole, part = comes_to(events), comes_to(before)

    for hours in range(0, 150 * 24, 37):
        at = START + timedelta(hours=hours)
        if at < latest.effective_at:
            assert whole.sales_at(at).keys() == part.sales_at(at).keys()
            assert {
                key: (span.starts_at, span.sale) for key, span in whole.sales_at(at).items()
            } == {key: (span.starts_at, span.sale) for key, span in part.sales_at(at).items()}


@given(histories())
def test_what_is_charged_once_is_charged_for_once_however_often_it_is_paused(events):
    pauses = {Kind.PAUSED, Kind.RESUMED}
    straight = comes_to([event for event in events if event.kind not in pauses])

    broken = comes_to(events)

    for key in ("setup", "seats/fit"):
        charged, whole = (
            sum(span.quantity for span in timeline.spans if span.key == key)
            for timeline in (broken, straight)
        )
        assert charged <= whole
