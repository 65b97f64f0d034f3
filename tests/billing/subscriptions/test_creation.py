"""Subscribing: now, later, in the past, with phases and negotiated terms."""

from datetime import timedelta

import pytest

from billing.models import Plan, Rate, Subscription, SubscriptionEvent, SubscriptionItem
from billing.plans.errors import InvalidDraftError, UnpublishableError
from billing.subscriptions import changes, statuses
from billing.subscriptions.errors import FeatureTakenError
from billing.subscriptions.timeline import Status
from ledger.errors import IdempotencyConflictError, InvalidInputError, PeriodClosedError
from ledger.models import Period
from tests import factories
from tests.billing.subscriptions.shop import (
    DAY,
    JANUARY,
    day,
    flat,
    items,
    new_shop,
    stage,
    usage,
)


def test_a_subscription_sells_what_the_plan_says_from_now_on(shop):
    plan = shop.plan(stage("main", flat("10"), usage("0.01")))

    subscription = shop.subscribe(plan)

    assert items(subscription) == ["base 10 01-01 →", "tokens 0.01 01-01 →"]
    assert subscription.starts_at == subscription.billing_anchor == JANUARY
    assert subscription.due_at == JANUARY
    assert subscription.time_zone == shop.book.time_zone
    assert (subscription.settlement_mode, subscription.proration) == (
        "credit_then_invoice",
        "always",
    )


def test_usage_has_a_rate_of_its_own_and_fees_have_none(shop):
    plan = shop.plan(stage("main", flat("10"), usage("0.01", discounts={"percentage": 10})))

    subscription = shop.subscribe(plan)

    fee, tokens = SubscriptionItem.objects.filter(subscription=subscription).order_by("key")
    assert (fee.rate, fee.meter) == (None, None)
    assert tokens.rate.rate_card is None
    assert tokens.rate.model == Rate.Model.TERMS
    assert tokens.rate.terms == tokens.terms
    assert tokens.rate.terms["discounts"] == {"percentage": 10}
    assert (tokens.rate.asset, tokens.rate.meter) == (shop.dollars, tokens.meter)
    assert tokens.rate.effective_from == JANUARY


def test_a_trial_is_a_phase_and_what_follows_it_is_known_ahead(shop):
    plan = shop.plan(
        stage("trial", usage("0"), duration="P14D"),
        stage("main", flat("10"), usage("0.01")),
    )

    subscription = shop.subscribe(plan)

    assert items(subscription) == [
        "tokens 0 01-01 → 01-15",
        "base 10 01-15 →",
        "tokens 0.01 01-15 →",
    ]
    assert list(subscription.items.values_list("phase_key", flat=True)) == ["trial", "main", "main"]


def test_a_trial_may_be_skipped(shop):
    plan = shop.plan(stage("trial", flat("0"), duration="P14D"), stage("main", flat("10")))

    assert items(shop.subscribe(plan, starting_phase="main")) == ["base 10 01-01 →"]


def test_phases_are_counted_by_the_clocks_of_the_zone(shop):
    plan = shop.plan(stage("trial", flat("0"), duration="P1M"), stage("main", flat("10")))

    subscription = shop.subscribe(plan, time_zone="America/New_York", starts_at=day("02-20T05:00"))

    # Clocks went forward on 10 March: midnight there is an hour earlier here.
    assert items(subscription) == ["base 0 02-20T05:00 → 03-20T04:00", "base 10 03-20T04:00 →"]


@pytest.mark.parametrize("starts_at", ["01-15", "03-01"])
def test_a_subscription_may_start_in_the_past_or_later(shop, starts_at):
    subscription = shop.subscribe(shop.simple("10"), at=day("02-01"), starts_at=day(starts_at))

    assert items(subscription) == [f"base 10 {starts_at} →"]
    status = statuses.statuses([subscription], lambda _: day("02-01"))[subscription.pk]
    assert status is (Status.ACTIVE if starts_at == "01-15" else Status.SCHEDULED)
    assert subscription.due_at == day(starts_at)


def test_cycles_may_have_an_anchor_elsewhere(shop):
    subscription = shop.subscribe(shop.simple("10"), at=day("01-21"), billing_anchor=day("01-01"))

    desk = changes.read(subscription)
    assert desk.instant("next_billing_cycle", day("01-25")) == day("02-01")


def test_negotiated_terms_replace_what_the_plan_says(shop):
    plan = shop.plan(stage("trial", flat("0"), duration="P14D"), stage("main", flat("10")))
    negotiated = [
        {
            "key": "base",
            "phase": "main",
            "price": {"type": "flat", "amount": "8"},
            "discounts": {"percentage": 5},
        }
    ]

    subscription = shop.subscribe(plan, overrides=negotiated)

    trial, main = subscription.items.order_by("starts_at")
    assert (trial.origin, main.origin) == ("plan", "override")
    assert items(subscription) == ["base 0 01-01 → 01-15", "base 8 01-15 →"]
    assert main.terms["discounts"] == {"percentage": 5}


def test_the_history_says_who_and_why(shop):
    subscription = shop.subscribe(shop.simple("10"), cause="key:sales", reason="signed the order")

    event = subscription.history.get()
    assert (event.sequence, event.kind) == (1, "created")
    assert (event.cause, event.reason) == ("key:sales", "signed the order")
    assert event.effective_at == event.recorded_at == JANUARY


def test_the_same_key_creates_once(shop):
    plan, customer = shop.simple("10"), shop.customer()

    first = shop.subscribe(plan, customer=customer, key="order-7")
    again = shop.subscribe(plan, customer=customer, key="order-7", at=JANUARY + DAY)

    assert again == first
    assert Subscription.objects.count() == SubscriptionEvent.objects.count() == 1


def test_the_same_key_for_another_plan_is_refused(shop):
    customer = shop.customer()
    shop.subscribe(shop.simple("10"), customer=customer, key="order-7")

    with pytest.raises(IdempotencyConflictError, match="order-7"):
        shop.subscribe(shop.simple("20", key="max"), customer=customer, key="order-7")


def test_a_customer_may_have_several_subscriptions(shop):
    customer = shop.customer()

    first = shop.subscribe(shop.plan(stage("main", usage("1"))), customer=customer)
    second = shop.subscribe(
        shop.plan(stage("main", usage("2", feature="calls")), key="calls"), customer=customer
    )

    assert items(first) == ["tokens 1 01-01 →"]
    assert items(second) == ["calls 2 01-01 →"]


def test_a_feature_is_sold_by_one_subscription_at_a_time(shop):
    customer = shop.customer()
    shop.subscribe(shop.plan(stage("main", usage("1"))), customer=customer, key="first")
    other = shop.plan(stage("main", usage("2")), key="other")

    with pytest.raises(FeatureTakenError, match="subscription first") as refused:
        shop.subscribe(other, customer=customer, at=day("02-01"))

    assert (refused.value.field, refused.value.value) == ("items.tokens.feature", "tokens")
    assert shop.subscribe(other, at=day("02-01")).customer != customer


def test_one_subscription_prices_a_feature_once_but_may_charge_fees_for_it(shop):
    fee = flat("5", key="tokens-fee", feature="tokens")
    shop.subscribe(shop.plan(stage("main", usage("1"), fee)))

    twice = shop.plan(stage("main", usage("1"), usage("2", key="tokens-2")), key="twice")
    with pytest.raises(FeatureTakenError) as refused:
        shop.subscribe(twice)

    assert refused.value.field == "items.tokens-2.feature"


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ([{"key": "seats", "price": {"type": "free"}}], "overrides.0.key"),
        ([{"key": "base", "phase": "later", "discounts": None}], "overrides.0.phase"),
        ([{"key": "base"}], "overrides.0"),
        ([{"key": "base", "colour": "red"}], "overrides.0.colour"),
        ([{"key": "base", "billing_cadence": "P2W"}], "overrides.0.billing_cadence"),
        ([{"key": "base", "payment_term": "never"}], "overrides.0.payment_term"),
        ([{"key": "base", "price": "free"}], "overrides.0.price"),
        (
            [{"key": "base", "price": {"type": "flat", "amount": "-1"}}],
            "items.base.price.amount",
        ),
    ],
)
def test_terms_that_cannot_be_are_refused(shop, overrides, field):
    with pytest.raises(InvalidInputError) as refused:
        shop.subscribe(shop.simple("10"), overrides=overrides)

    assert refused.value.field == field
    assert refused.value.remedy
    assert not Subscription.objects.exists()


def test_an_unknown_phase_or_zone_or_policy_is_refused(shop):
    plan = shop.simple("10")

    for field, value in [
        ("starting_phase", "later"),
        ("time_zone", "Mars/Olympus"),
        ("proration", "sometimes"),
        ("settlement_mode", "barter"),
    ]:
        with pytest.raises(InvalidInputError) as refused:
            shop.subscribe(plan, **{field: value})
        assert refused.value.field == field


def test_a_draft_cannot_be_subscribed_to(shop):
    with pytest.raises(InvalidInputError, match="publish it first") as refused:
        shop.subscribe(shop.simple("10", is_published=False))

    assert refused.value.field == "plan"


def test_what_is_on_offer_later_can_be_started_then(shop):
    plan = shop.simple("10", is_published=False)
    shop.publish(plan, day("02-01"))

    with pytest.raises(InvalidInputError, match="start then"):
        shop.subscribe(plan)
    assert items(shop.subscribe(plan, starts_at=day("02-01"))) == ["base 10 02-01 →"]


def test_an_archived_plan_is_refused(shop):
    plan = shop.simple("10")
    plan.effective_to = JANUARY
    plan.save(update_fields=["effective_to"])

    with pytest.raises(InvalidInputError, match="archived"):
        shop.subscribe(plan)


def test_another_book_s_plan_is_refused(shop):
    elsewhere = new_shop().simple("10")

    with pytest.raises(InvalidInputError, match="customer's book") as refused:
        shop.subscribe(elsewhere)

    assert refused.value.field == "plan"


def test_a_start_in_a_closed_period_is_refused(shop):
    Period.objects.create(
        book=shop.book, starts_at=JANUARY, ends_at=day("02-01"), state=Period.State.CLOSED
    )

    with pytest.raises(PeriodClosedError) as refused:
        shop.subscribe(shop.simple("10"), at=day("02-10"), starts_at=day("01-31"))

    assert refused.value.facts["field"] == "timing"
    assert "2024-02-01" in str(refused.value.facts["remedy"])
    assert shop.subscribe(shop.simple("10", key="b"), at=day("02-10"), starts_at=day("02-01"))


def test_usage_without_a_meter_cannot_be_priced(shop):
    card = {**usage("1"), "feature": None}

    with pytest.raises(InvalidInputError, match="meter") as refused:
        shop.subscribe(shop.plan(stage("main", card)))

    assert "price.type" in refused.value.field


def test_a_free_card_with_a_meter_prices_its_usage_at_nothing(shop):
    plan = shop.plan(stage("main", {**usage("1"), "price": {"type": "free"}}))

    item = shop.subscribe(plan).items.get()

    assert item.rate.terms["price"] == {"type": "free"}


def test_an_allowance_belongs_to_the_item_and_can_be_negotiated(shop):
    allowance = {"type": "metered", "limit": "1000"}
    plan = shop.plan(stage("main", usage("1", entitlement=allowance)))
    more = {"type": "metered", "limit": "5000"}

    assert shop.subscribe(plan).items.get().entitlement == allowance
    negotiated = shop.subscribe(plan, overrides=[{"key": "tokens", "entitlement": more}])
    assert negotiated.items.get().entitlement == more
    assert negotiated.items.get().terms == shop.subscribe(plan).items.get().terms


def test_an_allowance_that_cannot_be_is_refused(shop):
    plan = shop.plan(stage("main", usage("1")))

    with pytest.raises(InvalidInputError) as refused:
        shop.subscribe(
            plan, overrides=[{"key": "tokens", "entitlement": {"type": "metered", "limit": "-1"}}]
        )

    assert refused.value.field == "items.tokens.entitlement.limit"


def test_the_asset_is_the_plan_s(shop):
    credit = factories.asset(code="CREDITS", kind="credit", scale=2)

    assert shop.subscribe(shop.simple("10", asset=credit)).asset == credit


def test_an_anchor_may_lie_before_the_start(shop):
    subscription = shop.subscribe(
        shop.simple("20"),
        at=day("01-21T21:55"),
        billing_anchor=JANUARY - timedelta(days=31),
    )

    assert subscription.billing_anchor < subscription.starts_at


CUSTOM = {
    "currency": "USD",
    "billing_cadence": "P1M",
    "phases": [
        {
            "key": "main",
            "name": "Main",
            "rate_cards": [
                {
                    "key": "base",
                    "name": "Base",
                    "price": {"type": "flat", "amount": "99.50"},
                    "billing_cadence": "P1M",
                    "payment_term": "in_advance",
                }
            ],
        }
    ],
}


def test_a_customer_may_have_a_plan_of_its_own(shop):
    customer = shop.customer()

    subscription = shop.subscribe(CUSTOM, customer=customer, key="deal")
    again = shop.subscribe(CUSTOM, customer=customer, key="deal", at=JANUARY + DAY)

    assert again == subscription
    assert items(subscription) == ["base 99.50 01-01 →"]
    assert subscription.plan_version.plan.customer == customer
    assert Plan.objects.count() == 1


def test_another_customer_s_own_plan_is_refused(shop):
    own = shop.subscribe(CUSTOM, starts_at=JANUARY - DAY).plan_version

    with pytest.raises(InvalidInputError, match="another customer's"):
        shop.subscribe(own)


def test_a_plan_of_its_own_is_checked_like_any_other(shop):
    phase = CUSTOM["phases"][0]
    odd = {**phase["rate_cards"][0], "billing_cadence": "P10D"}

    with pytest.raises(UnpublishableError, match="billing_cadence"):
        shop.subscribe({**CUSTOM, "phases": [{**phase, "rate_cards": [odd]}]})
    with pytest.raises(InvalidDraftError, match="currency"):
        shop.subscribe({**CUSTOM, "currency": ""})

    assert not Plan.objects.exists()
