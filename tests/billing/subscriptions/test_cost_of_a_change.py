"""A change costs the same whether the book has one subscription or hundreds."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Subscription, SubscriptionEvent, SubscriptionItem
from billing.subscriptions import addons, changing, creation, editing, states
from ledger.models import Customer
from tests.billing.subscriptions.shop import JANUARY, day, flat, stage, usage

OTHERS = 400


@pytest.fixture
def plans(shop):
    small = shop.plan(stage("main", flat("10"), usage("0.01")), key="small")
    large = shop.plan(stage("main", flat("20"), usage("0.01")), key="large")
    newer = shop.plan(stage("main", flat("12"), usage("0.01")), key="small")
    return small, large, newer


@pytest.fixture
def seats(shop, plans):
    return shop.addon(plans[0], flat("5", key="seat"))


def fill(shop, plan, like):
    """Give the book hundreds of other subscriptions, each like one there is."""
    customers = Customer.objects.bulk_create(
        Customer(book=shop.book, key=f"other-{n}", name="other", created_at=JANUARY)
        for n in range(OTHERS)
    )
    own = Subscription.objects.values().get(pk=like.pk)
    del own["id"]
    subscriptions = Subscription.objects.bulk_create(
        Subscription(**{**own, "key": f"other-{n}", "customer_id": customer.pk})
        for n, customer in enumerate(customers)
    )
    first = SubscriptionEvent.objects.values().get(subscription=like)
    rows = list(SubscriptionItem.objects.filter(subscription=like, rate=None).values())
    del first["id"]
    SubscriptionEvent.objects.bulk_create(
        SubscriptionEvent(
            **{**first, "subscription_id": subscription.pk, "key": f"other-{subscription.pk}"}
        )
        for subscription in subscriptions
    )
    SubscriptionItem.objects.bulk_create(
        SubscriptionItem(
            **{
                **row,
                "id": None,
                "subscription_id": subscription.pk,
                "customer_id": subscription.customer_id,
            }
        )
        for subscription in subscriptions
        for row in rows
    )


def life(shop, plans, seats, key):
    """Take a new subscription through every operation; return the statements of each."""
    small, large, newer = plans
    counts = {}
    customer = shop.customer()
    with CaptureQueriesContext(
        connection,
    ) as caught:
        subscription = creation.create(customer=customer, plan=small, key=key, at=JANUARY)
    counts["create"] = len(caught)
    steps = [
        (
            "addon",
            lambda at: addons.set_quantity(
                subscription=subscription, addon=seats, quantity=2, at=at
            ),
        ),
        (
            "edit",
            lambda at: editing.edit(subscription=subscription, add=[flat("3", key="own")], at=at),
        ),
        ("migrate", lambda at: changing.migrate(subscription=subscription, version=newer, at=at)),
        ("pause", lambda at: states.pause(subscription=subscription, at=at)),
        ("resume", lambda at: states.resume(subscription=subscription, at=at)),
        (
            "change",
            lambda at: changing.change(
                subscription=subscription, plan=large, timing=day("02-01"), at=at
            ),
        ),
        ("restore", lambda at: states.restore(subscription=subscription, at=at)),
        (
            "cancel",
            lambda at: states.cancel(subscription=subscription, timing="next_billing_cycle", at=at),
        ),
        ("unschedule", lambda at: states.unschedule_cancelation(subscription=subscription, at=at)),
    ]
    for hours, (name, step) in enumerate(steps, start=1):
        with CaptureQueriesContext(connection) as caught:
            step(JANUARY + timedelta(hours=hours))
        counts[name] = len(caught)
    return subscription, counts


def test_every_operation_costs_the_same_among_hundreds(shop, plans, seats):
    first, alone = life(shop, plans, seats, "alone")
    template = creation.create(customer=shop.customer(), plan=plans[0], at=JANUARY)
    fill(shop, plans[0], template)

    _, among = life(shop, plans, seats, "among")

    assert Subscription.objects.count() > OTHERS
    assert among == alone
    assert max(alone.values()) <= 30, alone
    assert first.items.exists()
