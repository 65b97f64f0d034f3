"""Coupons: at the end of each cycle, off all that was charged for it."""

from decimal import Decimal

import pytest

from billing import checks, limit_checks
from billing.models import Charge, Feature
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import START, event, left

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    book = agreed()
    book.fee(100)
    return book


def test_a_percentage_of_the_cycle_comes_back_at_its_end(book):
    book.coupon(percentage=Decimal("12.5"), redeemed="2024-01-01")
    book.run("2024-01-31")
    assert book.charged("coupon") == []

    book.run("2024-02-01")

    assert book.charged("coupon") == [Decimal("-12.5")]
    assert book.holds("discounts") == Decimal("-12.5")
    assert book.scene.unbilled == Decimal("187.5")
    assert not list(checks.charges_were_posted(book_id=None))


def test_usage_and_minimums_count_too(book):
    meter = book.scene.meter("sum", price=None)
    unit = {"type": "unit", "amount": "1"}
    book.usage(meter, unit, commitments={"minimum_amount": "50"})
    book.scene.send(event(20, at=on("2024-01-10")), at=on("2024-01-10"))
    book.coupon(percentage=10, redeemed="2024-01-01")
    book.run("2024-02-01")

    assert book.charged("coupon") == [-15]


@pytest.mark.parametrize(
    ("terms", "taken_off"),
    [
        ({"duration": "once"}, [-10]),
        ({"duration": "periods", "periods": 2}, [-10, -10]),
        ({"duration": "forever"}, [-10, -10, -10, -10]),
        ({"duration": "forever", "removed": "2024-03-10"}, [-10, -10]),
        ({"duration": "once", "redeemed": "2024-02-10"}, [-10]),
    ],
)
def test_it_lasts_as_long_as_it_says(book, terms, taken_off):
    book.coupon(percentage=10, **{"redeemed": "2024-01-01", **terms})
    book.run("2024-05-01")

    assert book.charged("coupon") == taken_off


def test_an_amount_never_takes_more_than_was_charged(book):
    book.coupon(amount=Decimal(70), redeemed="2024-01-01")
    book.coupon(amount=Decimal(70), redeemed="2024-01-02", duration="once")
    book.run("2024-02-01")

    assert book.charged("coupon") == [-70, -30]


def test_it_is_for_the_features_it_names(book):
    feature = Feature.objects.create(
        book=book.scene.book, key="seats", name="Seats", created_at=START
    )
    book.fee(40, key="seats", feature=feature)
    book.coupon(percentage=50, redeemed="2024-01-01", feature_keys=["seats"])
    book.run("2024-02-01")

    assert book.charged("coupon") == [-20]


def test_it_goes_back_into_the_credit_that_paid(book):
    lot = book.scene.grant(300, at=on("2024-01-01"))
    book.coupon(percentage=10, redeemed="2024-01-01", duration="once")
    book.run("2024-02-01")

    assert left(lot) == 110
    assert book.scene.unbilled == 0
    assert not list(checks.charges_were_posted(book_id=None))


def test_what_is_taken_back_later_lowers_the_discount(book):
    book.coupon(percentage=10, redeemed="2024-01-01")
    book.run("2024-02-01")
    book.end("2024-01-16T12:00")
    book.run("2024-03-01")

    assert book.charged("coupon") == [-5]
    assert book.scene.unbilled == 45
    assert not list(checks.charges_were_posted(book_id=None))


def test_a_coupon_that_took_more_than_it_may_is_named():
    book = agreed()
    book.fee(10)
    book.coupon(amount=Decimal(4), redeemed="2024-01-01", duration="once")
    book.run("2024-03-01")
    assert list(limit_checks.coupons_keep_their_limits(book_id=None)) == []

    charge = Charge.objects.get(kind="coupon")
    Charge.objects.filter(pk=charge.pk).update(posted=-5)
    [found] = limit_checks.coupons_keep_their_limits(book_id=book.scene.book.pk)
    assert found.detail == "took 5 off a cycle, 4 at the most"
    charge.pk, charge.key = None, charge.key.replace("2024-01", "2024-02")
    charge.save()
    [found] = limit_checks.coupons_keep_their_limits(book_id=None)
    assert found.detail == "took something off 2 cycles of 1"
