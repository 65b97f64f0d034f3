"""Moving on to a newer version of a plan, and trying that first."""

import pytest

from billing.subscriptions import changing, editing
from ledger.errors import InvalidInputError
from tests.billing.subscriptions.shop import day, flat, items, stage, usage


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


def test_only_a_newer_version_of_the_same_plan_can_be_migrated_to(shop, versions):
    old, new = versions
    large = shop.simple("20", key="large")
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
