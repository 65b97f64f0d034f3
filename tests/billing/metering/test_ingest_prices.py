"""What usage costs the customer, and what it costs us."""

from datetime import timedelta

import pytest

from billing import catalogue
from tests.billing.scene import DAY, HOUR, START, event, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def test_most_specific_rate_prices_usage(scene):
    meter = scene.meter(dimensions={"model": "$.model", "kind": "$.kind"}, price=1)
    scene.rate(meter, 10, match={"model": "big"})
    scene.rate(meter, 100, match={"model": "big", "kind": "output"})

    scene.send(
        event(1, model="small"),
        event(1, model="big", kind="input"),
        event(1, model="big", kind="output"),
        event(1),
    )

    labels = {"sum": 2, "sum/big": 10, "sum/output/big": 100}
    assert {label: -scene.holds("usage_revenue", label) for label in labels} == labels


def test_usage_is_priced_by_what_was_in_force_when_it_happened(scene):
    meter = scene.meter(price=1)
    scene.rate(meter, 5, since=NOON)

    scene.send(event(1, at=NOON))
    scene.send(event(1, at=NOON - timedelta(microseconds=1)))
    scene.send(event(1, at=NOON + HOUR), event(1, at=NOON - HOUR))

    assert scene.revenue == 12


def test_usage_from_before_the_first_price_is_counted_for_nothing(scene):
    meter = scene.meter(price=None)
    scene.rate(meter, 5, since=NOON)

    scene.send(event(2, at=NOON - HOUR), event(1, at=NOON))

    assert (scene.units("sum"), scene.revenue) == (3, 5)


def test_price_added_between_two_batches_holds_from_the_second(scene):
    meter = scene.meter(price=1)
    scene.send(event(1))

    scene.rate(meter, 5, since=START + DAY)
    scene.send(event(1))

    assert scene.revenue == 6


def test_cost_is_posted_beside_revenue(scene):
    meter = scene.meter(price="0.5", cost="0.2", dimensions={"model": "$.model"})
    scene.rate(meter, "0.6", cost="0.1", match={"model": "big"}, provider="other")

    scene.send(event(10), event(10, model="big"))

    assert scene.revenue == 11
    assert scene.holds("cost_of_revenue", "acme/sum") == 2
    assert scene.holds("cost_of_revenue", "other/sum/big") == 1
    assert scene.holds("accrued_provider_cost") == -3


def test_cost_follows_a_value_that_falls(scene):
    scene.meter("latest", price=3, cost=1)

    scene.send(event(9, at=NOON), event(4, at=NOON + HOUR))

    assert (scene.revenue, scene.holds("cost_of_revenue")) == (12, 4)


def test_child_is_priced_by_its_own_card_then_its_parents(scene):
    meter = scene.meter(price=1)
    special = catalogue.create_rate_card(book=scene.book, key="s", asset=scene.dollars, at=START)
    scene.rate(meter, 7, card=special)
    heir, own = scene.child("heir"), scene.child("own")
    catalogue.set_profile(customer=scene.customer, rate_card=special)
    catalogue.set_profile(customer=own, rate_card=scene.card)

    scene.send(event(1), event(1, subject="heir"), event(1, subject="own"))

    owed = [scene.holds("unbilled", customer=c) for c in (scene.customer, heir, own)]
    assert owed == [7, 7, 1]
