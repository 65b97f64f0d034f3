"""A payment is taken back through a card network: held, then won or lost."""

from decimal import Decimal

import pytest

from billing import payments
from billing.models import Dispute
from billing.payments.errors import AllocationExceedsError, PaymentStateError
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Outbox
from tests.billing.payments.documents import issued, money_of, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return issued()


@pytest.fixture
def payment(invoice):
    return pay(invoice.payer, 130, rail="psp")


def open_(payment, amount=None, *, key="d-1", **terms):
    return payments.open_dispute(
        payment=payment, amount=None if amount is None else Decimal(amount), reason="Fraud",
        by="psp", key=key, at=NOON, **terms,
    )  # fmt: skip


def decide(dispute, outcome):
    return payments.decide(
        dispute=dispute, outcome=outcome, decision="The network said so", by="psp", at=NOON
    )


def told():
    rows = Outbox.objects.filter(payload__type__startswith="dispute.").order_by("pk")
    return [row.payload["type"] for row in rows]


def test_the_rail_holds_the_money_until_it_is_decided(invoice, payment):
    dispute = open_(payment, fee=Decimal(15), external_id="dp_1")

    assert now(invoice).state == "paid"
    stands = standing(invoice.book)
    assert stands["disputes:psp"] == 130
    assert stands["payment_fees"] == 15
    assert stands["rail_clearing:psp"] == -15
    assert open_(payment, key="other", external_id="dp_1") == dispute
    assert told() == ["dispute.opened"]


def test_money_comes_back_when_it_is_won(invoice, payment):
    dispute = open_(payment)

    assert decide(decide(dispute, "won"), "won").state == "won"

    assert "disputes:psp" not in standing(invoice.book)
    assert now(invoice).state == "paid"
    assert told() == ["dispute.opened", "dispute.won"]


def test_what_it_had_paid_is_open_again_when_it_is_lost(invoice, payment):
    decide(open_(payment), "lost")

    assert (now(invoice).state, now(invoice).open) == ("issued", 100)
    assert standing(invoice.book) == {"receivable": 100, "one_off_revenue:chat": -100}
    assert now(money_of(payment)).returned == 130
    assert told() == ["dispute.opened", "dispute.lost"]


def test_unapplied_money_goes_first_and_the_rest_stays_paid(invoice, payment):
    decide(open_(payment, 50), "lost")

    assert now(invoice).open == 20
    assert payments.left_of(money_of(payment)) == 0


def test_what_was_decided_stays_so(payment):
    dispute = decide(open_(payment), "lost")

    with pytest.raises(PaymentStateError):
        decide(dispute, "won")
    with pytest.raises(InvalidInputError):
        decide(dispute, "maybe")
    assert Dispute.objects.get().state == "lost"


def test_no_more_is_disputed_than_came_and_is_still_there(payment):
    open_(payment, 100)

    with pytest.raises(AllocationExceedsError):
        open_(payment, 31, key="d-2")
    with pytest.raises(InvalidInputError):
        open_(payment, 0, key="d-3")
    with pytest.raises(IdempotencyConflictError):
        open_(payment, 99)


def test_a_payment_is_not_taken_back_while_it_is_disputed(payment):
    open_(payment, 10)

    with pytest.raises(PaymentStateError):
        payments.reverse(payment=payment, reason="AC04", by="b", key="r", at=NOON)
