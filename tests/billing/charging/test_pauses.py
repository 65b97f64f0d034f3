"""A pause within a cycle: what the policy leaves whole is paid once for that cycle."""

import pytest

from billing import due
from billing.models import Charge
from billing.subscriptions import states
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event
from tests.billing.subscriptions.shop import day, new_shop

pytestmark = pytest.mark.django_db


def paused_twice(policy, term, **more):
    book = agreed(proration=policy)
    spans = [("", "2024-01-10"), ("2024-01-15", "2024-01-20"), ("2024-01-25", None)]
    for since, until in spans:
        book.fee(31, term=term, since=since, until=until, **more)
    return book


@pytest.mark.parametrize("term", ["in_advance", "in_arrears"])
@pytest.mark.parametrize("policy", ["none", "on_start_and_end"])
def test_a_fee_left_whole_is_charged_once_a_cycle(policy, term):
    book = paused_twice(policy, term)
    book.run("2024-02-29")

    assert book.charges == ([31, 31] if term == "in_advance" else [31])
    book.run("2024-03-01")
    assert book.holds("subscription_revenue") == 62


def test_a_fee_cut_by_shares_pays_for_what_was_sold():
    book = paused_twice("always", "in_advance")
    book.run("2024-01-31")

    assert book.charges == [9, 5, 7]


def test_another_fee_after_the_pause_is_charged():
    book = agreed(proration="none")
    book.fee(10, until="2024-01-10")
    book.fee(20, since="2024-01-15")
    book.run("2024-01-31")

    assert book.charges == [10, 20]


def test_a_pause_over_the_end_of_a_cycle_leaves_the_next_one_to_be_paid():
    book = agreed(proration="none")
    book.fee(10, until="2024-01-10")
    book.fee(10, since="2024-02-15")
    book.run("2024-02-20")

    assert book.charges == [10, 10]


def test_a_minimum_left_whole_is_owed_once_a_cycle():
    book = agreed(proration="none")
    meter = book.scene.meter("sum", price=None)
    price, least = {"type": "unit", "amount": "1"}, {"minimum_amount": "50"}
    book.usage(meter, price, until="2024-01-10", commitments=least)
    book.usage(meter, price, since="2024-01-15", until="2024-02-01", commitments=least)
    book.scene.send(event(20, at=on("2024-01-05")), at=on("2024-01-05"))
    book.run("2024-02-01")

    assert book.charged("minimum") == [30]


def test_a_subscription_paused_and_resumed_pays_its_month_once():
    shop = new_shop()
    subscription = shop.subscribe(shop.simple("10"), proration="none")
    states.pause(subscription=subscription, at=day("01-10"))
    states.resume(subscription=subscription, at=day("01-20"))
    due.run(customer=subscription.customer, until=day("01-31"))

    assert [charge.posted for charge in Charge.objects.all()] == [10]
