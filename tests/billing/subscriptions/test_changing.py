"""Changing plans: now, at the next cycle, at an instant, and taking it back."""

import pytest

from billing.subscriptions import addons, changes, changing, editing, states
from billing.subscriptions.errors import (
    SubscriptionStateError,
)
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.billing.subscriptions.shop import DAY, JANUARY, day, flat, items, stage, usage


@pytest.fixture
def small(shop):
    return shop.simple("10", key="small")


@pytest.fixture
def large(shop):
    return shop.simple("20", key="large")


@pytest.mark.parametrize(
    ("timing", "when"),
    [("immediate", "01-10"), ("next_billing_cycle", "02-01"), (day("01-20"), "01-20")],
)
def test_a_change_takes_effect_when_it_is_to(shop, small, large, timing, when):
    subscription = shop.subscribe(small)

    changing.change(subscription=subscription, plan=large, timing=timing, at=day("01-10"))

    assert items(subscription) == [f"base 10 01-01 → {when}", f"base 20 {when} →"]


def test_up_and_down_are_alike(shop, small, large):
    subscription = shop.subscribe(large)

    changing.change(subscription=subscription, plan=small, at=day("01-10"))
    changing.change(subscription=subscription, plan=large, at=day("01-20"))

    assert items(subscription) == [
        "base 20 01-01 → 01-10",
        "base 10 01-10 → 01-20",
        "base 20 01-20 →",
    ]


def test_the_next_cycle_follows_the_anchor(shop, small, large):
    subscription = shop.subscribe(small, starts_at=day("01-31"))

    changing.change(
        subscription=subscription, plan=large, timing="next_billing_cycle", at=day("02-10")
    )

    assert items(subscription) == ["base 10 01-31 → 02-29", "base 20 02-29 →"]


def test_the_row_names_the_plan_in_force(shop, small, large):
    subscription = shop.subscribe(small)

    later = changing.change(
        subscription=subscription, plan=large, timing=day("02-01"), at=day("01-10")
    )
    assert later.plan_version == small

    assert changes.catch_up(subscription=subscription, at=day("02-01")).plan_version == large


def test_what_is_the_same_in_both_plans_goes_on_unbroken(shop):
    small = shop.plan(stage("main", flat("10"), usage("0.01")), key="small")
    large = shop.plan(stage("main", flat("20"), usage("0.01")), key="large")
    subscription = shop.subscribe(small)
    tokens = subscription.items.get(key="tokens")

    changing.change(subscription=subscription, plan=large, at=day("01-10"))

    assert subscription.items.get(key="tokens") == tokens
    assert items(subscription) == [
        "base 10 01-01 → 01-10",
        "tokens 0.01 01-01 →",
        "base 20 01-10 →",
    ]


def test_a_change_can_negotiate_terms_and_skip_the_trial(shop, small):
    trial = shop.plan(stage("trial", flat("0"), duration="P1M"), stage("main", flat("20")), key="t")
    subscription = shop.subscribe(small)

    changing.change(
        subscription=subscription,
        plan=trial,
        starting_phase="main",
        overrides=[{"key": "base", "price": {"type": "flat", "amount": "18"}}],
        at=day("01-10"),
    )

    assert items(subscription)[-1] == "base 18 01-10 →"


def test_edits_end_with_the_plan(shop, small, large):
    subscription = shop.subscribe(small)
    editing.edit(subscription=subscription, add=[flat("3", key="support")], at=day("01-05"))

    changing.change(subscription=subscription, plan=large, at=day("01-10"))

    assert items(subscription) == [
        "base 10 01-01 → 01-10",
        "support 3 01-05 → 01-10",
        "base 20 01-10 →",
    ]


def test_a_change_due_later_can_be_overtaken_by_an_earlier_one(shop, small, large):
    middle = shop.simple("15", key="middle")
    subscription = shop.subscribe(small)

    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("01-05"))
    changing.change(subscription=subscription, plan=middle, at=day("01-10"))

    assert items(subscription) == [
        "base 10 01-01 → 01-10",
        "base 15 01-10 → 02-01",
        "base 20 02-01 →",
    ]


def test_a_scheduled_change_can_be_undone(shop, small, large):
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("01-05"))

    states.restore(subscription=subscription, at=day("01-06"), cause="staff:ada")

    assert items(subscription) == ["base 10 01-01 →"]
    assert list(subscription.history.values_list("kind", flat=True)) == [
        "created",
        "changed",
        "restored",
    ]
    assert subscription.history.get(sequence=3).content["withdraws"] == [2]


def test_of_several_changes_ahead_one_can_be_undone(shop, small, large):
    middle = shop.simple("15", key="middle")
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=middle, timing=day("02-01"), at=day("01-05"))
    changing.change(subscription=subscription, plan=large, timing=day("03-01"), at=day("01-05"))

    states.restore(subscription=subscription, changes=[2], at=day("01-06"))

    assert items(subscription) == ["base 10 01-01 → 03-01", "base 20 03-01 →"]


def test_what_has_taken_effect_cannot_be_undone(shop, small, large):
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=large, timing=day("02-01"), at=day("01-05"))

    with pytest.raises(SubscriptionStateError, match="no change lies ahead"):
        states.restore(subscription=subscription, at=day("02-01"))
    with pytest.raises(InvalidInputError, match="changes that lie ahead") as refused:
        states.restore(subscription=subscription, changes=[2], at=day("02-01"))

    assert (refused.value.field, refused.value.value) == ("changes", 2)


def test_the_same_key_changes_once(shop, small, large):
    subscription = shop.subscribe(small)

    for at in (day("01-10"), day("01-11")):
        changing.change(subscription=subscription, plan=large, key="k", at=at)

    assert items(subscription) == ["base 10 01-01 → 01-10", "base 20 01-10 →"]
    with pytest.raises(IdempotencyConflictError):
        changing.change(subscription=subscription, plan=small, key="k", at=day("01-12"))
    with pytest.raises(IdempotencyConflictError):
        states.cancel(subscription=subscription, key="k", at=day("01-12"))
    with pytest.raises(IdempotencyConflictError):
        states.cancel(subscription=shop.subscribe(small), key="k", at=day("01-12"))


def test_a_longer_cadence_sets_the_cycle_from_then_on(shop, small):
    yearly = shop.plan(stage("main", flat("100", cadence="P1Y")), key="yearly", cadence="P1Y")
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=yearly, at=day("01-10"))

    desk = changes.read(subscription)
    assert desk.instant("next_billing_cycle", day("01-05")) == day("02-01")
    assert desk.instant("next_billing_cycle", day("01-11")) == JANUARY.replace(year=2025)


def test_an_addon_ends_with_a_plan_that_does_not_offer_it(shop, small, large):
    seats = shop.addon(small, flat("5", key="seat"))
    subscription = shop.subscribe(small)
    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-05"))

    changing.change(subscription=subscription, plan=large, at=day("01-05") + DAY)

    assert items(subscription)[1] == "seats/seat 5 ×2 01-05 → 01-06"
