"""What cannot be taken is set apart by itself."""

from decimal import Decimal

import pytest

from billing.models import DeadLetter, UnattributedEvent
from ledger import balances, verification
from tests import factories
from tests.billing.scene import HOUR, LATER, event, new_scene, rows
from tests.factories import NOON
from tests.ledger.journal import fold

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def test_key_of_a_customer_reaches_its_own_subjects_only(scene):
    scene.meter()
    team = scene.child("team")
    stranger = factories.customer(book=scene.book)
    scene.subject("stranger", stranger)

    outcome = scene.send(
        event(1, subject="team"),
        event(1, subject="stranger"),
        event(1, subject="nobody"),
        event(1, subject="api"),
        reach=frozenset({team.pk}),
    )

    assert outcome.accepted == 1
    assert rows(outcome) == [(n, "rejected", "subject_not_allowed") for n in (1, 2, 3)]
    assert scene.units("sum", team) == 1
    assert not UnattributedEvent.objects.exists()


def test_subject_that_changes_hands_counts_for_its_new_customer_from_then_on(scene):
    scene.meter()
    scene.send(event(1))
    heir = factories.customer(book=scene.book)

    scene.subject("api", heir)
    scene.send(event(5))

    assert (scene.units("sum"), scene.units("sum", heir)) == (1, 5)


HUGE = "9" * 26


def test_an_amount_beyond_what_the_ledger_keeps_fails_alone(scene):
    scene.meter(price=100)

    outcome = scene.send(event(1), event(HUGE), event(2), event(3))

    assert rows(outcome) == [(1, "rejected", "invalid_value")]
    assert (outcome.accepted, scene.units("sum")) == (3, 6)
    assert DeadLetter.objects.get().reason == "invalid_value"


def test_a_total_beyond_what_the_ledger_keeps_fails_the_event_that_makes_it(scene):
    scene.meter(price=None)

    outcome = scene.send(event(1), event(HUGE, at=NOON + HOUR), event(2), event("-5", at=LATER))

    assert rows(outcome) == [(1, "rejected", "invalid_value")]
    assert (outcome.accepted, scene.units("sum")) == (3, -2)


def test_every_kind_of_row_is_told_by_its_place(scene):
    scene.meter(price=100)
    first = event(1, id="one")

    outcome = scene.send(
        event(HUGE),
        first,
        first,
        b"{",
        event(1, subject="nobody"),
        event(2, id="one"),
        event(1),
        event("x"),
    )

    assert rows(outcome) == [
        (0, "rejected", "invalid_value"),
        (2, "duplicate", ""),
        (3, "rejected", "malformed"),
        (4, "unattributed", "unknown_subject"),
        (5, "conflict", "conflict"),
        (7, "rejected", "invalid_value"),
    ]
    assert (outcome.accepted, outcome.duplicate, outcome.conflicting) == (2, 1, 1)
    assert (outcome.unattributed, outcome.rejected) == (1, 3)
    assert sum(DeadLetter.objects.values_list("times", flat=True)) == 4


def test_deep_nesting_is_refused_by_itself(scene):
    deep = event(1).replace(b'"n":1', b'"n":1,"deep":' + b"[" * 101 + b"]" * 101)
    flat = event(1).replace(b'"n":1', b'"n":1,"flat":[' + b"[]," * 500 + b"[]]")
    scene.meter()

    outcome = scene.send(deep, flat, event(1))

    assert rows(outcome) == [(0, "rejected", "malformed")]
    assert scene.units("sum") == 2


@pytest.mark.django_db(transaction=True)
def test_two_huge_events_do_not_keep_the_book_from_being_added_up(scene):
    scene.meter(price=None)
    scene.child("team")
    sent = [scene.send(event(HUGE)), scene.send(event(HUGE, subject="team"))]
    assert [outcome.accepted for outcome in sent] == [1, 1]

    assert fold() == 2

    total = 2 * Decimal(HUGE)
    closing = {row.purpose: row.closing for row in balances.trial_balance(book=scene.book)}
    assert closing == {"consumed_units": total, "metered_units": -total}
    assert verification.verify().disagreements == []
