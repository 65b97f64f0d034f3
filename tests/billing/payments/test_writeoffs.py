"""What will not be paid is written off with its tax, and comes in again when it is paid."""

from decimal import Decimal

import pytest

from billing import payments
from billing.models import Allocation, Invoice
from billing.payments.errors import AllocationExceedsError, DocumentStateError
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests import factories
from tests.billing.payments.documents import drafted, issued, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def write_off(invoice, amount=None, *, key="", **terms):
    return payments.write_off(
        invoice=invoice, amount=None if amount is None else Decimal(amount), reason="Insolvent",
        by="ann", key=key or factories.name("w"), at=NOON, **terms,
    )  # fmt: skip


@pytest.fixture
def invoice():
    return issued(nets=["100"], percentage="19")


def test_all_that_is_open_is_bad_debt_less_its_tax(invoice):
    row = write_off(invoice)

    assert (row.amount, row.tax) == (119, 19)
    assert (now(invoice).state, now(invoice).written_off) == ("uncollectible", 119)
    assert standing(invoice.book) == {"one_off_revenue:chat": -100, "bad_debt": 100}


def test_where_the_state_wants_its_tax_all_of_it_is_bad_debt(invoice):
    write_off(invoice, relieves_tax=False)

    assert standing(invoice.book)["bad_debt"] == 119
    assert standing(invoice.book)["tax_payable:DE:S:19"] == -19


def test_parts_relieve_all_of_the_tax_together(invoice):
    for amount in ("39.67", "39.67", "39.66"):
        write_off(invoice, amount)

    assert standing(invoice.book) == {"one_off_revenue:chat": -100, "bad_debt": 100}


def test_a_part_leaves_the_rest_to_be_paid(invoice):
    write_off(invoice, 19)

    assert (now(invoice).state, now(invoice).open) == ("partially_paid", 100)


def test_a_key_writes_off_once(invoice):
    first = write_off(invoice, 19, key="w-1")

    assert write_off(invoice, 19, key="w-1") == first
    with pytest.raises(IdempotencyConflictError):
        write_off(issued(invoice.payer), 19, key="w-1")


def test_no_more_is_written_off_than_is_open(invoice):
    with pytest.raises(AllocationExceedsError):
        write_off(invoice, "119.01")
    with pytest.raises(InvalidInputError):
        write_off(invoice, 0)
    write_off(invoice)
    with pytest.raises(InvalidInputError):
        write_off(invoice)
    with pytest.raises(DocumentStateError):
        write_off(drafted())


def test_money_that_comes_after_all_takes_it_back(invoice):
    write_off(invoice)

    pay(invoice.payer, 119, reference=invoice.number, rail="psp")

    assert (now(invoice).state, now(invoice).paid, now(invoice).written_off) == ("paid", 119, 0)
    assert standing(invoice.book) == {
        "one_off_revenue:chat": -100, "tax_payable:DE:S:19": -19, "rail_clearing:psp": 119,
    }  # fmt: skip


def test_part_of_it_that_comes_takes_back_that_part(invoice):
    write_off(invoice)

    pay(invoice.payer, "19.04", reference=invoice.number, rail="psp")

    assert now(invoice).written_off == Decimal("99.96")
    assert now(invoice).state == "uncollectible"
    stands = standing(invoice.book)
    assert stands["bad_debt"] == 84
    assert stands["tax_payable:DE:S:19"] == Decimal("-3.04")


def test_the_oldest_first_does_not_look_for_what_was_written_off(invoice):
    write_off(invoice)

    payment = pay(invoice.payer, 119)

    assert now(invoice).written_off == 119
    assert payments.left_of(payment.money) == 119


def test_a_bounce_of_what_came_after_all_leaves_it_open(invoice):
    write_off(invoice)
    payment = pay(invoice.payer, 119, reference=invoice.number)

    payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=NOON)

    assert (now(invoice).state, now(invoice).open) == ("issued", 119)
    assert Allocation.objects.filter(kind="write_off").count() == 2
    assert Invoice.objects.count() == 1
