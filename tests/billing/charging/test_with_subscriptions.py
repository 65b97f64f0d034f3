"""Subscriptions made and changed as customers do it, and what the ledger then says."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import due
from billing.metering import snapshot
from billing.models import Charge, Coupon, CouponRedemption
from billing.subscriptions import addons, changing, states
from ledger import balances
from ledger.models import Account
from tests.billing.subscriptions.shop import day, flat, new_shop, stage, usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    snapshot.forget()
    return new_shop()


def run(subscription, until):
    return due.run(customer=subscription.customer, until=day(until))


def charges(subscription):
    rows = Charge.objects.filter(subscription=subscription).exclude(posted=0)
    return [row.posted.normalize() for row in rows.order_by("starts_at", "key")]


def owed(subscription):
    """Return what stands unbilled, by the ledger's own reading."""
    account = Account.objects.get(customer=subscription.customer, purpose="unbilled")
    return -balances.now([account.pk])[account.pk].settled


def money(*amounts):
    return [Decimal(amount) for amount in amounts]


@pytest.mark.parametrize("is_run_between", [True, False])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("10", "20", ["0.32", "19.35"]), ("6", "10", ["0.19", "9.68"])],
)
def test_an_upgrade_on_the_second_day(shop, before, after, expected, is_run_between):
    subscription = shop.subscribe(shop.simple(before))
    if is_run_between:
        run(subscription, "01-01")
    changing.change(subscription=subscription, plan=shop.simple(after, key="more"), at=day("01-02"))
    run(subscription, "01-02")

    assert charges(subscription) == money(*expected)
    assert owed(subscription) == sum(money(*expected))


def test_a_start_within_the_cycle(shop):
    subscription = shop.subscribe(
        shop.simple("20"), billing_anchor=day("01-01"), at=day("01-21T21:55:18")
    )
    run(subscription, "01-22")

    assert charges(subscription) == money("6.51")


def test_a_quarter_in_arrears_canceled_after_a_month(shop):
    quarterly = flat("9", cadence="P3M", payment_term="in_arrears")
    plan = shop.plan(stage("main", quarterly), cadence="P3M")
    subscription = shop.subscribe(plan)
    states.cancel(subscription=subscription, at=day("02-01"))
    run(subscription, "02-01")

    assert charges(subscription) == money("3.07")


def test_a_trial_costs_nothing_until_it_is_over(shop):
    plan = shop.plan(
        stage("trial", usage("0"), duration="P2W"), stage("main", flat("31"), usage("1"))
    )
    subscription = shop.subscribe(plan)
    run(subscription, "01-14T23:59:59")
    assert charges(subscription) == []

    run(subscription, "02-01")

    assert charges(subscription) == money("17", "31")


def test_a_pause_takes_its_share_off(shop):
    subscription = shop.subscribe(shop.simple("31"))
    run(subscription, "01-01")
    states.pause(subscription=subscription, at=day("01-11"))
    states.resume(subscription=subscription, at=day("01-21"))
    run(subscription, "01-31")

    assert charges(subscription) == money("10", "11")


def test_an_addon_is_paid_for_the_rest_of_the_cycle(shop):
    plan = shop.simple("31")
    seats = shop.addon(plan, flat("3.10", key="seat"))
    subscription = shop.subscribe(plan)
    addons.set_quantity(subscription=subscription, addon=seats, quantity=2, at=day("01-22"))
    run(subscription, "02-01")

    assert charges(subscription) == money("31", "2", "31", "6.2")


def test_a_cancelation_that_is_called_off_leaves_the_full_fee(shop):
    subscription = shop.subscribe(shop.simple("31"))
    run(subscription, "01-01")
    states.cancel(subscription=subscription, timing=day("01-11"), at=day("01-02"))
    run(subscription, "01-05")
    states.unschedule_cancelation(subscription=subscription, at=day("01-06"))
    run(subscription, "01-31")

    assert charges(subscription) == money("31")


def test_a_cancelation_of_the_past_gives_back_what_came_after(shop):
    subscription = shop.subscribe(shop.simple("31"))
    run(subscription, "03-15")
    states.cancel(subscription=subscription, timing=day("01-11"), at=day("03-15"))
    run(subscription, "03-15")

    assert charges(subscription) == money("10")
    assert owed(subscription) == 10


def test_a_scheduled_change_of_plan_is_named_once_it_has_come(shop):
    subscription = shop.subscribe(shop.simple("31"))
    more = shop.simple("62", key="more")
    changing.change(subscription=subscription, plan=more, timing=day("01-11"), at=day("01-02"))
    run(subscription, "01-05")
    subscription.refresh_from_db()
    assert subscription.plan_version != more

    run(subscription, "01-11")

    subscription.refresh_from_db()
    assert subscription.plan_version == more
    assert charges(subscription) == money("10", "42")


@pytest.fixture
def on_a_yearly_plan(shop):
    """Return a function: from 10 a month to 366 a year on 15 February, with a coupon."""

    def make(timing, **coupon):
        yearly = shop.plan(stage("main", flat("366", cadence="P1Y")), key="year", cadence="P1Y")
        subscription = shop.subscribe(shop.simple("29"))
        coupon = Coupon.objects.create(
            book=shop.book, key="ten", name="10 %", kind="percentage", percentage=10,
            created_at=day("01-01"), **coupon,
        )  # fmt: skip
        CouponRedemption.objects.create(
            coupon=coupon, subscription=subscription, key="r", redeemed_at=day("01-01")
        )
        changing.change(subscription=subscription, plan=yearly, timing=timing, at=day("01-10"))
        return subscription

    return make


def discounts(subscription):
    rows = subscription.charges.filter(kind=Charge.Kind.COUPON).order_by("starts_at")
    return [
        (f"{row.starts_at:%m-%d}", f"{row.ends_at:%y-%m-%d}", row.posted.normalize())
        for row in rows
    ]


def fees(subscription):
    rows = subscription.charges.filter(kind=Charge.Kind.FLAT).order_by("starts_at", "key")
    return [row.posted.normalize() for row in rows]


@pytest.mark.parametrize("is_run_between", [True, False])
def test_from_months_to_years_a_coupon_follows_the_plan_in_force(on_a_yearly_plan, is_run_between):
    subscription = on_a_yearly_plan(day("02-15"), duration="forever")
    for until in ("02-14", "02-15", "03-20") if is_run_between else ():
        run(subscription, until)
    run(subscription, "12-31")

    # 14 of 29 days of February, then 321 of 366 days of the year.
    assert fees(subscription) == money("29", "14", "321")
    assert discounts(subscription) == [
        ("01-01", "24-02-01", Decimal("-2.9")),
        ("02-01", "24-02-15", Decimal("-1.4")),
    ]

    due.run(customer=subscription.customer, until=day("12-31") + timedelta(days=1))

    assert fees(subscription) == money("29", "14", "321", "366")
    assert discounts(subscription)[2:] == [("02-15", "25-01-01", Decimal("-32.1"))]


def test_a_coupon_for_two_cycles_is_used_up_before_the_year(on_a_yearly_plan):
    subscription = on_a_yearly_plan(day("02-15"), duration="periods", periods=2)

    due.run(customer=subscription.customer, until=day("12-31") + timedelta(days=1))

    assert [amount for _, _, amount in discounts(subscription)] == money("-2.9", "-1.4")


def test_a_change_of_cadence_that_is_taken_back_leaves_months(on_a_yearly_plan):
    subscription = on_a_yearly_plan(day("02-15"), duration="forever")
    run(subscription, "02-10")
    states.restore(subscription=subscription, at=day("02-12"))
    run(subscription, "03-01")

    assert fees(subscription) == money("29", "29", "29")
    assert [amount for _, _, amount in discounts(subscription)] == money("-2.9", "-2.9")
