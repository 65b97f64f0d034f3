"""A payment that bounced is taken back."""

from datetime import timedelta

import pytest

from billing import payments
from billing.payments.errors import PaymentStateError
from ledger.models import Outbox
from tests import factories
from tests.billing.payments.documents import issued, money_of, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def states(*invoices):
    return [now(invoice).state for invoice in invoices]


def test_a_payment_that_bounces_opens_what_it_had_paid():
    payer = factories.customer()
    first, second = issued(payer), issued(payer)
    payment = pay(payer, 150, rail="sepa", fee=2)

    row = payments.reverse(payment=payment, reason="AC04", by="bank", key="r-1", at=NOON)

    assert states(first, second) == ["issued", "issued"]
    assert standing(payer.book) == {
        "receivable": 200, "one_off_revenue:chat": -200, "payment_fees": 2,
        "rail_clearing:sepa": -2,
    }  # fmt: skip
    assert now(money_of(payment)).returned == 150
    again = payments.reverse(payment=payment, reason="AC04", by="bank", key="r-1", at=NOON)
    assert again.pk == row.pk
    assert Outbox.objects.filter(payload__type="payment.reversed").count() == 1


def test_a_payment_bounces_once():
    payment = pay(factories.customer(), 10)
    payments.reverse(payment=payment, reason="AC04", by="bank", key="r-1", at=NOON)

    with pytest.raises(PaymentStateError):
        payments.reverse(payment=payment, reason="AC04", by="bank", key="r-2", at=NOON)


def test_what_was_overdue_is_so_again():
    invoice = issued()
    payment = pay(invoice.payer, 100)

    payments.reverse(
        payment=payment, reason="AC04", by="bank", key="r", at=NOON + timedelta(days=31)
    )

    assert now(invoice).state == "overdue"
