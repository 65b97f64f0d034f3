"""First tiers and minimums of usage items, and who posts them when events come before or after."""

from decimal import Decimal

import pytest

from billing import checks, rechecking
from billing.models import Accrual, Charge
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import entries, event

pytestmark = pytest.mark.django_db

TIERS = {
    "type": "graduated",
    "tiers": [
        {
            "up_to_amount": "10",
            "flat_price": {"type": "flat", "amount": "5"},
            "unit_price": {"type": "unit", "amount": "1"},
        },
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}
UNIT = {"type": "unit", "amount": "1"}


@pytest.fixture
def book():
    book = agreed()
    book.meter = book.scene.meter("sum", price=None)
    return book


def use(book, value, at, **more):
    return book.scene.send(event(value, at=on(at), **more), at=on(at))


def consistent():
    """Return what the checks of usage and charges find."""
    every = [
        checks.quantities_were_posted,
        checks.amounts_were_posted,
        checks.takings_add_up,
        checks.batches_were_posted,
        checks.charges_were_posted,
    ]
    return [found for check in every for found in check(book_id=None)]


def test_a_first_tier_is_due_from_the_start_of_each_period(book):
    book.usage(book.meter, TIERS)
    book.run("2024-02-01")

    assert [accrual.amount for accrual in Accrual.objects.order_by("period_start")] == [5, 5]
    assert entries() == [
        ("unbilled", "usage_revenue", Decimal(5), on("2024-01-01")),
        ("unbilled", "usage_revenue", Decimal(5), on("2024-02-01")),
    ]
    assert consistent() == []


def test_usage_after_it_posts_only_what_it_adds(book):
    book.usage(book.meter, TIERS)
    book.run("2024-01-01")
    use(book, 12, "2024-01-05")

    assert book.holds("usage_revenue") == 16  # 5 + 10 × 1 + 2 × 0.5
    assert consistent() == []


def test_usage_before_it_has_paid_for_it(book):
    book.usage(book.meter, TIERS)
    use(book, 12, "2024-01-05")
    book.run("2024-01-31")

    assert book.holds("usage_revenue") == 16
    assert consistent() == []


def test_a_first_tier_is_given_back_when_its_period_is_no_longer_sold(book):
    book.usage(book.meter, TIERS)
    book.run("2024-03-02")
    assert book.holds("usage_revenue") == 15

    book.end("2024-01-20")
    book.run("2024-03-02")

    assert book.holds("usage_revenue") == 5
    assert book.scene.unbilled == 5
    assert consistent() == []


def test_what_usage_lacks_to_the_minimum_is_charged_at_the_end(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "100"})
    use(book, 30, "2024-01-05")
    book.run("2024-01-31T23:59:59")
    assert book.charges == []

    book.run("2024-02-01")

    assert book.charged("minimum") == [70]
    assert book.holds("commitment_revenue") == 70
    assert book.scene.unbilled == 100
    assert consistent() == []


def test_no_usage_at_all_owes_the_whole_minimum(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "100"})
    book.run("2024-02-01")

    assert book.charged("minimum") == [100]


def test_a_minimum_that_is_reached_charges_nothing(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "30"})
    use(book, 30, "2024-01-05")
    book.run("2024-02-01")

    assert not Charge.objects.exists()


def test_late_usage_lowers_the_minimum(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "100"})
    book.run("2024-02-10")
    assert book.charged("minimum") == [100]

    book.scene.send(event(30, at=on("2024-01-31")), at=on("2024-02-12"))
    book.run("2024-02-12")

    assert book.charged("minimum") == [70]
    assert book.scene.unbilled == 100
    assert consistent() == []


def test_a_cut_period_owes_its_share_of_the_minimum(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "31"})
    book.end("2024-01-11")
    book.run("2024-02-01")

    assert book.charged("minimum") == [10]


def test_only_what_is_over_falls_due_again(book):
    book.usage(book.meter, UNIT, commitments={"minimum_amount": "100"})
    book.run("2024-02-10")

    rechecking.subscriptions({book.subscription.pk: on("2024-03-01")})
    book.subscription.refresh_from_db()
    assert book.subscription.due_at == on("2024-03-01")

    rechecking.subscriptions({book.subscription.pk: on("2024-02-01")})
    book.subscription.refresh_from_db()
    assert book.subscription.due_at == on("2024-02-01")
