"""What falls due is charged once, however many see to it, change it and use it at the same time."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import checks, contracts, due
from billing.models import Charge, ChargeChange
from ledger import verification
from tests.billing.charging.agreed import agreed, on
from tests.billing.charging.together import rich, whose
from tests.billing.scene import event, new_scene
from tests.concurrency.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

TIERS = {
    "type": "graduated",
    "tiers": [
        {
            "up_to_amount": "10",
            "flat_price": {"type": "flat", "amount": "3"},
            "unit_price": {"type": "unit", "amount": "1"},
        },
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}


@pytest.fixture
def book():
    """Return fees, usage with a minimum, a coupon, credit and a contract."""
    book = agreed()
    book.scene.grant(25, at=on("2024-01-01"), expires_at=on("2024-02-20"))
    book.fee(31)
    book.fee(9, key="quarter", cadence="P3M", term="in_arrears")
    meter = book.scene.meter("sum", price=None)
    book.usage(meter, TIERS, commitments={"minimum_amount": "20"})
    book.coupon(percentage=Decimal(10), redeemed="2024-01-01")
    contracts.create(
        customer=book.scene.customer,
        asset=book.scene.dollars,
        key="k",
        starts_at=on("2024-01-01"),
        ramp="P1M",
        amounts=[Decimal(15), Decimal(30), Decimal(45)],
        at=on("2024-01-01"),
    )
    return book


def use(book, number):
    """Return a call that sends an event of a day, late for what has been charged by then."""
    at = on("2024-01-02") + timedelta(days=5 * number)
    return lambda: book.scene.send(event(number, at=at, id=f"e{number}"), at=on("2024-04-01"))


def outcome(book):
    rows = Charge.objects.filter(customer=book.scene.customer).exclude(posted=0)
    charged = sorted((row.kind, row.starts_at, row.posted, row.earned) for row in rows)
    return charged, book.holds("usage_revenue"), book.holds("deferred_revenue")


def test_eight_who_see_to_one_customer_charge_once(book):
    at_once([lambda: due.run(customer=book.scene.customer, until=on("2024-04-01"))] * 8)

    assert book.charged("flat") == [31, 9, 31, 31, 31]
    assert book.charged("minimum") == [17, 17, 17]
    assert ChargeChange.objects.filter(reason="changed").count() == 0
    assert verification.verify(book=book.scene.book).is_clean


def test_usage_that_comes_while_it_is_charged_comes_to_the_same(book):
    def see_to_it():
        return due.run(customer=book.scene.customer, until=on("2024-04-01"))

    def sweep():
        return due.sweep(at=on("2024-04-01"))

    at_once([see_to_it, sweep, see_to_it, *(use(book, number) for number in range(1, 18))])
    see_to_it()
    found = outcome(book)

    # Looked at again from the first day on, nothing is left to be posted.
    book.look_again(on("2024-01-01"))
    see_to_it()
    assert outcome(book) == found
    months = [range(1, 6), range(6, 12), range(12, 18)]  # events by the month they happened in
    used = [Decimal(3 + 10) + (sum(month) - 10) * Decimal("0.5") for month in months]
    assert book.holds("usage_revenue") == sum(used) + 3  # April has begun
    short = [20 - amount for amount in used if amount < 20]
    assert [amount for amount in book.charged("minimum") if amount] == short
    assert not list(checks.charges_were_posted(book_id=None))
    assert verification.verify(book=book.scene.book).is_clean


def test_sweeps_at_once_charge_everybody_once():
    scene = new_scene()
    scene.meter("sum", price=None)
    books = [
        rich(whose(scene, subject=f"s{number}"), day=1 + number, proration="none")
        for number in range(12)
    ]

    def use(number):
        sent = event(5, at=on("2024-01-20"), id=f"e{number}", subject=f"s{number}")
        return lambda: scene.send(sent, at=on("2024-04-01"))

    def sweep():
        return due.sweep(at=on("2024-04-01"))

    swept = at_once([sweep, sweep, sweep, *(use(number) for number in range(0, 12, 4))])
    assert not any(one.failures for one in swept[:3])
    last = due.sweep(at=on("2024-04-01"))

    assert last.failures == []
    assert {tuple(book.charged("flat")[:2]) for book in books} == {(Decimal("9.99"), 7)}
    keys = Charge.objects.values_list("key", flat=True)
    assert len(set(keys)) == len(keys)
    assert not list(checks.charges_were_posted(book_id=None))
    assert verification.verify(book=scene.book).is_clean
