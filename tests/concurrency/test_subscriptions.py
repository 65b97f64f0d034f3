"""Changes of one customer's subscriptions that are made at once take turns."""

from datetime import timedelta

import pytest
from django.db import connection

from billing.models import Subscription, SubscriptionItem
from billing.subscriptions import creation, editing, states
from billing.subscriptions.errors import ChangeRefusedError, FeatureTakenError, SameInstantError
from tests.billing.subscriptions.shop import JANUARY, day, flat, new_shop, stage, usage
from tests.concurrency.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 8


@pytest.fixture
def shop():
    return new_shop()


def attempt(operation):
    """Return a call that gives its result, or why it was refused."""

    def call():
        try:
            return operation()
        except ChangeRefusedError as error:
            return error

    return call


def test_a_feature_is_sold_once_however_many_subscribe_at_once(shop):
    customer = shop.customer()
    plans = [shop.plan(stage("main", usage("1")), key=f"plan-{n}") for n in range(AT_ONCE)]

    results = at_once(
        [
            attempt(lambda plan=plan: creation.create(customer=customer, plan=plan, at=JANUARY))
            for plan in plans
        ]
    )

    refused = [each for each in results if isinstance(each, FeatureTakenError)]
    assert len(refused) == AT_ONCE - 1
    assert Subscription.objects.get().items.count() == 1


def test_under_one_key_a_subscription_is_created_once(shop):
    customer, plan = shop.customer(), shop.simple("10")

    results = at_once(
        [lambda: creation.create(customer=customer, plan=plan, key="k", at=JANUARY)] * AT_ONCE
    )

    assert len({each.pk for each in results}) == Subscription.objects.count() == 1


def test_of_changes_at_one_instant_one_is_made(shop):
    subscription = shop.subscribe(shop.simple("10"))

    results = at_once(
        [attempt(lambda: states.pause(subscription=subscription, at=day("01-10")))] * AT_ONCE
    )

    assert sum(isinstance(each, SameInstantError) for each in results) == AT_ONCE - 1
    assert subscription.history.count() == 2


def test_different_edits_at_once_are_all_made(shop):
    subscription = shop.subscribe(shop.simple("10"))

    at_once(
        [
            lambda n=n: editing.edit(
                subscription=subscription,
                add=[flat("1", key=f"own-{n}")],
                at=JANUARY + timedelta(hours=n + 1),
            )
            for n in range(AT_ONCE)
        ]
    )

    sequences = subscription.history.values_list("sequence", flat=True)
    assert sorted(sequences) == list(range(1, AT_ONCE + 2))
    assert SubscriptionItem.objects.filter(key__startswith="own", ends_at=None).count() == AT_ONCE
    connection.check_constraints()
