"""Money is given to documents, and taken back from them."""

from decimal import Decimal

import pytest

from billing import payments
from billing.models import Allocation
from billing.payments.errors import (
    AllocationExceedsError,
    DocumentStateError,
)
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests import factories
from tests.billing.payments.documents import drafted, issued, money_of, now, pay
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def states(*invoices):
    return [now(invoice).state for invoice in invoices]


def test_money_is_given_to_what_somebody_chose():
    payer = factories.customer()
    first, second = issued(payer), issued(payer)
    money = money_of(pay(payer, 90, allocate="nothing"))

    rows = payments.allocate(
        source=money, parts=[(second.pk, Decimal(60)), (first.pk, Decimal(20))], by="ann",
        at=NOON,
    )  # fmt: skip

    assert [row.policy for row in rows] == ["chosen", "chosen"]
    assert [now(first).open, now(second).open] == [80, 40]
    assert payments.left_of(now(money)) == 10


def test_the_same_key_gives_once():
    invoice = issued()
    money = money_of(pay(invoice.payer, 90, allocate="nothing"))
    parts = [(invoice.pk, Decimal(30))]

    first = payments.allocate(source=money, parts=parts, by="ann", at=NOON, key="a-1")
    again = payments.allocate(source=money, parts=parts, by="ann", at=NOON, key="a-1")

    assert [row.pk for row in again] == [row.pk for row in first]
    assert now(invoice).open == 70
    with pytest.raises(IdempotencyConflictError):
        payments.allocate(
            source=money, parts=[(invoice.pk, Decimal(31))], by="ann", at=NOON, key="a-1"
        )


def test_no_more_is_given_than_there_is_or_than_is_open():
    payer = factories.customer()
    invoice, other = issued(payer), issued(payer)
    money = money_of(pay(payer, 150, allocate="nothing"))

    with pytest.raises(AllocationExceedsError) as too_much_for_it:
        payments.allocate(source=money, parts=[(invoice.pk, Decimal(101))], by="a", at=NOON)
    parts = [(invoice.pk, Decimal(100)), (other.pk, Decimal("50.01"))]
    with pytest.raises(AllocationExceedsError) as more_than_there_is:
        payments.allocate(source=money, parts=parts, by="a", at=NOON)

    open_, left = {"open": Decimal(100)}, {"left": Decimal(150)}  # not the database's refusals
    said = too_much_for_it.value.facts
    assert said == {"invoice": invoice.number, "amount": Decimal(101), **open_}
    said = more_than_there_is.value.facts
    assert said == {"amount": Decimal("150.01"), "source": str(now(money)), **left}
    assert now(invoice).open == 100


@pytest.mark.parametrize("parts", [[], [("x", 0)], [("x", -1)], [("x", 5), ("x", 5)]], ids=str)
def test_shares_are_above_zero_and_of_different_documents(parts):
    invoice = issued()
    money = money_of(pay(invoice.payer, 150, allocate="nothing"))
    named = [(invoice.pk, Decimal(amount)) for _, amount in parts]

    with pytest.raises(InvalidInputError):
        payments.allocate(source=money, parts=named, by="a", at=NOON)


def test_documents_of_others_drafts_and_void_ones_get_nothing():
    payer = factories.customer()
    money = money_of(pay(payer, 150))
    euros = issued(payer, asset=factories.asset(code="EUR"))

    for wrong in (issued(factories.customer(book=payer.book)), drafted(payer), euros):
        with pytest.raises(DocumentStateError):
            payments.allocate(source=money, parts=[(wrong.pk, Decimal(1))], by="a", at=NOON)


def test_what_was_given_may_be_taken_back_once():
    invoice = issued()
    payment = pay(invoice.payer, 100)
    [row] = Allocation.objects.all()

    undone = payments.unallocate(allocation=row, reason="Wrong one", by="ann", at=NOON)

    assert payments.unallocate(allocation=row, reason="Again", by="ann", at=NOON) == undone
    assert (now(invoice).state, now(invoice).open) == ("issued", 100)
    assert payments.left_of(money_of(payment)) == 100
    with pytest.raises(InvalidInputError):
        payments.unallocate(allocation=undone, reason="Back", by="ann", at=NOON)
