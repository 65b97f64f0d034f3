"""A test clock makes the invoices of its customers, each when it would be made."""

from datetime import date
from decimal import Decimal

import pytest

from billing import collection
from billing.models import Invoice, Supplier
from ledger import clocks, verification
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event

pytestmark = pytest.mark.django_db


@pytest.fixture
def sub(settings):
    settings.METERBOOK_TEST_CLOCKS = True
    made = agreed()
    Supplier.objects.create(book=made.scene.book, legal_name="Us", updated_at=on("2023-12-31"))
    made.fee(10)
    made.clock = clocks.create(
        book=made.scene.book, key="c", now_at=on("2023-12-31"), at=on("2023-12-31")
    )
    clocks.attach(customer=made.scene.customer, clock=made.clock)
    return made


def advance(sub, to):
    sub.clock.refresh_from_db()
    return clocks.advance(clock=sub.clock, to=on(to))


def documents(sub):
    rows = Invoice.objects.filter(book=sub.scene.book).exclude(number="").order_by("sequence")
    return [(row.issue_date, row.due, row.state) for row in rows]


def test_each_month_has_its_invoice_on_its_day(sub):
    done = advance(sub, "2024-03-15")

    assert done.invoices == 3
    assert documents(sub) == [
        (date(2024, 1, 1), 10, "overdue"),
        (date(2024, 2, 1), 10, "overdue"),
        (date(2024, 3, 1), 10, "issued"),
    ]
    assert verification.verify(book=sub.scene.book).is_clean


def test_in_one_step_or_in_many_the_invoices_are_the_same(sub):
    meter = sub.scene.meter("sum", price=None)
    sub.usage(meter, {"type": "unit", "amount": "0.5"})
    for day in ("2024-01-20", "2024-02-20"):
        sub.scene.send(event(9, at=on(day)), at=on(day))

    for step in ("2024-01-01", "2024-01-31", "2024-02-01", "2024-02-01T00:30", "2024-03-15"):
        advance(sub, step)

    assert [(on_, due) for on_, due, _ in documents(sub)] == [
        (date(2024, 1, 1), 10),
        (date(2024, 2, 1), Decimal("14.5")),
        (date(2024, 3, 1), Decimal("14.5")),
    ]


def test_advancing_to_where_it_stands_changes_nothing(sub):
    advance(sub, "2024-02-15")
    before = documents(sub)

    assert advance(sub, "2024-02-15").invoices == 0

    assert documents(sub) == before


def test_usage_that_comes_late_is_on_the_next_invoice(sub):
    meter = sub.scene.meter("sum", price=None)
    sub.usage(meter, {"type": "unit", "amount": "0.5"})
    sub.scene.send(event(2, at=on("2024-01-20")), at=on("2024-01-20"))
    advance(sub, "2024-02-15")
    sub.scene.send(event(4, at=on("2024-01-25")), at=on("2024-02-15"))

    advance(sub, "2024-02-16")

    assert documents(sub)[-1][:2] == (date(2024, 2, 15), 2)


def test_a_book_that_does_not_say_who_sells_makes_no_invoices(sub):
    Supplier.objects.all().delete()

    assert advance(sub, "2024-03-15").invoices == 0
    assert not Invoice.objects.exists()


def test_spending_beyond_a_threshold_is_invoiced_before_anything_is_due(sub):
    meter = sub.scene.meter("sum", price=None)
    sub.usage(meter, {"type": "unit", "amount": "0.5"})
    customer = sub.scene.customer
    collection.set_profile(
        book=sub.scene.book, customer=customer, at=on("2023-12-31"), threshold=Decimal(50)
    )
    advance(sub, "2024-01-02")
    sub.scene.send(event(90, at=on("2024-01-02")), at=on("2024-01-02"))
    assert advance(sub, "2024-01-03").invoices == 0
    sub.scene.send(event(30, at=on("2024-01-03")), at=on("2024-01-03"))

    assert advance(sub, "2024-01-04").invoices == 1
    assert documents(sub)[-1] == (date(2024, 1, 4), 60, "issued")
