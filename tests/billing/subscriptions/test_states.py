"""Pausing and resuming, ending, and unscheduling the end."""

import pytest

from billing.subscriptions import changing, states, statuses
from billing.subscriptions.errors import (
    FeatureTakenError,
    SameInstantError,
    SubscriptionStateError,
)
from billing.subscriptions.timeline import Status
from ledger.errors import PeriodClosedError
from ledger.models import Period
from tests.billing.subscriptions.shop import DAY, JANUARY, day, flat, items, stage, usage


@pytest.fixture
def subscription(shop):
    return shop.subscribe(shop.simple("10"))


def status(subscription, at):
    subscription.refresh_from_db()
    return statuses.statuses([subscription], lambda _: at)[subscription.pk]


@pytest.mark.parametrize(
    ("timing", "end"),
    [("immediate", "01-10"), ("next_billing_cycle", "02-01"), (day("01-20"), "01-20")],
)
def test_a_subscription_ends_when_it_is_to(subscription, timing, end):
    ended = states.cancel(subscription=subscription, timing=timing, at=day("01-10"))

    assert items(subscription) == [f"base 10 01-01 → {end}"]
    assert ended.ends_at == day(end)


def test_until_its_end_it_is_canceled_and_then_inactive(subscription):
    states.cancel(subscription=subscription, timing="next_billing_cycle", at=day("01-10"))

    assert status(subscription, day("01-31")) is Status.CANCELED
    assert status(subscription, day("02-01")) is Status.ENDED


def test_a_subscription_that_has_not_begun_can_be_called_off(shop):
    subscription = shop.subscribe(shop.simple("10"), starts_at=day("02-01"))

    with pytest.raises(SubscriptionStateError, match="cancel it at its start") as refused:
        states.cancel(subscription=subscription, at=day("01-10"))
    assert (refused.value.field, refused.value.facts["rule"]) == ("timing", "not_started")

    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-10"))
    assert items(subscription) == []
    assert status(subscription, day("02-01")) is Status.ENDED


def test_at_the_next_cycle_one_that_has_not_begun_ends_after_its_first(shop):
    subscription = shop.subscribe(shop.simple("10"), starts_at=day("02-01"))

    states.cancel(subscription=subscription, timing="next_billing_cycle", at=day("01-10"))

    assert items(subscription) == ["base 10 02-01 → 03-01"]


def test_what_has_an_end_cannot_be_canceled_again(subscription):
    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-10"))

    with pytest.raises(SubscriptionStateError, match="unschedule its cancelation first"):
        states.cancel(subscription=subscription, at=day("01-11"))
    with pytest.raises(SubscriptionStateError, match="it has ended"):
        states.cancel(subscription=subscription, at=day("02-02"))


def test_an_end_that_lies_ahead_can_be_unscheduled(subscription):
    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-10"))

    restored = states.unschedule_cancelation(subscription=subscription, at=day("01-31"))

    assert restored.ends_at is None
    assert items(subscription) == ["base 10 01-01 →"]
    assert status(subscription, day("02-01")) is Status.ACTIVE


def test_after_the_end_nothing_can_be_unscheduled(subscription):
    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-10"))

    with pytest.raises(SubscriptionStateError, match="lies ahead"):
        states.unschedule_cancelation(subscription=subscription, at=day("02-01"))


def test_without_an_end_there_is_nothing_to_unschedule(subscription):
    with pytest.raises(SubscriptionStateError) as refused:
        states.unschedule_cancelation(subscription=subscription, at=day("01-10"))

    assert refused.value.facts["rule"] == "not_canceled"


def test_restoring_takes_back_the_end_too(subscription):
    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-10"))

    assert states.restore(subscription=subscription, at=day("01-11")).ends_at is None


def test_a_feature_that_was_sold_elsewhere_meanwhile_keeps_it_from_going_on(shop):
    customer = shop.customer()
    first = shop.subscribe(shop.plan(stage("main", usage("1"))), customer=customer)
    states.cancel(subscription=first, timing=day("02-01"), at=day("01-10"))
    other = shop.plan(stage("main", usage("2")), key="other")
    shop.subscribe(other, customer=customer, starts_at=day("02-01"), key="next")

    with pytest.raises(FeatureTakenError, match="subscription next"):
        states.unschedule_cancelation(subscription=first, at=day("01-11"))


def test_while_paused_nothing_is_sold(subscription):
    states.pause(subscription=subscription, at=day("01-10"))
    states.resume(subscription=subscription, timing=day("01-20"), at=day("01-11"))

    assert items(subscription) == ["base 10 01-01 → 01-10", "base 10 01-20 →"]
    assert [status(subscription, day(at)) for at in ("01-09", "01-10", "01-20")] == [
        Status.ACTIVE,
        Status.PAUSED,
        Status.ACTIVE,
    ]


def test_a_pause_does_not_stop_the_clock_of_a_trial(shop):
    plan = shop.plan(stage("trial", flat("0"), duration="P14D"), stage("main", flat("10")))
    subscription = shop.subscribe(plan)

    states.pause(subscription=subscription, at=day("01-10"))
    states.resume(subscription=subscription, timing=day("01-20"), at=day("01-11"))

    assert items(subscription) == ["base 0 01-01 → 01-10", "base 10 01-20 →"]


def test_a_setup_fee_is_due_once_however_often_it_is_paused(shop):
    plan = shop.plan(stage("main", flat("50", key="setup", cadence="")))
    subscription = shop.subscribe(plan)

    states.pause(subscription=subscription, at=day("01-10"))
    states.resume(subscription=subscription, at=day("01-20"))

    assert items(subscription) == ["setup 50 01-01 → 01-10", "setup 50 ×0 01-20 →"]


def test_what_is_paused_can_be_changed_and_ended(shop, subscription):
    states.pause(subscription=subscription, at=day("01-10"))
    large = shop.simple("20", key="large")
    changing.change(subscription=subscription, plan=large, at=day("01-15"))
    states.resume(subscription=subscription, at=day("01-20"))
    states.pause(subscription=subscription, at=day("01-25"))
    states.cancel(subscription=subscription, at=day("01-28"))

    assert items(subscription) == ["base 10 01-01 → 01-10", "base 20 01-20 → 01-25"]


@pytest.mark.parametrize(
    ("operation", "rule", "before"),
    [
        (states.resume, "not_paused", []),
        (states.pause, "paused", [states.pause]),
        (states.pause, "ended", [states.cancel]),
        (states.resume, "not_paused", [states.pause, states.resume]),
    ],
)
def test_what_does_not_follow_is_refused(subscription, operation, rule, before):
    for days, earlier in enumerate(before, start=9):
        earlier(subscription=subscription, at=JANUARY + days * DAY)

    with pytest.raises(SubscriptionStateError) as refused:
        operation(subscription=subscription, at=day("01-20"))

    assert (refused.value.field, refused.value.facts["rule"]) == ("timing", rule)


def test_a_pause_at_the_instant_of_another_is_refused(subscription):
    states.pause(subscription=subscription, timing=day("01-20"), at=day("01-10"))

    with pytest.raises(SameInstantError):
        states.resume(subscription=subscription, timing=day("01-20"), at=day("01-10"))


def test_a_pause_that_lies_ahead_is_taken_back_with_its_resumption(subscription):
    states.pause(subscription=subscription, timing=day("02-01"), at=day("01-10"))
    states.resume(subscription=subscription, timing=day("02-10"), at=day("01-10"))

    states.restore(subscription=subscription, at=day("01-11"))

    assert items(subscription) == ["base 10 01-01 →"]


def test_the_resumption_of_what_is_paused_is_not_taken_back(subscription):
    states.pause(subscription=subscription, at=day("01-10"))
    states.resume(subscription=subscription, timing=day("01-20"), at=day("01-10"))
    states.cancel(subscription=subscription, timing=day("03-01"), at=day("01-10"))

    states.restore(subscription=subscription, at=day("01-11"))

    assert items(subscription) == ["base 10 01-01 → 01-10", "base 10 01-20 →"]


def test_ending_and_pausing_in_a_closed_period_are_refused(shop, subscription):
    Period.objects.create(
        book=shop.book, starts_at=JANUARY, ends_at=day("02-01"), state=Period.State.CLOSING
    )

    for operation in (states.pause, states.cancel):
        with pytest.raises(PeriodClosedError, match="2024-02-01"):
            operation(subscription=subscription, timing=day("01-20"), at=day("02-05"))


@pytest.mark.parametrize("operation", [states.pause, states.cancel])
def test_the_same_key_does_it_once(subscription, operation):
    for at in (day("01-10"), day("01-11")):
        operation(subscription=subscription, key="k", at=at)

    assert subscription.history.count() == 2
    assert items(subscription) == ["base 10 01-01 → 01-10"]
