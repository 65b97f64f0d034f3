"""Usage of unknown subjects is kept, and posted once somebody says whose it is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from billing.metering import unattributed
from billing.models import Accrual, UnattributedEvent, UsageEvent
from ledger.models import Entry, Transaction
from tests.billing.scene import DAY, HOUR, LATER, event, left, new_scene, rows
from tests.factories import NOON

pytestmark = pytest.mark.django_db
MAPPED = NOON + DAY


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def post(scene):
    """Return a function that posts what has been mapped."""
    return lambda: unattributed.post_mapped(book=scene.book, at=MAPPED)


def test_unknown_subject_is_kept_and_moves_nothing(scene, post):
    scene.meter()

    outcome = scene.send(event(1, subject="new"), event(2))

    assert rows(outcome) == [(0, "unattributed", "unknown_subject")]
    assert (outcome.accepted, outcome.unattributed) == (1, 1)
    assert UnattributedEvent.objects.get().data == {"n": 1}
    assert post().accepted == 0
    assert scene.units("sum") == 2


def test_mapped_usage_is_posted_once_at_its_own_time_and_price(scene, post):
    meter = scene.meter(price=1)
    scene.rate(meter, 5, since=NOON)
    lot = scene.grant(100, expires_at=NOON + HOUR)
    scene.send(event(2, id="one", subject="new"), event(3, subject="new", at=NOON - HOUR))
    scene.subject("new")

    assert [post().accepted, post().accepted] == [2, 0]

    assert (scene.units("sum"), scene.revenue, left(lot)) == (5, 13, 87)
    found = scene.find("one")
    assert (found.occurred_at, found.received_at, found.subject) == (NOON, MAPPED, "new")
    assert set(UnattributedEvent.objects.values_list("posted_at", flat=True)) == {MAPPED}


def test_usage_without_a_time_keeps_that_of_its_receipt(scene, post):
    scene.meter()
    scene.send(event(2, id="one", subject="new", at=None))
    scene.subject("new")

    post()

    assert scene.find("one").occurred_at == LATER


def test_numbers_are_posted_exactly_as_they_were_sent(scene, post):
    scene.meter()
    scene.send(
        event("0.1", subject="new"),
        event(1, subject="new").replace(b'"n":1', b'"n":12345678901234567890.12'),
    )
    scene.subject("new")

    post()

    assert str(scene.units("sum")) == "12345678901234567890.220000000000"


def test_meters_count_what_was_received_since_they_were_made(scene, post):
    scene.send(event(2, subject="new"))
    scene.meter("sum", at=LATER + HOUR)
    scene.meter("count", at=LATER)
    scene.subject("new")

    assert post().accepted == 1

    assert (scene.units("sum"), scene.units("count")) == (0, 1)


def test_unmetered_usage_is_posted_too(scene, post):
    scene.send(event(2, subject="new", type="other"))
    scene.subject("new")

    assert post().accepted == 1
    assert UsageEvent.objects.get().accrual_ids == []
    assert not Entry.objects.exists()


def test_usage_beyond_what_the_ledger_keeps_stays_alone(scene, post):
    scene.meter(price=100)
    scene.send(*[event(n, id=f"e{n}", subject="new") for n in (1, 2)])
    scene.send(event("9" * 26, id="huge", subject="new"), event(4, subject="new"))
    scene.subject("new")

    outcome = post()

    assert (outcome.accepted, outcome.rejected) == (3, 1)
    assert scene.units("sum") == 7
    assert UnattributedEvent.objects.get(posted_at=None).external_id == "huge"


def test_posted_usage_is_corrected_as_any_other(scene, post):
    scene.meter("max")
    lot = scene.grant(10)
    scene.send(event(7, id="one", subject="new"), event(3, subject="new"))
    scene.subject("new")
    post()

    scene.void("one")

    assert (scene.units("max"), left(lot)) == (3, 7)


def test_other_books_usage_is_left_alone(scene, post):
    other = new_scene()
    other.meter()
    other.send(event(1, subject="api2"))
    scene.subject("api2")

    assert post().accepted == 0


def test_thousands_are_posted_in_batches(scene, post, monkeypatch):
    monkeypatch.setattr(unattributed, "_BATCH", 10)
    scene.meter()
    scene.send(
        *[event(1, subject="new", at=NOON + timedelta(0, n)) for n in range(25)],
        *[event(1, subject="never") for _ in range(5)],
    )
    scene.subject("new")

    assert post().accepted == 25
    assert Transaction.objects.count() == 3
    assert Accrual.objects.get().events == 25


def test_queries_do_not_grow_with_what_is_posted(scene, post):
    scene.meter()
    scene.send(event(1, subject="warm"))
    scene.subject("warm")
    post()

    counts = []
    for size in (5, 50):
        scene.send(*[event(1, subject=f"s{size}") for _ in range(size)])
        scene.subject(f"s{size}")
        with CaptureQueriesContext(connection) as queries:
            assert post().accepted == size
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_subject_mapped_to_a_child_is_the_childs(scene, post):
    scene.meter()
    child = scene.child("other")
    scene.send(event(2, subject="new"))
    catalogue.map_subject(book=scene.book, key="new", customer=child, at=LATER)

    post()

    assert (scene.units("sum", child), scene.units("sum")) == (2, 0)
