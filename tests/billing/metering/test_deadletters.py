"""What could not be taken is kept with its reason, mended and replayed, or dismissed."""

import pytest

from billing.metering import deadletters
from billing.metering.deadletters import DeadLetterClosedError
from billing.metering.facts import REASONS
from billing.models import DeadLetter, UnattributedEvent
from tests import factories
from tests.billing.scene import DAY, HOUR, LATER, event, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db
MENDED = NOON + DAY


@pytest.fixture
def scene():
    found = new_scene()
    found.meter()
    return found


@pytest.fixture
def replay():
    """Return a function that replays the only open letter, perhaps mended."""

    def replay(raw=None, *, letter=None):
        letter = letter or DeadLetter.objects.get(status="open")
        return deadletters.replay(letter=letter, raw=raw and raw.decode(), at=MENDED)

    return replay


REFUSED = {
    "malformed": b"{",
    "invalid_event": event(1).replace(b'"source"', b'"sauce"'),
    "invalid_value": event("many"),
    "in_the_future": event(1, at=LATER + HOUR),
    "too_old": event(1, at="1999-01-01T00:00:00Z"),
    "conflict": event(9, id="taken"),
    "too_large": event(1, note="x" * 300_000),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_each_refusal_is_kept_with_its_reason(scene, reason):
    scene.send(event(1, id="taken"))

    scene.send(REFUSED[reason])

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.status, letter.received_at) == (reason, "open", LATER)
    assert letter.reason in REASONS
    assert letter.detail
    assert REFUSED[reason].decode().startswith(letter.raw)
    assert scene.units("sum") == 1


def test_the_same_refusal_again_is_one_letter_that_counts(scene):
    scene.send(b"{", b"{", b"[")
    scene.send(b"{")

    assert dict(DeadLetter.objects.values_list("raw", "times")) == {"{": 3, "[": 1}


def test_bytes_that_are_no_text_are_kept_escaped(scene):
    scene.send(b'{"id":"\xff\x00"}')

    assert DeadLetter.objects.get().raw == '{"id":"\\xff\\x00"}'


def test_mended_letter_is_taken_once_and_closed(scene, replay):
    scene.send(event("many", id="one"))
    letter = DeadLetter.objects.get()

    assert replay(event(3, id="one")).accepted == 1

    letter.refresh_from_db()
    assert (letter.status, letter.resolved_at) == ("replayed", MENDED)
    assert scene.units("sum") == 3
    with pytest.raises(DeadLetterClosedError):
        replay(event(3, id="two"), letter=letter)


def test_letter_is_taken_as_it_was_once_it_can_be(scene, replay):
    scene.send(event(3, at=LATER + HOUR))

    assert replay().accepted == 1
    assert scene.units("sum") == 3


def test_replayed_usage_without_a_time_happened_when_it_came_in(scene, replay):
    scene.send(event("many", id="one", at=None))

    replay(event(3, id="one", at=None))

    assert scene.find("one").occurred_at == LATER


def test_letter_refused_again_stays_open_beside_the_new_reason(scene, replay):
    scene.send(b"{")

    outcome = replay(event("x", id="one"))

    assert outcome.rejected == 1
    assert set(DeadLetter.objects.values_list("reason", "status")) == {
        ("malformed", "open"),
        ("invalid_value", "open"),
    }


def test_letter_refused_again_for_the_same_counts_once_more(scene, replay):
    scene.send(event("x", id="one"))

    replay()

    assert DeadLetter.objects.values_list("times", "status").get() == (2, "open")


def test_conflict_may_be_replayed_under_another_id(scene, replay):
    scene.send(event(1, id="one"))
    scene.send(event(2, id="one"))

    assert replay().conflicting == 1
    assert replay(event(2, id="one-b")).accepted == 1
    assert scene.units("sum") == 3


@pytest.mark.parametrize("again", [event(3, id="one"), event(3, id="two", subject="nobody")])
def test_letter_found_taken_or_kept_is_closed(scene, replay, again):
    scene.send(event(3, id="one"))
    scene.send(b"{")

    outcome = replay(again)

    assert outcome.duplicate + outcome.unattributed == 1
    assert DeadLetter.objects.get().status == "replayed"
    assert UnattributedEvent.objects.count() == outcome.unattributed


@pytest.mark.parametrize("raw", ["\ud800", '{"id":"\udcff"}', "\0", ""])
def test_nonsense_may_be_replayed(scene, raw):
    scene.send(b"{")

    outcome = deadletters.replay(letter=DeadLetter.objects.get(), raw=raw, at=MENDED)

    assert outcome.rejected == 1


def test_dismissed_letter_stays_on_record_closed(scene, replay):
    scene.send(b"{")
    letter = deadletters.dismiss(letter=DeadLetter.objects.get(), at=MENDED)

    assert (letter.status, letter.resolved_at, letter.raw) == ("dismissed", MENDED, "{")
    for call in (replay, lambda **given: deadletters.dismiss(**given, at=MENDED)):
        with pytest.raises(DeadLetterClosedError):
            call(letter=letter)


def test_letter_of_a_bound_key_may_be_replayed_by_who_may_decide(scene, replay):
    stranger = factories.customer(book=scene.book)
    scene.send(event(2), reach=frozenset({stranger.pk}))
    assert DeadLetter.objects.get().reason == "subject_not_allowed"

    assert replay().accepted == 1
    assert scene.units("sum") == 2
