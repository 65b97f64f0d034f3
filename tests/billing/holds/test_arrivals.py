"""Usage and captures that name it, in either order: each event is paid once."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.holds import arrivals
from billing.metering import corrections, snapshot
from billing.models import Subject, UsageEvent
from ledger import verification
from ledger.errors import InvalidInputError
from tests import factories
from tests.billing.holds.callers import world
from tests.wallets.holds.setting_aside import capture, hold, standing_on
from tests.wallets.spending import left_in
from wallets.models import CreditGrant

pytestmark = pytest.mark.django_db

NAME = "gateway0"


@pytest.fixture
def caller():
    snapshot.forget()
    book = factories.book()
    [caller] = world(book=book, callers=1, customers=1, credit=Decimal(10), clock=now)
    return caller


@pytest.fixture
def customer(caller):
    return Subject.objects.get(key=NAME).customer


def spent(customer):
    """Return what is gone of all lots that the customer may spend."""
    lots = CreditGrant.objects.filter(wallet__customer__book=customer.book)
    return sum((lot.amount - left_in(lot) for lot in lots), Decimal(0))


def paid(customer):
    return arrivals.paid_in(
        book_id=customer.book_id, customer_id=customer.pk, asset_id=factories.asset().pk
    )


def take(customer, amount, *events, reserved=5):
    return capture(
        hold(customer, reserved, at=now()),
        amount,
        at=now(),
        events=[(NAME, event) for event in events],
        arrived=paid(customer),
    )


def test_usage_after_its_capture_is_paid_from_it(caller, customer):
    take(customer, 2, "e1")
    assert (spent(customer), standing_on(customer, "captured")) == (2, 2)

    caller.send({"e1": Decimal("1.50")})

    assert (spent(customer), standing_on(customer, "captured")) == (Decimal("1.50"), 0)


def test_usage_before_its_capture_is_not_paid_again(caller, customer):
    caller.send({"e1": Decimal("1.50")})

    take(customer, 2, "e1")

    assert (spent(customer), standing_on(customer, "captured")) == (Decimal("1.50"), 0)


def test_some_before_and_some_after_come_to_what_all_cost(caller, customer):
    caller.send({"e1": Decimal("1.50")})
    taken = take(customer, 4, "e1", "e2")
    assert (taken.remaining, spent(customer)) == (Decimal("2.50"), 4)

    caller.send({"e2": Decimal(1)})

    assert (spent(customer), standing_on(customer, "captured")) == (Decimal("2.50"), 0)


def test_usage_that_costs_more_than_was_captured_is_paid_all_the_same(caller, customer):
    take(customer, 2, "e1")

    caller.send({"e1": Decimal(3)})

    assert (spent(customer), standing_on(customer, "captured")) == (3, 0)


def test_captured_usage_that_is_voided_comes_back(caller, customer):
    take(customer, 2, "e1")
    caller.send({"e1": Decimal("1.50")})
    event = UsageEvent.objects.get(external_id="e1")

    corrections.void(book=customer.book, event=event, key="v1", reason="test", at=now())

    assert spent(customer) == 0
    assert verification.verify(book=customer.book).disagreements == []


def test_usage_of_a_subject_that_is_mapped_later_counts_from_then(caller, customer):
    Subject.objects.all().delete()
    caller.send({"e1": Decimal(1)}, accepted=0)

    assert paid(customer)([(NAME, "e1")]) == {}


def test_what_usage_cost_is_told_by_its_name(caller, customer):
    caller.send({"e1": Decimal("1.50"), "e2": Decimal(1)})

    found = paid(customer)([(NAME, "e1"), (NAME, "e2"), (NAME, "e3"), ("elsewhere", "e1")])

    assert found == {(NAME, "e1"): Decimal("1.50"), (NAME, "e2"): 1}


def test_nothing_recorded_takes_one_query(customer, django_assert_num_queries):
    arrived = paid(customer)

    with django_assert_num_queries(1):
        assert arrived([(NAME, "e1"), (NAME, "e2")]) == {}


def test_usage_of_another_customer_is_refused(caller, customer):
    caller.send({"e1": Decimal("1.50")})
    other = factories.customer(book=customer.book)
    wallet = factories.wallet(customer=other)
    factories.grant(wallet=wallet, amount=Decimal(10))

    before = spent(customer)

    with pytest.raises(InvalidInputError, match="the hold's own customer"):
        take(other, 2, "e1")

    assert spent(customer) == before
