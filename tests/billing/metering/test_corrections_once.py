"""What may be amended, how often, and under which key."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from billing import catalogue
from billing.metering import corrections
from billing.metering.corrections import AlreadyCorrectedError
from billing.models import Accrual, Correction, DeadLetter, UsageEvent
from ledger.errors import IdempotencyConflictError, InvalidInputError, NotFoundError
from tests import factories
from tests.billing.scene import DAY, HOUR, LATER, event, left, new_scene, read
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


# --- What may be amended ----------------------------------------------------------------


def test_amended_event_keeps_its_name_and_says_something_else(scene):
    scene.meter()
    scene.send(event(4, id="one", note="old"))

    correction = scene.amend(event("4.5", id="one", at=NOON - HOUR, note="new"))

    replacement = scene.find("one")
    assert replacement.pk == correction.replacement_id
    assert replacement.data == {"n": "4.5", "note": "new"}
    assert replacement.occurred_at == NOON - HOUR
    assert UsageEvent.objects.count() == 2


def test_amendment_without_a_time_keeps_the_events(scene):
    scene.meter()
    scene.send(event(4, id="one"))

    scene.amend(event(5, id="one", at=None))

    assert scene.find("one").occurred_at == NOON


def test_amendment_may_move_an_event_to_another_month(scene):
    scene.meter("max")
    scene.send(event(4, id="one"), event(3))

    scene.amend(event(9, id="one", at=NOON - 30 * DAY))

    assert scene.units("max") == 12
    assert set(Accrual.objects.values_list("quantity", flat=True)) == {9, 3}


def test_amendment_may_move_an_event_to_another_customer(scene):
    scene.meter()
    other = factories.customer(book=scene.book)
    scene.subject("other", other)
    scene.send(event(4, id="one"))

    scene.amend(event(5, id="one", subject="other"))

    assert (scene.units("sum"), scene.units("sum", other)) == (0, 5)
    assert (scene.unbilled, scene.holds("unbilled", customer=other)) == (0, 5)


def test_amendment_stays_its_customers_though_the_subject_changed_hands(scene):
    scene.meter()
    scene.send(event(4, id="one"))
    heir = factories.customer(book=scene.book)
    scene.subject("api", heir)

    scene.amend(event(5, id="one"))

    assert (scene.units("sum"), scene.units("sum", heir)) == (5, 0)


def test_amendment_is_counted_by_the_meters_that_counted_the_event(scene):
    meter = scene.meter()
    scene.send(event(4, id="one"))
    catalogue.archive_meter(meter=meter, at=LATER)
    scene.meter("count", at=LATER)

    scene.amend(event(5, id="one"))

    assert (scene.units("sum"), scene.units("count")) == (5, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": "many"}, "data.n"),
        ({"subject": "nobody"}, "subject"),
        ({"at": NOON + 2 * DAY}, "time"),
        ({"at": "1990-01-01T00:00:00Z"}, "time"),
    ],
)
def test_amendment_that_could_not_have_come_changes_nothing(scene, wrong, field):
    scene.meter()
    scene.send(event(4, id="one"))

    with pytest.raises(InvalidInputError) as caught:
        scene.amend(event(wrong.pop("value", 5), id="one", **wrong))

    assert caught.value.field == field
    assert (scene.units("sum"), Correction.objects.count()) == (4, 0)
    assert not DeadLetter.objects.exists()


def test_amendment_keeps_source_and_id(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(5, id="two"))
    [fact] = read(event(6, id="two"))

    with pytest.raises(InvalidInputError, match="keep the source"):
        corrections.amend(
            book=scene.book, event=scene.find("one"), replacement=fact, key="k", at=LATER
        )


# --- Once -------------------------------------------------------------------------------


def test_correction_under_its_key_happens_once(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(1))
    found = scene.find("one")

    first, again = [
        corrections.void(book=scene.book, event=found, key="k", at=LATER + n * HOUR)
        for n in range(2)
    ]

    assert first == again
    assert scene.units("sum") == 1


def test_key_that_stands_for_another_correction_is_refused(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(3, id="two"))
    found = scene.find("one")
    scene.amend(event(5, id="one"), key="k")

    with pytest.raises(IdempotencyConflictError):
        scene.void("two", key="k")
    with pytest.raises(IdempotencyConflictError):
        corrections.void(book=scene.book, event=found, key="k", at=LATER)
    for other in (event(6, id="one"), event(5, id="one", at=NOON - HOUR)):
        with pytest.raises(IdempotencyConflictError):
            corrections.amend(
                book=scene.book, event=found, replacement=read(other)[0], key="k", at=LATER
            )
    same = corrections.amend(
        book=scene.book,
        event=found,
        replacement=read(event("5.0", id="one").replace(b'"5.0"', b"5.0"))[0],
        key="k",
        at=LATER,
    )
    assert same.replacement_id == scene.find("one").pk


@pytest.mark.parametrize("first", ["void", "amend"])
def test_an_event_is_corrected_once_its_replacement_again(scene, first):
    scene.meter()
    scene.send(event(4, id="one"))
    found = scene.find("one")
    if first == "void":
        scene.void("one")
    else:
        scene.amend(event(5, id="one"))

    with pytest.raises(AlreadyCorrectedError):
        corrections.void(book=scene.book, event=found, key="again", at=LATER)

    assert scene.units("sum") == (0 if first == "void" else 5)


def test_chain_of_amendments_ends_in_a_void(scene):
    scene.meter("max")
    lot = scene.grant(100)
    scene.send(event(4, id="one"), event(6))

    values = []
    for value in (8, 3, 20):
        scene.amend(event(value, id="one"))
        values.append(scene.units("max"))
    scene.void("one")

    assert values == [8, 6, 20]
    assert (scene.units("max"), left(lot)) == (6, 94)
    chain = list(Correction.objects.order_by("pk"))
    assert all(a.replacement_id == b.event_id for a, b in pairwise(chain))


def test_event_that_was_corrected_is_still_a_duplicate_when_sent_again(scene):
    scene.meter()
    first = event(4, id="one")
    scene.send(first)
    scene.void("one")

    assert scene.send(first).duplicate == 1
    assert scene.units("sum") == 0


def test_usage_that_is_not_attributed_cannot_be_corrected_yet(scene):
    scene.send(event(4, id="one", subject="nobody"))

    with pytest.raises(NotFoundError):
        scene.void("one")


def test_a_recorded_event_is_measured_again_exactly(scene):
    scene.meter("max", path="$.n")
    scene.send(event(Decimal("0.10"), id="a"), event(Decimal("12345678901234567890.12"), id="b"))

    scene.void("a")
    scene.void("b")

    assert scene.units("max") == scene.revenue == 0


def test_void_of_an_extreme_reads_its_series_in_a_few_queries(scene, django_assert_max_num_queries):
    scene.meter("max")
    scene.send(event(99, id="top"), *[event(n % 50, at=NOON + timedelta(0, n)) for n in range(200)])

    with django_assert_max_num_queries(41):
        scene.void("top")

    assert scene.units("max") == 49
