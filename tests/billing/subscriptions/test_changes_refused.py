"""Changes of plans that cannot be made: each names its field, and leaves nothing behind."""

import pytest

from billing.models import SubscriptionEvent
from billing.subscriptions import changing, editing, states
from billing.subscriptions.errors import (
    BegunError,
    FeatureTakenError,
    SameInstantError,
    SubscriptionStateError,
)
from ledger.errors import InvalidInputError, PeriodClosedError
from ledger.models import Period
from tests import factories
from tests.billing.subscriptions.shop import JANUARY, day, flat, items, stage, usage


@pytest.fixture
def small(shop):
    return shop.simple("10", key="small")


@pytest.fixture
def large(shop):
    return shop.simple("20", key="large")


def test_two_changes_at_one_instant_are_refused(shop, small, large):
    middle = shop.simple("15", key="middle")
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("01-05"))

    for operation in (
        lambda: changing.change(
            subscription=subscription, plan=middle, timing="next_billing_cycle", at=day("01-06")
        ),
        lambda: states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-06")),
        lambda: editing.edit(
            subscription=subscription,
            remove=[{"key": "base"}],
            timing=day("02-01"),
            at=day("01-06"),
        ),
    ):
        with pytest.raises(SameInstantError, match="withdraw change 2") as refused:
            operation()
        assert refused.value.field == "timing"
        assert refused.value.value == day("02-01").isoformat()

    assert items(subscription) == ["base 10 01-01 → 02-01", "base 20 02-01 →"]


def test_a_change_at_the_very_start_is_refused(shop, small, large):
    subscription = shop.subscribe(small)

    with pytest.raises(SameInstantError):
        changing.change(subscription=subscription, plan=large, at=JANUARY)


def test_a_change_before_the_start_is_refused(shop, small, large):
    subscription = shop.subscribe(small, starts_at=day("02-01"))

    with pytest.raises(SubscriptionStateError, match="after the start") as refused:
        changing.change(subscription=subscription, plan=large, at=day("01-10"))

    assert refused.value.facts["rule"] == "not_started"


def test_a_change_in_a_closed_period_is_refused(shop, small, large):
    subscription = shop.subscribe(small)
    Period.objects.create(
        book=shop.book, starts_at=JANUARY, ends_at=day("02-01"), state=Period.State.CLOSED
    )

    with pytest.raises(PeriodClosedError) as refused:
        changing.change(subscription=subscription, plan=large, timing=day("01-31"), at=day("02-03"))

    assert refused.value.facts["field"] == "timing"
    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("02-03"))
    assert items(subscription)[-1] == "base 20 02-01 →"


def test_a_change_in_the_past_that_would_undo_a_phase_is_refused(shop, large):
    phased = shop.plan(stage("trial", flat("0"), duration="P14D"), stage("main", flat("10")))
    subscription = shop.subscribe(phased)

    with pytest.raises(BegunError, match="base began") as refused:
        changing.change(subscription=subscription, plan=large, timing=day("01-10"), at=day("01-20"))

    assert refused.value.field == "timing"
    changing.change(subscription=subscription, plan=large, timing=day("01-16"), at=day("01-20"))
    assert items(subscription) == [
        "base 0 01-01 → 01-15",
        "base 10 01-15 → 01-16",
        "base 20 01-16 →",
    ]


def test_another_currency_is_refused(shop, small):
    euros = factories.asset(code="EUR")
    subscription = shop.subscribe(small)

    with pytest.raises(InvalidInputError, match="in USD, this in EUR") as refused:
        changing.change(
            subscription=subscription, plan=shop.simple("9", key="eu", asset=euros), at=day("01-05")
        )

    assert refused.value.field == "plan"


def test_a_draft_cannot_be_changed_to(shop, small):
    subscription = shop.subscribe(small)
    draft = shop.simple("20", key="draft", is_published=False)

    with pytest.raises(InvalidInputError, match="publish it first"):
        changing.change(subscription=subscription, plan=draft, at=day("01-05"))


def test_a_feature_of_another_subscription_cannot_be_changed_to(shop, small):
    customer = shop.customer()
    usage_plan = shop.plan(stage("main", usage("1")), key="usage")
    shop.subscribe(usage_plan, customer=customer, key="first")
    second = shop.subscribe(small, customer=customer)

    with pytest.raises(FeatureTakenError, match="first"):
        changing.change(subscription=second, plan=usage_plan, timing=day("03-01"), at=day("01-05"))


def test_a_refused_change_leaves_nothing(shop, small, large):
    subscription = shop.subscribe(small)
    before = items(subscription), SubscriptionEvent.objects.count()

    with pytest.raises(InvalidInputError):
        changing.change(
            subscription=subscription,
            plan=large,
            overrides=[{"key": "base", "price": {"type": "flat", "amount": "ten"}}],
            at=day("01-10"),
        )

    assert (items(subscription), SubscriptionEvent.objects.count()) == before
