"""Coupons by forms, and who has redeemed them."""

from decimal import Decimal

import pytest

from billing import coupons
from billing.models import Coupon
from tests import factories
from tests.billing.subscriptions.shop import JANUARY, new_shop
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def shop():
    return new_shop()


def wanted(shop, **others):
    return {
        "book": shop.book.pk, "key": "HELLO", "name": "Hello", "kind": "percentage",
        "percentage": "20", "duration": "once", **others,
    }  # fmt: skip


def coupon(shop, **others):
    usual = {"kind": "percentage", "percentage": Decimal(20), "duration": "once", "name": "Hello"}
    return coupons.create(
        book=shop.book, key=factories.name("C"), at=JANUARY, **{**usual, **others}
    )


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, "HELLO Hello 20 % once 0"),
        ({"duration": "periods", "periods": "3", "max_redemptions": "9"}, "20 % 3 cycles 0 of 9"),
        # What the page hides may be left over from another choice.
        ({"kind": "percentage", "amount": "5", "periods": "2"}, "20 % once"),
    ],
)
def test_a_coupon_is_made(shop, others, said):
    browser = Browser()

    browser.do("billing_coupon_add", values=wanted(shop, **others))

    assert said in browser.read("billing_coupon_changelist")


def test_an_amount_needs_its_currency(shop):
    feature = shop.feature("tokens")
    values = wanted(shop, kind="amount", amount="5.50", duration="forever", features=[feature.pk])
    browser = Browser()

    page = browser.do("billing_coupon_add", values=values, status=200)
    browser.do("billing_coupon_add", values={**values, "asset": shop.dollars.pk})

    assert "currency" in str(page.context["form"].errors)
    made = Coupon.objects.get()
    assert (made.amount, made.percentage, made.feature_keys) == (Decimal("5.5"), None, ["tokens"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"percentage": "101"}, "percentage"),
        ({"percentage": ""}, "percentage"),
        ({"duration": "periods"}, "periods"),
        ({"key": "a b"}, "key"),
        ({"max_redemptions": "0"}, "max_redemptions"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(shop, wrong, field):
    page = Browser().do("billing_coupon_add", values=wanted(shop, **wrong), status=200)

    assert field in page.context["form"].errors


def test_redemptions_are_shown_with_who_and_when(shop):
    made = coupon(shop, name=EVIL)
    subscription = shop.subscribe(shop.simple("10"))
    coupons.redeem(coupon=made, subscription=subscription, key="k", at=JANUARY, cause=EVIL)
    browser = Browser()

    page = browser.get("billing_coupon_change", made.pk).content.decode()

    assert subscription.key in page
    assert EVIL not in page
    assert "2024-01-01" in page


def test_a_coupon_is_changed_and_archived(shop):
    made = coupon(shop, metadata={"kept": 1})
    browser = Browser()

    browser.do("billing_coupon_edit", made.pk, values={"name": "New", "max_redemptions": "5"})
    browser.do("billing_coupon_archive", made.pk)

    made.refresh_from_db()
    assert (made.name, made.max_redemptions, made.metadata) == ("New", 5, {"kept": 1})
    assert made.archived_at is not None
    browser.do("billing_coupon_archive", made.pk, status=403)


def test_coupons_are_listed_in_a_fixed_number_of_queries(shop):
    browser = Browser()
    for _ in range(2):
        coupon(shop)
    few = browser.queries("billing_coupon_changelist")
    for _ in range(6):
        coupon(shop, kind="amount", percentage=None, amount=Decimal(3), asset=shop.dollars)

    assert len(browser.queries("billing_coupon_changelist")) == len(few) <= 12
