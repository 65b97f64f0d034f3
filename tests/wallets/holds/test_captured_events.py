"""A capture that names usage events: they are paid from it, once, whichever comes first."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from ledger import bulk
from ledger.errors import IdempotencyConflictError
from ledger.moves import Move, Posting
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import capture, held_on, hold, reserve, standing_on
from tests.wallets.spending import left_in
from wallets.errors import EventCapturedError
from wallets.holds import captures

pytestmark = pytest.mark.django_db

FIRST, SECOND = ("gateway", "e1"), ("gateway", "e2")


@pytest.fixture
def grant():
    return factories.grant(amount=100)


@pytest.fixture
def customer(grant):
    return grant.wallet.customer


@transaction.atomic
def arrive(customer, prices):
    """Record usage events, by their names and prices, as far as captures pay for them."""
    found = captures.awaited(customer_ids=[customer.pk])
    bulk.lock(captures.accounts(found, prices))
    moves = []
    for name, price in prices.items():
        if one := found.get(name):
            one.arrive(name)
            moves += [
                Move(one.account_id, *back, one.since(NOON))
                for back in [*one.pay(Decimal(price)), *one.rest()]
            ]
    if moves:
        post = Posting(
            book_id=customer.book_id,
            kind="usage",
            key=factories.name("usage"),
            effective_at=NOON,
            moves=moves,
        )
        bulk.post(postings=[post])
    captures.settle(found.values(), at=NOON)
    return found


def test_what_is_captured_for_events_waits_for_them(grant, customer):
    made = capture(hold(customer, 75), 30, events=[FIRST])

    assert (left_in(grant), held_on(grant)) == (70, 0)
    assert standing_on(customer, "captured") == made.remaining == 30
    assert made.settled_at is None


def test_what_waits_cannot_be_reserved(customer):
    capture(hold(customer, 75), 75, events=[FIRST])

    assert reserve(customer, 26).available == 25


def test_the_price_of_an_event_comes_back_to_where_it_was_taken(grant, customer):
    made = capture(hold(customer, 75), 30, events=[FIRST, SECOND])

    arrive(customer, {FIRST: 12})

    made.refresh_from_db()
    assert (left_in(grant), standing_on(customer, "captured")) == (82, 18)
    assert (made.remaining, made.settled_at) == (18, None)


def test_after_the_last_event_the_rest_goes_back(grant, customer):
    made = capture(hold(customer, 75), 30, events=[FIRST, SECOND])

    arrive(customer, {FIRST: 12})
    arrive(customer, {SECOND: 5})

    made.refresh_from_db()
    assert (left_in(grant), standing_on(customer, "captured")) == (100, 0)
    assert (made.remaining, made.taken, made.settled_at) == (0, [], NOON)
    assert captures.awaited(customer_ids=[customer.pk]) == {}


def test_an_event_that_costs_more_takes_no_more_than_was_captured(grant, customer):
    made = capture(hold(customer, 75), 30, events=[FIRST])

    arrive(customer, {FIRST: 50})

    made.refresh_from_db()
    assert (left_in(grant), made.remaining) == (100, 0)


def test_money_goes_back_to_each_lot_it_came_from():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, amount=10, priority=1)
    second = factories.grant(wallet=wallet, amount=50)
    capture(hold(wallet.customer, 40), 25, events=[FIRST, SECOND])

    arrive(wallet.customer, {FIRST: 12})

    assert (left_in(first), left_in(second)) == (10, 37)


def test_other_events_leave_it_as_it_is(customer):
    made = capture(hold(customer, 75), 30, events=[FIRST])

    arrive(customer, {("gateway", "other"): 12, ("elsewhere", "e1"): 3})

    made.refresh_from_db()
    assert made.remaining == standing_on(customer, "captured") == 30


def test_an_event_that_came_first_lowers_what_is_taken(grant, customer):
    made = hold(customer, 75)

    found = capture(made, 30, events=[FIRST, SECOND], arrived=lambda _: {FIRST: Decimal(12)})

    made.refresh_from_db()
    assert (left_in(grant), held_on(grant)) == (82, 0)
    assert (found.amount, found.remaining, made.captured) == (30, 18, 18)
    assert captures.awaited(customer_ids=[customer.pk]).keys() == {SECOND}


@pytest.mark.parametrize("price", [0, 12, 50])
def test_nothing_is_taken_if_every_event_came_first(grant, customer, price):
    found = capture(
        hold(customer, 75), 30, events=[FIRST], arrived=lambda _: {FIRST: Decimal(price)}
    )

    assert (left_in(grant), held_on(grant), standing_on(customer, "captured")) == (100, 0, 0)
    assert found.settled_at == NOON


def test_no_two_captures_pay_for_one_event(grant, customer):
    capture(hold(customer, 10), 10, events=[FIRST])
    made = hold(customer, 10)

    with pytest.raises(EventCapturedError, match="e1"), transaction.atomic():
        capture(made, 10, events=[SECOND, FIRST])

    assert (left_in(grant), held_on(grant)) == (90, 10)


def test_a_capture_sent_again_pays_for_no_other_usage(grant, customer):
    made = hold(customer, 10)
    first = capture(made, 10, key="c1", events=[FIRST, SECOND])

    assert capture(made, 10, key="c1", events=[SECOND, FIRST]) == first
    with pytest.raises(IdempotencyConflictError, match="c1"):
        capture(made, 10, key="c1", events=[FIRST, SECOND, ("gateway", "e3")])
    assert left_in(grant) == 90


def test_events_are_awaited_in_one_query(customer, django_assert_num_queries):
    for _ in range(3):
        name = ("gateway", factories.name("event"))
        capture(hold(customer, 10), 10, events=[name])

    with django_assert_num_queries(1):
        assert len(captures.awaited(customer_ids=[customer.pk])) == 3


def test_money_goes_back_no_earlier_than_it_was_taken(customer):
    made = capture(hold(customer, 10), 10, events=[FIRST], at=NOON)
    [one] = captures.awaited(customer_ids=[customer.pk]).values()

    assert one.id == made.pk
    assert one.since(NOON - timedelta(hours=1)) == NOON
    assert one.since(NOON + timedelta(hours=1)) == NOON + timedelta(hours=1)
