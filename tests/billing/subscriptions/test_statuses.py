"""Which subscriptions are in a state: the list finds what each of them says of itself."""

import pytest

from billing.models import Subscription
from billing.subscriptions import states, statuses
from billing.subscriptions.timeline import Status
from ledger.models import TestClock
from tests import factories
from tests.billing.subscriptions.shop import JANUARY, day

pytestmark = pytest.mark.django_db

NOW = day("02-15")


@pytest.fixture
def plan(shop):
    return shop.simple("10")


@pytest.fixture
def subscribed(shop, plan):
    """Return a function that subscribes somebody on 1 January, under a key."""
    return lambda key, **others: shop.subscribe(plan, key=key, **others)


@pytest.fixture
def all_states(shop, plan, subscribed):
    """One subscription or more in each state on 15 February."""
    subscribed("active")
    subscribed("later", starts_at=day("03-01"))
    states.cancel(subscription=subscribed("canceled"), timing=day("03-01"), at=NOW)
    states.cancel(subscription=subscribed("ended"), timing=NOW, at=NOW)
    states.pause(subscription=subscribed("paused"), at=day("02-01"))
    ending = subscribed("paused to its end")
    states.pause(subscription=ending, at=day("02-01"))
    states.cancel(subscription=ending, timing=day("03-01"), at=day("02-02"))
    resumed = subscribed("resumed")
    states.pause(subscription=resumed, at=day("02-01"))
    states.resume(subscription=resumed, at=day("02-10"))
    states.pause(subscription=subscribed("to be paused"), timing=day("03-01"), at=NOW)
    withdrawn = subscribed("withdrawn")
    states.pause(subscription=withdrawn, timing=day("02-10"), at=day("02-01"))
    states.restore(subscription=withdrawn, at=day("02-05"))
    clock = TestClock.objects.create(
        book=shop.book, key="clock", now_at=JANUARY, created_at=JANUARY
    )
    behind = subscribed("behind", customer=factories.customer(book=shop.book, clock=clock))
    states.pause(subscription=behind, timing=day("02-01"), at=JANUARY)


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (Status.SCHEDULED, {"later"}),
        (Status.ACTIVE, {"active", "resumed", "to be paused", "withdrawn", "behind"}),
        (Status.PAUSED, {"paused", "paused to its end"}),
        (Status.CANCELED, {"canceled"}),
        (Status.ENDED, {"ended"}),
    ],
)
def test_a_list_by_state_holds_those_that_say_so(all_states, status, found):
    rows = Subscription.objects.select_related("customer__clock")

    assert {row.key for row in statuses.in_state(rows, status, NOW)} == found
    said = statuses.statuses(
        rows, lambda row: row.customer.clock.now_at if row.customer.clock else NOW
    )
    assert {row.key for row in rows if said[row.pk] is status} == found
