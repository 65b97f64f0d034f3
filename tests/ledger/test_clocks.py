"""Test clocks: they only go forward, and do on the way what falls due."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from ledger import clocks
from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.models import TestClock
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def clock():
    return clocks.create(book=factories.book(), key="spring", now_at=NOON, at=NOON)


@pytest.fixture
def attached(clock):
    return clocks.attach(customer=factories.customer(book=clock.book), clock=clock)


def test_a_customer_lives_by_the_clock_it_is_attached_to(clock, attached):
    real = NOON + 100 * DAY

    assert clocks.now_of(attached, real) == NOON
    assert clocks.now_of(factories.customer(book=clock.book), real) == real


def test_advancing_moves_it_and_calls_what_is_due(clock, attached, settings):
    settings.METERBOOK_DUE = "tests.ledger.test_clocks.noted"
    seen.clear()

    clocks.advance(clock=clock, to=NOON + DAY)

    clock.refresh_from_db()
    assert (clock.now_at, clock.target_at) == (NOON + DAY, None)
    assert seen == [([attached], NOON + DAY)]


seen = []


def noted(*, customers, until):
    """Stand for what a package above does: note that it was asked."""
    seen.append((list(customers), until))


def broken(*, customers, until):
    """Stand for a crash on the way."""
    raise RuntimeError


def test_a_crash_on_the_way_leaves_where_it_was_going(clock, attached, settings):
    settings.METERBOOK_DUE = "tests.ledger.test_clocks.broken"
    with pytest.raises(RuntimeError):
        clocks.advance(clock=clock, to=NOON + DAY)
    clock.refresh_from_db()
    assert (clock.now_at, clock.target_at) == (NOON, NOON + DAY)

    settings.METERBOOK_DUE = "tests.ledger.test_clocks.noted"
    with pytest.raises(InvalidInputError, match="on its way") as refused:
        clocks.advance(clock=clock, to=NOON + DAY / 2)
    assert refused.value.field == "to"
    clocks.advance(clock=clock, to=NOON + DAY)

    clock.refresh_from_db()
    assert (clock.now_at, clock.target_at) == (NOON + DAY, None)


def test_it_does_not_go_back(clock):
    with pytest.raises(InvalidInputError, match="where it stands") as refused:
        clocks.advance(clock=clock, to=NOON - DAY)

    assert refused.value.field == "to"


def test_nor_does_the_database_let_it(clock):
    with pytest.raises(IntegrityError, match="only goes forward"), transaction.atomic():
        TestClock.objects.filter(pk=clock.pk).update(now_at=NOON - DAY)


def test_a_clock_of_another_book_is_refused(clock):
    stranger = factories.customer(book=factories.book())

    with pytest.raises(InvalidInputError, match="customer's book") as refused:
        clocks.attach(customer=stranger, clock=clock)
    assert refused.value.field == "test_clock"

    with pytest.raises(IntegrityError, match="another book"), transaction.atomic():
        type(stranger).objects.filter(pk=stranger.pk).update(clock=clock)


def test_a_customer_stays_with_its_clock(clock, attached):
    other = clocks.create(book=clock.book, key="autumn", now_at=NOON, at=NOON)

    assert clocks.attach(customer=attached, clock=clock).clock == clock
    with pytest.raises(clocks.ClockTakenError):
        clocks.attach(customer=attached, clock=other)


def test_two_of_one_key_are_refused(clock):
    with pytest.raises(AlreadyExistsError):
        clocks.create(book=clock.book, key="spring", now_at=NOON, at=NOON)


def test_where_money_is_real_there_are_none(clock, attached, settings):
    settings.METERBOOK_TEST_CLOCKS = False

    for act in (
        lambda: clocks.create(book=clock.book, key="x", now_at=NOON, at=NOON),
        lambda: clocks.attach(customer=attached, clock=clock),
        lambda: clocks.advance(clock=clock, to=NOON + DAY),
    ):
        with pytest.raises(clocks.ClocksOffError, match="METERBOOK_TEST_CLOCKS"):
            act()
    assert clocks.latest(clock.book_id) is None


def test_the_latest_of_a_book_is_known(clock):
    clocks.create(book=clock.book, key="ahead", now_at=NOON + DAY, at=NOON)
    clocks.create(book=factories.book(), key="elsewhere", now_at=NOON + 9 * DAY, at=NOON)

    assert clocks.latest(clock.book_id) == NOON + DAY
