"""Each event counts once, whatever is sent again and however it is spelled."""

from decimal import Decimal

import pytest

from billing.metering import unattributed
from billing.models import DeadLetter
from tests.billing.scene import HOUR, LATER, event, new_scene, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def test_an_event_sent_again_is_a_duplicate(scene):
    scene.meter()
    first = event(3, id="one")

    outcomes = [scene.send(first), scene.send(first, event(4)), scene.send(first, first)]

    assert [(o.accepted, o.duplicate) for o in outcomes] == [(1, 0), (1, 1), (0, 2)]
    assert rows(outcomes[1]) == [(0, "duplicate", "")]
    assert scene.units("sum") == 7


def test_repetition_within_a_batch_counts_once(scene):
    scene.meter()

    outcome = scene.send(event(3, id="one"), event(4), event(3, id="one"))

    assert (outcome.accepted, outcome.duplicate) == (2, 1)
    assert rows(outcome) == [(2, "duplicate", "")]
    assert scene.units("sum") == 7


def spelled(*, data, time="2025-06-15T12:00:00Z"):
    return (
        '{"specversion":"1.0","id":"one","source":"s","type":"call","subject":"api",'
        f'"time":"{time}","data":{data}}}'
    ).encode()


SAME = [
    spelled(data='{"n": 1.50, "list": [1e2, true, null], "more": {"a": "x", "b": 2}}'),
    spelled(data='{"more":{"b":2.0,"a":"\\u0078"},"n":1.5,"list":[100,true,null]}'),
    spelled(
        data='{"n":15e-1,"list":[1.0E+2,true,null],"more":{"a":"x","b":2}}',
        time="2025-06-15T14:00:00+02:00",
    ),
]
OTHERS = [
    spelled(data='{"n": 1.51, "list": [1e2, true, null], "more": {"a": "x", "b": 2}}'),
    spelled(data='{"n": 1.5, "list": [1e2, 1, null], "more": {"a": "x", "b": 2}}'),
    spelled(data='{"n": 1.5, "list": [1e2, true], "more": {"a": "x", "b": 2}}'),
    spelled(data='{"n": "1.5", "list": [1e2, true, null], "more": {"a": "x", "b": 2}}'),
    SAME[0].replace(b"12:00:00Z", b"12:00:01Z"),
    SAME[0].replace(b'"call"', b'"other"'),
    SAME[0].replace(b'"api"', b'"nobody"'),
]


@pytest.mark.parametrize("is_one_batch", [True, False])
@pytest.mark.parametrize("again", SAME[1:])
def test_same_content_spelled_differently_is_a_duplicate(scene, again, is_one_batch):
    scene.meter()
    batches = [[SAME[0], again]] if is_one_batch else [[SAME[0]], [again]]

    outcomes = [scene.send(*batch) for batch in batches]

    assert sum(o.accepted for o in outcomes) == sum(o.duplicate for o in outcomes) == 1


@pytest.mark.parametrize("is_one_batch", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_other_content_under_a_name_is_a_conflict(scene, other, is_one_batch):
    scene.meter()
    batches = [[SAME[0], other]] if is_one_batch else [[SAME[0]], [other]]

    outcomes = [scene.send(*batch) for batch in batches]

    assert sum(o.accepted for o in outcomes) == sum(o.conflicting for o in outcomes) == 1
    assert outcomes[-1].rows[-1].reason == "conflict"
    assert DeadLetter.objects.get().raw == other.decode()
    assert scene.units("sum") == Decimal("1.5")


def test_numbers_that_floats_confuse_are_told_apart(scene):
    scene.meter(path="$.m")
    first = spelled(data='{"m":1,"x":0.12345678901234567}')
    scene.send(first)

    same = scene.send(spelled(data='{"x":0.123456789012345670,"m":1}'))
    other = scene.send(spelled(data='{"m":1,"x":0.12345678901234568}'))

    assert (same.duplicate, other.conflicting) == (1, 1)


def test_repetition_without_a_time_repeats_what_was_timed_on_receipt(scene):
    scene.meter()
    scene.send(event(1, id="one", at=None, note="x"))

    again = scene.send(event(1, id="one", at=None, note="x"), at=LATER + HOUR)
    reordered = event(1, id="one", at=None, note="x").replace(
        b'{"n":1,"note":"x"}', b'{"note":"x","n":1.0}'
    )

    assert again.duplicate == 1
    assert scene.send(reordered, at=LATER + HOUR).duplicate == 1


def test_repetition_of_unattributed_usage_is_a_duplicate_before_and_after_it_is_mapped(scene):
    scene.meter()
    first = event(2, id="one", subject="new")
    scene.send(first)

    before = scene.send(first)
    scene.subject("new")
    unattributed.post_mapped(book=scene.book, at=LATER)
    spaced = first.replace(b'{"n":2}', b'{ "n" : 2.0 }')

    assert before.duplicate == scene.send(first).duplicate == scene.send(spaced).duplicate == 1
    assert scene.units("sum") == 2


def test_the_same_id_from_two_sources_or_in_two_books_is_two_events(scene):
    scene.meter()
    scene.send(event(1, id="one"), event(2, id="one", source="other"))
    other = new_scene()
    other.meter()

    assert other.send(event(4, id="one")).accepted == 1
    assert (scene.units("sum"), other.units("sum")) == (3, 4)


def test_refused_usage_may_come_again_once_it_is_right(scene):
    scene.meter()

    outcome = scene.send(event("many", id="one"), event(3, id="one"))

    assert rows(outcome) == [(0, "rejected", "invalid_value")]
    assert outcome.accepted == 1
    assert scene.units("sum") == 3
