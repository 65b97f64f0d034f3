"""Coupons are redeemed within their limits, whoever redeems at the same time."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing import coupons
from billing.coupons import CouponRefusedError
from billing.models import Coupon, CouponRedemption, Subscription
from billing.subscriptions import creation
from ledger import registry
from ledger.errors import AlreadyExistsError, IdempotencyConflictError, InvalidInputError
from ledger.models import Asset, Book, Customer
from tests import factories
from tests.billing.plans import offers
from tests.billing.plans.offers import fee, phase, plan
from tests.concurrency.at_once import at_once
from tests.factories import NOON

DAY = timedelta(days=1)


@pytest.fixture
def book(db):
    return new_book()


def new_book() -> Book:
    registry.currency(code="USD")
    return factories.book()


def coupon(book: Book, **others: Any) -> Coupon:
    """Return a coupon of 20 % for ever, without limits unless told."""
    usual: dict[str, Any] = {
        "key": factories.name("coupon"),
        "name": "Launch",
        "kind": "percentage",
        "duration": "forever",
        "max_redemptions_per_customer": None,
    }
    if others.get("kind") != "amount":
        usual["percentage"] = Decimal(20)
    return coupons.create(book=book, at=NOON, **usual | others)


def subscription(book: Book, customer: Customer | None = None, **others: Any) -> Subscription:
    """Return a subscription in dollars."""
    key = factories.name("plan")
    version = offers.publish(book, plan(phase("main", fee()), key=key) | others)
    return creation.create(
        customer=customer or factories.customer(book=book),
        plan=version,
        at=NOON,
        cause="test",
        reason="",
    )


def redeem(coupon: Coupon, subscription: Subscription, **others: Any) -> CouponRedemption:
    return coupons.redeem(coupon=coupon, subscription=subscription, **{"at": NOON, **others})


def reason(coupon: Coupon, subscription: Subscription, **others: Any) -> str:
    """Return why a coupon is refused."""
    with pytest.raises(CouponRefusedError) as refused:
        redeem(coupon, subscription, **others)
    return refused.value.reason


def test_a_coupon_takes_a_share_or_an_amount(book):
    share = coupon(book, duration="periods", periods=3, expires_at=NOON + DAY)
    assert (share.percentage, share.periods, share.amount) == (20, 3, None)

    dollars = registry.currency(code="USD")
    amount = coupon(book, kind="amount", amount=Decimal("5.50"), asset=dollars, duration="once")
    assert (amount.amount, amount.asset, amount.percentage) == (Decimal("5.50"), dollars, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"percentage": Decimal(0)}, "percentage"),
        ({"percentage": Decimal("100.1")}, "percentage"),
        ({"percentage": Decimal("NaN")}, "percentage"),
        ({"percentage": Decimal("0.0000001")}, "percentage"),
        ({"percentage": None}, "percentage"),
        ({"amount": Decimal(1)}, "amount"),
        ({"kind": "amount", "amount": Decimal(1)}, "currency"),
        ({"kind": "gift"}, "kind"),
        ({"duration": "periods"}, "periods"),
        ({"duration": "once", "periods": 2}, "periods"),
        ({"duration": "sometimes"}, "duration"),
        ({"feature_keys": ["none"]}, "feature_keys[0]"),
        ({"max_redemptions": 0}, "max_redemptions"),
        ({"max_redemptions_per_customer": -1}, "max_redemptions_per_customer"),
        ({"key": "20 %"}, "key"),
        ({"name": ""}, "name"),
    ],
)
def test_a_coupon_that_cannot_be_is_refused(book, change, field):
    with pytest.raises(InvalidInputError) as refused:
        coupon(book, **change)
    assert refused.value.field == field


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal(-1), Decimal("NaN")])
def test_an_amount_is_above_zero_and_of_money(book, amount):
    dollars = registry.currency(code="USD")

    with pytest.raises(InvalidInputError, match="amount"):
        coupon(book, kind="amount", amount=amount, asset=dollars)
    with pytest.raises(InvalidInputError, match="percentage"):
        coupon(book, kind="amount", amount=Decimal(1), asset=dollars, percentage=Decimal(1))
    tokens = factories.asset(code="tokens", kind=Asset.Kind.UNIT)
    with pytest.raises(InvalidInputError, match="currency"):
        coupon(book, kind="amount", amount=Decimal(1), asset=tokens)


def test_a_coupon_is_named_once(book):
    coupon(book, key="X")

    with pytest.raises(AlreadyExistsError):
        coupon(book, key="X")


def test_a_redemption_is_known_by_its_key(book):
    twenty, sub = coupon(book), subscription(book)

    first = redeem(twenty, sub, key="k", cause="me")

    assert redeem(twenty, sub, key="k", at=NOON + DAY) == first
    assert (first.redeemed_at, first.cause) == (NOON, "me")
    with pytest.raises(IdempotencyConflictError):
        redeem(twenty, subscription(book), key="k")


def test_a_coupon_applies_to_a_subscription_once_at_a_time(book):
    twenty, sub = coupon(book), subscription(book)
    first = redeem(twenty, sub)
    assert reason(twenty, sub) == "already_applied"

    removed = coupons.remove(redemption=first, at=NOON + DAY)
    assert coupons.remove(redemption=first, at=NOON + 2 * DAY).removed_at == removed.removed_at
    assert redeem(twenty, sub, at=NOON + DAY) != first


def test_limits_hold_and_what_is_removed_still_counts(book):
    twice = coupon(book, max_redemptions=2)
    coupons.remove(redemption=redeem(twice, subscription(book)), at=NOON)
    redeem(twice, subscription(book))

    assert reason(twice, subscription(book)) == "used_up"
    coupons.update(coupon=twice, max_redemptions=3)
    redeem(twice, subscription(book))


def test_each_customer_redeems_as_often_as_it_may(book):
    once, customer = coupon(book, max_redemptions_per_customer=1), factories.customer(book=book)
    redeem(once, subscription(book, customer))

    assert reason(once, subscription(book, customer)) == "used_by_customer"
    redeem(once, subscription(book))


def test_a_coupon_ends_with_its_expiry_and_when_it_is_archived(book):
    short, sub = coupon(book, expires_at=NOON + DAY), subscription(book)
    assert reason(short, sub, at=NOON + DAY) == "expired"
    coupons.update(coupon=short, expires_at=None)
    redeem(short, sub, at=NOON + DAY)

    gone = coupons.archive(coupon=coupon(book), at=NOON)
    assert reason(gone, sub) == "archived"
    assert coupons.archive(coupon=gone, at=NOON + DAY).archived_at == NOON


def test_a_coupon_fits_the_currency_and_the_book(book):
    euros = registry.currency(code="EUR")
    five = coupon(book, kind="amount", amount=Decimal(5), asset=euros)

    assert reason(five, subscription(book)) == "other_currency"
    redeem(five, subscription(book, currency="EUR"))
    assert reason(coupon(factories.book()), subscription(book)) == "other_book"


def test_what_has_ended_has_no_coupons(book):
    sub = subscription(book)
    Subscription.objects.filter(pk=sub.pk).update(ends_at=NOON + DAY)
    sub.refresh_from_db()

    assert reason(coupon(book), sub, at=NOON + DAY) == "subscription_ended"


def test_what_a_coupon_takes_off_stays(book):
    twenty = coupon(book)
    changed = coupons.update(coupon=twenty, name="Other", metadata={"a": 1})

    assert (changed.name, changed.metadata, changed.percentage) == ("Other", {"a": 1}, 20)
    with pytest.raises(InvalidInputError):
        coupons.update(coupon=twenty, max_redemptions=0)


def test_the_database_keeps_a_coupon_from_taking_nothing(book):
    twenty = coupon(book)

    with pytest.raises(IntegrityError), transaction.atomic():
        Coupon.objects.filter(pk=twenty.pk).update(percentage=101)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_redemptions_at_once_six_succeed():
    book = new_book()
    six = coupon(book, max_redemptions=6)
    subs = [subscription(book) for _ in range(20)]

    def attempt(sub: Subscription) -> str:
        try:
            redeem(six, sub)
        except CouponRefusedError as error:
            return error.reason
        return "redeemed"

    found = at_once([lambda sub=sub: attempt(sub) for sub in subs])  # type: ignore[misc]

    assert sorted(found) == ["redeemed"] * 6 + ["used_up"] * 14
    assert CouponRedemption.objects.filter(coupon=six).count() == 6


@pytest.mark.django_db(transaction=True)
def test_of_eight_redemptions_of_one_customer_at_once_one_succeeds():
    book = new_book()
    once, customer = coupon(book, max_redemptions_per_customer=1), factories.customer(book=book)
    subs = [subscription(book, customer) for _ in range(8)]

    def attempt(sub: Subscription) -> str:
        try:
            redeem(once, sub)
        except CouponRefusedError as error:
            return error.reason
        return "redeemed"

    found = at_once([lambda sub=sub: attempt(sub) for sub in subs])  # type: ignore[misc]

    assert sorted(found) == ["redeemed"] + ["used_by_customer"] * 7
