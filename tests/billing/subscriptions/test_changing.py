"""Changing plans: now, at the next cycle, at an instant, and taking it back."""

import pytest

from billing.models import SubscriptionEvent
from billing.subscriptions import addons, changes, changing, editing, states
from billing.subscriptions.errors import (
    BegunError,
    FeatureTakenError,
    SameInstantError,
    SubscriptionStateError,
)
from ledger.errors import IdempotencyConflictError, InvalidInputError, PeriodClosedError
from ledger.models import Period
from tests import factories
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


def test_a_longer_cadence_sets_the_cycle_from_then_on(shop, small):
    yearly = shop.plan(stage("main", flat("100", cadence="P1Y")), key="yearly", cadence="P1Y")
    subscription = shop.subscribe(small)
    changing.change(subscription=subscription, plan=yearly, at=day("01-10"))

    desk = changes.read(subscription)
    assert desk.instant("next_billing_cycle", day("01-05")) == day("02-01")
    assert desk.instant("next_billing_cycle", day("01-11")) == JANUARY.replace(year=2025)


@pytest.fixture
def versions(shop):
    """Two versions of a plan with a trial."""
    old = shop.plan(
        stage("trial", flat("0"), duration="P14D"),
        stage("main", flat("10"), usage("0.01"), flat("5", key="extra")),
    )
    new = shop.plan(
        stage("trial", flat("0"), duration="P14D"),
        stage("main", flat("12"), usage("0.01"), usage("1", feature="calls")),
    )
    return old, new


def test_a_migration_goes_on_in_the_phase_it_is_in(shop, versions):
    old, new = versions
    subscription = shop.subscribe(old)

    changing.migrate(subscription=subscription, version=new, at=day("01-20"))

    assert items(subscription) == [
        "base 0 01-01 → 01-15",
        "base 10 01-15 → 01-20",
        "extra 5 01-15 → 01-20",
        "tokens 0.01 01-15 →",
        "base 12 01-20 →",
        "calls 1 01-20 →",
    ]


def test_a_migration_during_the_trial_ends_it_when_it_was_to_end(shop, versions):
    old, new = versions
    subscription = shop.subscribe(old)

    changing.migrate(subscription=subscription, version=new, at=day("01-10"))

    assert items(subscription) == [
        "base 0 01-01 → 01-15",
        "base 12 01-15 →",
        "calls 1 01-15 →",
        "tokens 0.01 01-15 →",
    ]


def test_a_migration_keeps_negotiated_terms_and_edits(shop, versions):
    old, new = versions
    special = [{"key": "base", "phase": "main", "price": {"type": "flat", "amount": "7"}}]
    subscription = shop.subscribe(old, overrides=special)
    editing.edit(subscription=subscription, add=[flat("3", key="support")], at=day("01-16"))

    changing.migrate(subscription=subscription, version=new, at=day("01-20"))

    assert items(subscription, at=day("01-21")) == [
        "base 7 01-15 →",
        "tokens 0.01 01-15 →",
        "support 3 01-16 →",
        "calls 1 01-20 →",
    ]


def test_a_dry_run_says_what_would_differ_and_changes_nothing(shop, versions):
    old, new = versions
    overrides = [{"key": "extra", "price": {"type": "flat", "amount": "4"}}]
    subscription = shop.subscribe(old, overrides=overrides)
    before = items(subscription)

    found = changing.try_migration(
        subscription=subscription, version=new, timing="next_billing_cycle", at=day("01-20")
    )

    assert found.effective_at == day("02-01")
    assert (found.before, found.after) == (old, new)
    assert found.dropped == ("extra",)
    shown = {
        each.key: (
            each.before and each.before["price"]["amount"],
            each.after and each.after["price"]["amount"],
        )
        for each in found.differences
    }
    assert shown == {"base": ("10", "12"), "calls": (None, "1"), "extra": ("4", None)}
    assert items(subscription) == before
    assert subscription.history.count() == 1


def test_only_a_newer_version_of_the_same_plan_can_be_migrated_to(shop, versions, large):
    old, new = versions
    subscription = shop.subscribe(new)

    for version in (old, new, large):
        with pytest.raises(InvalidInputError, match="newer than 2") as refused:
            changing.migrate(subscription=subscription, version=version, at=day("01-20"))
        assert refused.value.field == "plan"


def test_a_migration_is_made_once_under_its_key(shop, versions):
    old, new = versions
    subscription = shop.subscribe(old)

    for at in (day("01-20"), day("01-21")):
        changing.migrate(subscription=subscription, version=new, key="m", at=at)

    assert subscription.history.count() == 2


def test_a_setup_fee_is_not_due_again_after_a_migration(shop):
    setup = flat("50", key="setup", cadence="")
    old = shop.plan(stage("main", flat("10"), setup))
    new = shop.plan(stage("main", flat("12"), setup))
    subscription = shop.subscribe(old)

    changing.migrate(subscription=subscription, version=new, at=day("01-20"))

    assert items(subscription) == [
        "base 10 01-01 → 01-20",
        "setup 50 01-01 →",
        "base 12 01-20 →",
    ]


def test_an_addon_ends_with_a_plan_that_does_not_offer_it(shop, small, large):
    seats = shop.addon(small, flat("5", key="seat"))
    subscription = shop.subscribe(small)
    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-05"))

    changing.change(subscription=subscription, plan=large, at=day("01-05") + DAY)

    assert items(subscription)[1] == "seats/seat 5 ×2 01-05 → 01-06"
