"""Entitlements as subscriptions' items say: they come, change and end with them."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import TestCase

from billing import catalogue, due
from billing.entitlements import giving, rights, sale
from billing.entitlements.check import Answer, Ask, check
from billing.entitlements.giving import EntitlementOfItemError
from billing.metering import ingest, snapshot
from billing.models import Entitlement
from billing.subscriptions import operations
from ledger import chart
from ledger.models import Customer
from tests.billing.scene import event, read
from tests.billing.subscriptions.shop import Shop, day, flat, new_shop, stage, usage
from wallets.models import CreditGrant

pytestmark = pytest.mark.django_db
LIMITED = {"type": "metered", "limit": "100"}


@pytest.fixture
def shop(db: None) -> Shop:
    for known in (snapshot, chart, rights, sale):
        known.forget()
    return new_shop()


def ask(shop: Shop, customer: Customer, quantity: int = 1, *, at: str, **more: Any) -> Answer:
    ask = Ask(
        customer_key=customer.key,
        feature_key=more.get("feature", "tokens"),
        quantity=Decimal(quantity),
    )
    [answer] = check(book_id=shop.book.pk, asks=[ask], at=day(at))
    return answer


def left(answer: Answer) -> Decimal:
    return next(one.amount for one in answer.remaining if one.kind == "entitlement")


def test_a_plan_gives_what_its_rate_cards_say(shop: Shop) -> None:
    plan = shop.plan(stage("main", usage("1", entitlement=LIMITED)))
    customer = shop.customer()

    with TestCase.captureOnCommitCallbacks(execute=True):
        operations.create(customer=customer, plan=plan, at=day("01-01"))

    assert ask(shop, customer, 100, at="01-10").is_allowed
    denied = ask(shop, customer, 101, at="01-10")
    assert (denied.reason, denied.retry_at) == ("usage_limit_reached", day("02-01"))
    assert ask(shop, customer, 100, at="02-10").is_allowed


def test_who_has_not_bought_it_has_no_right_to_it(shop: Shop) -> None:
    plan = shop.plan(stage("main", usage("1", entitlement={"type": "boolean"})))
    shop.plan(stage("main", usage("1")), key="free-for-all")
    shop.subscribe(plan)

    assert ask(shop, shop.customer(), at="01-10").reason == "feature_unavailable"


def test_who_buys_it_without_a_limit_has_none(shop: Shop) -> None:
    shop.plan(stage("main", usage("1", entitlement=LIMITED)))
    open_plan = shop.plan(stage("main", usage("1")), key="enterprise")
    customer = shop.customer()
    shop.subscribe(open_plan, customer=customer)

    assert ask(shop, customer, 10**6, at="01-10").is_allowed


def test_an_allowance_is_there_before_any_job_has_run(shop: Shop) -> None:
    plan = shop.plan(stage("main", usage("1", entitlement=LIMITED)))
    customer = shop.customer()
    shop.subscribe(plan, customer=customer)
    assert Entitlement.objects.get().wallet is None

    answer = ask(shop, customer, 100, at="01-10")
    assert (answer.is_allowed, left(answer)) == (True, 100)


def use(shop: Shop, customer: Customer, quantity: int, *, at: str) -> None:
    """Take usage of tokens in."""
    catalogue.map_subject(book=shop.book, key=customer.key, customer=customer, at=day("01-01"))
    sent = read(event(quantity, type="tokens", subject=customer.key, at=day(at)))
    assert ingest.ingest(book=shop.book, sent=sent, received_at=day(at)).accepted == 1


@pytest.mark.parametrize(("preserves", "expected"), [(True, 70), (False, 100)])
def test_a_plan_says_whether_overage_is_taken_off_the_next_period(
    shop: Shop, preserves: bool, expected: int
) -> None:
    limited = {**LIMITED, "is_soft_limit": True, "preserves_overage": preserves}
    plan = shop.plan(stage("main", usage("1", entitlement=limited)))
    customer = shop.customer()
    shop.subscribe(plan, customer=customer)
    due.run(customer=customer, until=day("01-01"))

    use(shop, customer, 130, at="01-10")
    due.run(customer=customer, until=day("02-01"))

    assert left(ask(shop, customer, at="02-10")) == expected


def test_a_change_of_plan_is_a_change_of_rights(shop: Shop) -> None:
    small = shop.plan(stage("main", usage("1", entitlement=LIMITED)), key="small")
    more = {"type": "metered", "limit": "1000"}
    large = shop.plan(stage("main", usage("1", entitlement=more)), key="large")
    customer = shop.customer()
    subscription = shop.subscribe(small, customer=customer)
    due.run(customer=customer, until=day("01-01"))

    with TestCase.captureOnCommitCallbacks(execute=True):
        operations.change(subscription=subscription, plan=large, at=day("01-10"))

    assert left(ask(shop, customer, at="01-10")) == 1000
    old, new = Entitlement.objects.order_by("starts_at")
    assert (old.ends_at, new.starts_at) == (day("01-10"), day("01-10"))
    assert CreditGrant.objects.get(wallet=old.wallet).voided_at == day("01-10")


def test_what_is_cancelled_is_over_at_its_end(shop: Shop) -> None:
    plan = shop.plan(stage("main", flat("5"), usage("1", entitlement=LIMITED)))
    customer = shop.customer()
    subscription = shop.subscribe(plan, customer=customer)
    due.run(customer=customer, until=day("01-01"))

    operations.cancel(subscription=subscription, timing=day("01-20"), at=day("01-10"))
    assert ask(shop, customer, at="01-19").is_allowed
    assert ask(shop, customer, at="01-20").reason == "feature_unavailable"

    due.sweep(at=day("01-20"))
    assert CreditGrant.objects.get().voided_at == day("01-20")


def test_a_subscriptions_right_is_not_ended_by_hand(shop: Shop) -> None:
    shop.subscribe(shop.plan(stage("main", usage("1", entitlement=LIMITED))))

    with pytest.raises(EntitlementOfItemError):
        giving.end(entitlement=Entitlement.objects.get(), at=day("01-10"))
