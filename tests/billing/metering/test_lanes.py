"""Ingest in lanes does what ingest does, and says so."""

from datetime import timedelta

import pytest

from billing.metering.lanes import Lanes, ingest_in_lanes
from billing.models import UsageEvent
from ledger.errors import DomainError
from tests.billing.scene import LATER, event, new_scene, read
from tests.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter(price="0.5")
    for number in range(5):
        scene.child(f"team-{number}")
    return scene


@pytest.fixture
def sent():
    """Events of five subjects and a stranger, two of them sent twice, one unreadable."""
    events = [
        event(number, id=f"e{number}", subject=f"team-{number % 6}", at=NOON + timedelta(seconds=1))
        for number in range(1, 61)
    ]
    return read(*events, events[0], events[1], b"{")


def test_everything_is_accounted_for_once(scene, sent):
    outcome = ingest_in_lanes(book=scene.book, sent=sent, received_at=LATER)

    counts = (outcome.accepted, outcome.unattributed, outcome.duplicate, outcome.rejected)
    assert counts == (50, 10, 2, 1)
    assert [row.index for row in outcome.rows] == sorted(row.index for row in outcome.rows)
    assert UsageEvent.objects.count() == 50
    assert scene.revenue == sum(n for n in range(1, 61) if n % 6 != 5) / 2


def test_the_same_again_is_all_duplicates(scene, sent):
    ingest_in_lanes(book=scene.book, sent=sent, received_at=LATER)

    again = ingest_in_lanes(book=scene.book, sent=sent, received_at=LATER)

    assert (again.accepted, again.duplicate, again.rejected) == (0, 62, 1)


def test_what_is_done_is_told_once(scene, sent):
    with Lanes(book=scene.book, clock=lambda: LATER) as lanes:
        lanes.take(sent)
        told = lanes.done()
        rest = lanes.finish()

    assert told.accepted + rest.accepted == 50
    assert lanes.done().accepted == 0


def test_a_batch_that_fails_is_heard_of(scene, sent):
    def broken_clock():
        raise DomainError(clock="stopped")

    with Lanes(book=scene.book, clock=broken_clock) as lanes:
        lanes.take(sent)
        with pytest.raises(DomainError):
            lanes.finish()
