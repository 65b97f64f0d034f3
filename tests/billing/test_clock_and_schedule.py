"""A test clock and the schedule post the same entries for the same history."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing import contracts, due
from ledger import clocks, verification
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event
from wallets import expiry

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
USED = {"2024-01-05": 12, "2024-01-28": 3, "2024-02-18": 4, "2024-03-05": 40}


def by_schedule(scene):
    """Return how time passes where a sweep comes every other day, as late as it may."""
    seen = [on("2024-01-01")]

    def pass_until(instant):
        while seen[-1] < instant:
            seen.append(min(seen[-1] + timedelta(days=2, hours=5), instant))
            due.sweep(at=seen[-1])
            expiry.close_expired(at=seen[-1])

    return pass_until


def by_clock(scene):
    """Return how time passes where somebody advances the customer's clock."""
    before = on("2023-12-01")
    clock = clocks.create(book=scene.book, key="c", now_at=on("2023-12-31"), at=before)
    clocks.attach(customer=scene.customer, clock=clock)

    def pass_until(instant):
        clock.refresh_from_db()
        clocks.advance(clock=clock, to=instant)

    return pass_until


def live(passing):
    """Return what a customer's history comes to, entry by entry."""
    book = agreed()
    scene = book.scene
    pass_until = passing(scene)
    scene.limit(40)
    scene.grant(25, at=on("2024-01-01"), expires_at=on("2024-02-20"))
    book.fee("9.99")
    book.fee("30", key="quarter", cadence="P3M")
    book.fee(7, key="support", term="in_arrears")
    minimum = {"minimum_amount": "20"}
    book.usage(scene.meter("sum", price=None), TIERS, commitments=minimum)
    book.coupon(percentage=10, redeemed="2024-01-01")
    contracts.create(
        customer=scene.customer,
        asset=scene.dollars,
        key="k",
        starts_at=on("2024-01-01"),
        ramp="P1M",
        amounts=[Decimal(15), Decimal(50), Decimal(60)],
        at=on("2023-12-01"),
    )
    for day, amount in USED.items():
        pass_until(on(day))
        scene.send(event(amount, at=on(day), id=day), at=on(day))
    pass_until(on("2024-03-10"))
    book.end("2024-03-20")
    pass_until(on("2024-04-05"))
    assert verification.verify(book=scene.book).is_clean
    return moved(scene)


def moved(scene):
    """Return what moved between which accounts at which instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.effective_at, d.purpose, c.purpose, trim_scale(sum(e.amount))"
            " FROM ledger_entry e JOIN ledger_account d ON d.id = e.debit_account_id"
            " JOIN ledger_account c ON c.id = e.credit_account_id"
            " WHERE d.book_id = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            [scene.book.pk],
        )
        return cursor.fetchall()


def test_the_same_history_posts_the_same_entries():
    by_jobs, by_hand = live(by_schedule), live(by_clock)

    assert by_jobs == by_hand
    assert len(by_jobs) > 20
