"""The application's own role may do what the operations do."""

import pytest
from django.db import connection

from billing.subscriptions import addons, changes, changing, editing, states
from tests.billing.subscriptions.shop import JANUARY, day, flat, items, stage, usage


@pytest.fixture
def as_application(shop):
    """Act with the rights that the service has in production."""

    def become():
        connection.check_constraints()
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE meterbook_app")

    yield become
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def test_a_whole_life_needs_no_more_rights_than_the_service_has(shop, as_application):
    plan = shop.plan(stage("main", flat("10"), usage("0.01")))
    newer = shop.plan(stage("main", flat("12"), usage("0.02")))
    large = shop.simple("20", key="large")
    seats = shop.addon(plan, flat("5", key="seat"))
    customer = shop.customer()
    as_application()

    subscription = shop.subscribe(plan, customer=customer)
    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-02"))
    editing.edit(subscription=subscription, add=[flat("3", key="own")], at=day("01-03"))
    changing.migrate(subscription=subscription, version=newer, at=day("01-04"))
    states.pause(subscription=subscription, at=day("01-05"))
    states.resume(subscription=subscription, at=day("01-06"))
    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("01-07"))
    states.restore(subscription=subscription, at=day("01-08"))
    states.cancel(subscription=subscription, timing="next_billing_cycle", at=day("01-09"))
    states.unschedule_cancelation(subscription=subscription, at=day("01-10"))
    changing.change(subscription=subscription, plan=large, at=day("01-11"))
    changes.catch_up(subscription=subscription, at=day("01-12"))
    connection.check_constraints()

    assert items(subscription, at=day("01-12")) == ["base 20 01-11 →"]
    assert subscription.starts_at == JANUARY
