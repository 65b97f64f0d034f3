"""Editing running items, and add-ons with quantities over time."""

import pytest

from billing.models import Charge
from billing.subscriptions import addons, changes, editing, states
from billing.subscriptions.errors import BegunError, FeatureTakenError, SameInstantError
from ledger.errors import InvalidInputError
from tests import factories
from tests.billing.subscriptions.shop import JANUARY, day, flat, items, stage, usage


@pytest.fixture
def plan(shop):
    return shop.plan(
        stage("trial", flat("0"), duration="P14D"), stage("main", flat("10"), usage("0.01"))
    )


@pytest.fixture
def subscription(shop, plan):
    return shop.subscribe(plan)


def test_items_are_added_removed_and_replaced(subscription, shop):
    shop.feature("calls")

    editing.edit(
        subscription=subscription,
        add=[usage("2", feature="calls"), flat("3", key="support")],
        remove=[{"key": "tokens"}],
        replace=[{"key": "base", "price": {"type": "flat", "amount": "9"}}],
        at=day("01-20"),
    )

    assert items(subscription) == [
        "base 0 01-01 → 01-15",
        "base 10 01-15 → 01-20",
        "tokens 0.01 01-15 → 01-20",
        "base 9 01-20 →",
        "calls 2 01-20 →",
        "support 3 01-20 →",
    ]
    origins = dict(subscription.items.filter(ends_at=None).values_list("key", "origin"))
    assert origins == {"base": "override", "calls": "custom", "support": "custom"}


def test_what_is_not_edited_goes_on_unbroken(subscription):
    tokens = subscription.items.get(key="tokens")

    editing.edit(subscription=subscription, remove=[{"key": "base"}], at=day("01-20"))

    again = subscription.items.get(key="tokens")
    assert (again.pk, again.rate_id, again.ends_at) == (tokens.pk, tokens.rate_id, None)


def test_an_edit_may_be_for_one_phase_only(subscription):
    editing.edit(
        subscription=subscription,
        replace=[{"key": "base", "phase": "main", "price": {"type": "free"}}],
        at=day("01-05"),
    )

    assert items(subscription) == [
        "base 0 01-01 → 01-15",
        "base free 01-15 →",
        "tokens 0.01 01-15 →",
    ]


def test_an_item_of_its_own_can_be_edited_and_removed(subscription):
    editing.edit(subscription=subscription, add=[flat("3", key="own")], at=day("01-16"))
    editing.edit(
        subscription=subscription,
        replace=[{"key": "own", "discounts": {"percentage": 50}}],
        at=day("01-18"),
    )
    editing.edit(subscription=subscription, remove=[{"key": "own"}], at=day("01-20"))

    own = subscription.items.filter(key="own").order_by("starts_at")
    assert [item.terms["discounts"] for item in own] == [None, {"percentage": 50}]
    assert [(item.origin, item.ends_at) for item in own] == [
        ("custom", day("01-18")),
        ("custom", day("01-20")),
    ]


def test_an_edit_can_lie_ahead_and_be_undone(subscription):
    before = items(subscription)
    editing.edit(
        subscription=subscription,
        remove=[{"key": "tokens"}],
        timing="next_billing_cycle",
        at=day("01-05"),
    )
    assert "tokens 0.01 01-15 → 02-01" in items(subscription)

    states.restore(subscription=subscription, at=day("01-06"))

    assert items(subscription) == before


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "edit"),
        ({"remove": [{"key": "nothing"}]}, "remove.0.key"),
        ({"remove": [{"key": "base", "phase": "later"}]}, "remove.0.phase"),
        ({"replace": [{"key": "nothing", "discounts": None}]}, "replace.0.key"),
        ({"replace": [{"key": "base"}]}, "replace.0"),
        ({"replace": [{"key": "base", "billing_cadence": "P2W"}]}, "replace.0.billing_cadence"),
        ({"add": [flat("1")]}, "add.0.key"),
        ({"add": [flat("1", key="own", cadence="P1M1D")]}, "add.0.billing_cadence"),
        ({"add": [flat("1", key="own", cadence="P10D")]}, "add.0.billing_cadence"),
        ({"add": [{"key": "own"}]}, "add.0.price"),
        ({"add": [flat("1", key="a key")]}, "add.0.key"),
        ({"add": [usage("1", feature="unknown")]}, "add.0.feature"),
        ({"add": [flat("1", key="own", colour="red")]}, "add.0.colour"),
        ({"add": [flat("-1", key="own")]}, "items.own.price.amount"),
        ({"add": [{**flat("1", key="own"), "name": 7}]}, "add.0.name"),
        ({"remove": [{"key": "base"}, {"key": "base"}]}, "remove.1.key"),
        (
            {"remove": [{"key": "base"}], "replace": [{"key": "base", "discounts": None}]},
            "replace.0.key",
        ),
    ],
)
def test_an_edit_that_cannot_be_is_refused(subscription, wanted, field):
    before = items(subscription)

    with pytest.raises(InvalidInputError) as refused:
        editing.edit(subscription=subscription, at=day("01-10"), **wanted)

    assert refused.value.field == field
    assert refused.value.remedy
    assert items(subscription) == before


def test_cadences_that_do_not_divide_are_refused(shop):
    quarterly = shop.plan(stage("main", flat("30", cadence="P3M")), key="quarterly", cadence="P3M")
    subscription = shop.subscribe(quarterly)

    with pytest.raises(InvalidInputError, match="multiple") as refused:
        editing.edit(
            subscription=subscription,
            add=[flat("5", key="odd", cadence="P2M")],
            at=day("01-10"),
        )
    assert (refused.value.field, refused.value.value) == ("add.0.billing_cadence", "P2M")

    for key, cadence in (("monthly", "P1M"), ("yearly", "P1Y")):
        editing.edit(
            subscription=subscription,
            add=[flat("5", key=key, cadence=cadence)],
            at=day("01-10"),
        )
    assert len(items(subscription)) == 3


def test_two_edits_of_an_item_at_one_instant_are_refused(subscription):
    editing.edit(subscription=subscription, remove=[{"key": "base"}], at=day("01-20"))

    with pytest.raises(SameInstantError):
        editing.edit(
            subscription=subscription,
            replace=[{"key": "base", "discounts": None}],
            at=day("01-20"),
        )
    editing.edit(subscription=subscription, remove=[{"key": "tokens"}], at=day("01-20"))
    assert items(subscription, at=day("01-21")) == []


def test_a_feature_cannot_be_added_that_another_item_prices(subscription):
    with pytest.raises(FeatureTakenError) as refused:
        editing.edit(
            subscription=subscription, add=[usage("5", key="more-tokens")], at=day("01-20")
        )

    assert refused.value.field == "items.more-tokens.feature"


def test_what_has_been_charged_is_not_edited_away_at_its_very_start(shop):
    subscription = shop.subscribe(shop.simple("10"))
    item = subscription.items.get()
    Charge.objects.create(
        book=shop.book,
        customer=subscription.customer,
        key="c",
        kind=Charge.Kind.FLAT,
        subscription=subscription,
        item=item,
        asset=shop.dollars,
        name="base",
        starts_at=JANUARY,
        ends_at=day("02-01"),
        due_at=JANUARY,
        updated_at=JANUARY,
    )

    with pytest.raises(BegunError, match="base"):
        editing.edit(subscription=subscription, remove=[{"key": "base"}], at=JANUARY)


def test_before_anything_is_charged_the_start_can_be_edited(shop):
    subscription = shop.subscribe(shop.simple("10"))

    editing.edit(
        subscription=subscription,
        replace=[{"key": "base", "price": {"type": "flat", "amount": "9"}}],
        at=JANUARY,
    )

    assert items(subscription) == ["base 9 01-01 →"]


@pytest.fixture
def seats(shop, plan):
    return shop.addon(plan, flat("5", key="seat"), flat("8", key="setup", cadence=""), most=10)


def test_an_addon_has_a_quantity_over_time(subscription, seats):
    for quantity, at in ((2, "01-16"), (5, "01-18"), (1, "01-20"), (0, "01-22")):
        addons.set_quantity(subscription=subscription, addon=seats, quantity=quantity, at=day(at))

    shown = [line for line in items(subscription) if line.startswith("seats")]
    assert shown == [
        "seats/seat 5 ×2 01-16 → 01-18",
        "seats/setup 8 ×2 01-16 → 01-18",
        "seats/seat 5 ×5 01-18 → 01-20",
        "seats/setup 8 ×3 01-18 → 01-20",
        "seats/seat 5 01-20 → 01-22",
        "seats/setup 8 ×0 01-20 → 01-22",
    ]
    assert subscription.addons.count() == 1
    assert set(subscription.items.filter(key="seats/seat").values_list("origin", flat=True)) == {
        "addon"
    }


def test_more_of_an_addon_leaves_the_other_items_alone(subscription, seats):
    before = set(subscription.items.values_list("pk", "ends_at"))

    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-16"))

    assert before <= set(subscription.items.values_list("pk", "ends_at"))


def test_an_addon_is_bought_from_its_phase_on(subscription, seats):
    with pytest.raises(InvalidInputError, match="from phase main on; trial comes before") as no:
        addons.set_quantity(subscription=subscription, addon=seats, quantity=1, at=day("01-05"))
    assert no.value.field == "timing"

    addons.set_quantity(
        subscription=subscription, addon=seats, quantity=1, timing=day("01-15"), at=day("01-05")
    )
    assert "seats/seat 5 01-15 →" in items(subscription)


@pytest.mark.parametrize("quantity", [11, -1, 2_000_000])
def test_more_than_the_plan_allows_is_refused(subscription, seats, quantity):
    with pytest.raises(InvalidInputError) as refused:
        addons.set_quantity(
            subscription=subscription, addon=seats, quantity=quantity, at=day("01-16")
        )

    assert (refused.value.field, refused.value.value) == ("quantity", quantity)


def test_of_a_single_addon_there_is_one(shop, plan, subscription):
    single = shop.addon(plan, flat("5", key="sso"), key="sso", instances="single")

    with pytest.raises(InvalidInputError, match="at most 1"):
        addons.set_quantity(subscription=subscription, addon=single, quantity=2, at=day("01-16"))


def test_an_addon_of_another_plan_or_currency_is_refused(shop, plan, subscription):
    elsewhere = shop.addon(shop.simple("1", key="other"), flat("5"), key="elsewhere")
    euros = shop.addon(plan, flat("5"), key="eu", asset=factories.asset(code="EUR"))

    for addon, remedy in ((elsewhere, "does not offer it"), (euros, "in USD, this in EUR")):
        with pytest.raises(InvalidInputError, match=remedy) as refused:
            addons.set_quantity(subscription=subscription, addon=addon, quantity=1, at=day("01-16"))
        assert refused.value.field == "addon"


def test_what_was_never_bought_cannot_be_ended(subscription, seats):
    with pytest.raises(InvalidInputError, match="that the subscription has"):
        addons.set_quantity(subscription=subscription, addon=seats, quantity=0, at=day("01-16"))


def test_another_version_of_an_addon_needs_the_first_to_end(shop, plan, subscription, seats):
    newer = shop.addon(plan, flat("6", key="seat"))
    addons.set_quantity(subscription=subscription, addon=seats, quantity=1, at=day("01-16"))

    with pytest.raises(InvalidInputError, match="version 1"):
        addons.set_quantity(subscription=subscription, addon=newer, quantity=1, at=day("01-18"))

    addons.set_quantity(subscription=subscription, addon=seats, quantity=0, at=day("01-18"))
    addons.set_quantity(subscription=subscription, addon=newer, quantity=1, at=day("01-20"))
    assert "seats/seat 6 01-20 →" in items(subscription)


def test_two_quantities_at_one_instant_are_refused(subscription, seats):
    addons.set_quantity(subscription=subscription, addon=seats, quantity=1, at=day("01-16"))

    with pytest.raises(SameInstantError):
        addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-16"))


def test_the_same_key_buys_once(subscription, seats):
    bought = [
        addons.set_quantity(subscription=subscription, addon=seats, quantity=1, key="k", at=day(at))
        for at in ("01-16", "01-17")
    ]

    assert bought[0] == bought[1]
    assert subscription.history.count() == 2


def test_replaying_the_history_gives_the_rows_there_are(subscription, seats):
    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-16"))
    editing.edit(subscription=subscription, remove=[{"key": "base"}], at=day("01-18"))
    states.pause(subscription=subscription, at=day("01-20"))
    states.resume(subscription=subscription, at=day("01-22"))
    before = list(subscription.items.values())

    desk = changes.sit_down(subscription)
    changes.settle(desk, day("01-22"), day("01-23"))

    assert list(subscription.items.values()) == before
