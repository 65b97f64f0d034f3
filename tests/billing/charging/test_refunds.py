"""Where a discount goes: each account gets back what it paid, once, whatever coupons are for."""

from decimal import Decimal

import pytest

from billing import checks
from billing.models import Feature
from ledger import clocks
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import START, event, left
from wallets import checks as wallet_checks

pytestmark = pytest.mark.django_db
UNIT = {"type": "unit", "amount": "1"}


@pytest.fixture
def book():
    return agreed()


def is_sound(book):
    checked = (checks.charges_were_posted, checks.takings_add_up, wallet_checks.wallets_add_up)
    return not [text for check in checked for text in check(book_id=book.scene.book.pk)]


def test_of_two_coupons_the_second_gives_back_what_the_first_has_left(book):
    lot = book.scene.grant(5, at=on("2024-01-01"))
    book.fee(10, until="2024-02-01")
    book.coupon(percentage=50, redeemed="2024-01-01")
    book.coupon(percentage=50, redeemed="2024-01-02")
    book.run("2024-02-01")

    assert book.charged("coupon") == [-5, Decimal("-2.5")]
    assert (left(lot), book.scene.unbilled) == (Decimal("2.5"), 0)
    assert is_sound(book)


def test_coupons_for_one_feature_and_for_all_give_back_what_was_paid(book):
    seats = Feature.objects.create(
        book=book.scene.book, key="seats", name="Seats", created_at=START
    )
    lot = book.scene.grant(10, at=on("2024-01-01"))
    book.fee(10, key="base", until="2024-02-01")  # of the credit
    book.fee(10, key="seats", until="2024-02-01", feature=seats)  # on account
    book.coupon(percentage=100, redeemed="2024-01-01", feature_keys=["seats"])
    book.coupon(percentage=100, redeemed="2024-01-02")
    book.run("2024-02-01")

    assert book.charged("coupon") == [-10, -10]
    assert (left(lot), book.scene.unbilled) == (10, 0)
    assert is_sound(book)


def test_a_coupon_that_grows_gives_back_what_it_has_not_yet(book):
    lot = book.scene.grant(5, at=on("2024-01-01"))
    book.usage(book.scene.meter("sum", price=None), UNIT, until="2024-02-01")
    book.coupon(percentage=100, redeemed="2024-01-01")
    book.scene.send(event(6, at=on("2024-01-10"), id="a"), at=on("2024-01-10"))
    book.run("2024-02-01")
    assert (left(lot), book.scene.unbilled) == (5, 0)

    book.scene.send(event(7, at=on("2024-01-11"), id="late"), at=on("2024-02-10"))
    book.run("2024-02-10")

    assert book.charged("coupon") == [-13]
    assert (left(lot), book.scene.unbilled) == (5, 0)
    assert is_sound(book)


def test_usage_on_its_way_while_its_cycle_is_charged_for_is_discounted(book):
    book.usage(book.scene.meter("sum", price=None), UNIT)
    book.coupon(percentage=50, redeemed="2024-01-01")
    book.scene.send(event(10, at=on("2024-01-10"), id="a"), at=on("2024-01-10"))
    book.run("2024-02-01")
    assert book.charged("coupon") == [-5]

    just_before = on("2024-01-31T23:59:59")
    book.scene.send(event(10, at=just_before, id="b"), at=just_before)
    book.run("2024-02-01")

    assert book.charged("coupon") == [-10]
    assert is_sound(book)


def test_a_quarter_in_arrears_that_was_cut_is_discounted_in_the_cycle_it_now_ends_in(book):
    book.fee(9, term="in_arrears", cadence="P3M")
    book.coupon(percentage=50, redeemed="2024-01-01")
    book.run("2024-04-01")
    assert book.charged("coupon") == [Decimal("-4.5")]

    book.end("2024-02-01")
    book.run("2024-04-02")

    assert book.charged("flat") == [Decimal("3.07")]
    assert book.charged("coupon") == [Decimal("-1.54"), 0]
    assert is_sound(book)


def test_a_fee_in_arrears_that_goes_on_after_all_is_discounted_once(book):
    book.fee(9, term="in_arrears", cadence="P3M")
    book.coupon(percentage=100, redeemed="2024-01-01")
    book.cut("base", "2024-02-15")
    book.run("2024-03-01")
    assert book.charged("coupon") == [Decimal("-4.45")]  # 45 days of 91

    book.cut("base", None)
    book.run("2024-04-01")

    assert book.charged("flat") == [9]
    assert book.charged("coupon") == [0, -9]
    assert book.scene.unbilled == 0
    assert is_sound(book)


def test_late_usage_is_discounted_where_a_test_clock_is_ahead_too(book):
    book.usage(book.scene.meter("sum", price=None), UNIT)
    book.coupon(percentage=50, redeemed="2024-01-01")
    real = on("2023-12-01")
    clock = clocks.create(book=book.scene.book, key="c", now_at=on("2024-01-01"), at=real)
    clocks.attach(customer=book.scene.customer, clock=clock)
    book.scene.send(event(10, at=on("2024-01-01"), id="a"), at=real)
    clocks.advance(clock=clock, to=on("2024-02-01"))
    assert book.charged("coupon") == [-5]

    book.scene.send(event(10, at=on("2024-01-02"), id="late"), at=real)
    clocks.advance(clock=clock, to=on("2024-02-02"))

    assert book.charged("coupon") == [-10]


def test_a_year_cut_after_its_coupon_leaves_the_coupon_its_share_of_what_was_paid(book):
    book.fee(120, cadence="P1Y")
    book.coupon(percentage=50, redeemed="2024-01-01")
    book.run("2024-03-20")
    assert book.charged("coupon") == [-60]

    book.end("2024-07-01")
    book.run("2024-07-02")

    assert book.charged("flat") == [Decimal("59.67")]  # 182 days of 366
    assert book.charged("coupon") == [Decimal("-29.84")]
    assert book.scene.unbilled == Decimal("29.83")
    assert book.holds("deferred_revenue") == 0
    assert is_sound(book)


def test_yen_are_whole(book):
    book.subscription.asset = factories.asset(code="JPY")
    book.subscription.save()
    book.fee(1000, until="2024-01-11")
    book.coupon(percentage=Decimal("12.5"), redeemed="2024-01-01")
    book.run("2024-02-01")

    assert (book.charged("flat"), book.charged("coupon")) == ([323], [-40])  # of 322.58, of 40.375
