"""Many are charged together as each would be alone, at the price of a few queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import charging, checks, due
from billing.metering import snapshot
from billing.models import Charge, Subscription
from ledger.models import Customer
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.charging.together import rich, whose
from tests.billing.scene import left, new_scene

pytestmark = pytest.mark.django_db


def settle(books, until):
    """Settle an instant of each together; return the steps, and how many queries that took."""
    catalogue = snapshot.current(books[0].scene.book.pk)
    owners = {book.subscription.pk: book.subscription.customer_id for book in books}
    with CaptureQueriesContext(connection) as captured:
        steps = charging.settle_all(subscriptions=owners, until=on(until), catalogue=catalogue)
    return steps, len(captured)


def test_fifty_subscriptions_cost_as_many_queries_as_five():
    counts = []
    for many in (5, 50):
        scene = new_scene()
        scene.meter("sum", price=None)
        books = [rich(whose(scene), day=1 + number % 5) for number in range(many)]
        settle(books, "2024-02-20")
        steps, count = settle(books, "2024-02-20")
        assert len(steps) == many
        assert {step.instant.day for step in steps.values()} == {1, 2, 3, 4, 5}
        counts.append(count)

    assert counts[0] == counts[1] < 50


def test_what_comes_next_for_fifty_customers_is_found_by_as_many_queries_as_for_five():
    counts = []
    for many in (5, 50):
        scene = new_scene()
        books = [agreed(scene=whose(scene)) for _ in range(many)]
        for book in books:
            book.fee(10)
        due.sweep(at=on("2024-01-10"))
        with CaptureQueriesContext(connection) as captured:
            assert due.sweep(at=on("2024-02-10")).charges == 2 * many
        counts.append(len(captured))
        Subscription.objects.update(due_at=None)

    assert counts[0] == counts[1]


def test_who_fails_is_told_apart_and_charged_once_it_is_put_right():
    scene = new_scene()
    books = [agreed(scene=whose(scene)) for _ in range(9)]
    for book in books:
        book.fee(10)
    bad = books[4]
    bad.items["base"].terms = {"price": {"type": "none such"}}
    bad.items["base"].save()

    swept = due.sweep(at=on("2024-01-10"))

    assert [number for number, _ in swept.failures] == [bad.scene.customer.pk]
    assert (swept.done, swept.charges) == (8, 8)
    assert [book.charges for book in books] == [[10]] * 4 + [[]] + [[10]] * 4
    bad.items["base"].terms = {"price": {"type": "flat", "amount": "10"}}
    bad.items["base"].save()
    assert due.sweep(at=on("2024-01-10")).charges == 1
    assert not list(checks.charges_were_posted(book_id=None))


def test_in_a_family_who_is_due_first_is_paid_for_first():
    scene = new_scene()
    lot = scene.grant(
        10, at=on("2024-01-01"), wallet=factories.wallet(customer=scene.customer, is_shared=True)
    )
    first, second = (whose(scene, parent=scene.customer) for _ in range(2))
    late, early = agreed(scene=first), agreed(scene=second)
    late.fee(10, key="late", since="2024-01-05", term="in_arrears", cadence="P1D")
    early.fee(10, key="early", since="2024-01-03", until="2024-01-04", term="in_arrears")
    Subscription.objects.filter(pk=late.subscription.pk).update(due_at=on("2024-01-06"))

    due.sweep(at=on("2024-01-06"))

    assert left(lot) < 10
    charge = Charge.objects.get(subscription=early.subscription)
    assert charge.taken.startswith(f"{lot}:")


def test_charges_of_several_books_come_by_one_sweep():
    books = [agreed() for _ in range(3)]
    for book in books:
        book.fee(10)

    swept = due.sweep(at=on("2024-01-10"))

    assert (swept.done, swept.failures) == (3, [])
    assert [book.charges for book in books] == [[10]] * 3


def test_nobody_is_seen_to_where_there_is_nobody():
    assert due.run_each(customers=[], until=on("2024-01-10")).done == 0
    assert due.run_each(customers=Customer.objects.none(), until=on("2024-01-10")).done == 0
