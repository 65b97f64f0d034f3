"""Money of a payer moved by many at once: once each, and never more than there is."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db.models import Sum

from billing import payments
from billing.models import Allocation, Claim, Invoice, Payment, Unapplied
from billing.payments.errors import AllocationExceedsError, ClaimedError
from ledger.errors import DomainError
from ledger.models import Outbox, Transaction
from tests import factories
from tests.billing.payments.documents import issued, money_of, now, pay
from tests.concurrency.at_once import at_once
from tests.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def outcome(call):
    try:
        call()
    except DomainError as error:
        return error.code
    return "done"


def test_the_same_payment_told_64_times_at_once_is_one():
    invoice = issued()
    before = Transaction.objects.count()

    told = at_once([partial(pay, invoice.payer, 100, key="p", rail="psp", external_id="ch_1")] * 64)

    assert len({payment.pk for payment in told}) == 1
    assert (Payment.objects.count(), Unapplied.objects.count()) == (1, 1)
    assert Allocation.objects.count() == 1
    assert Transaction.objects.count() == before + 2  # the payment, and what it was given to
    assert Outbox.objects.filter(payload__type="payment.recorded").count() == 1
    assert now(invoice).state == "paid"


def test_one_payment_given_to_two_invoices_at_once_is_not_given_twice():
    payer = factories.customer()
    invoices = [issued(payer), issued(payer)]
    money = money_of(pay(payer, 100, allocate="nothing"))

    def give(invoice):
        payments.allocate(source=money, parts=[(invoice.pk, Decimal(60))], by="a", at=NOON)

    found = at_once([partial(outcome, partial(give, invoice)) for invoice in invoices])

    assert sorted(found) == [AllocationExceedsError.code, "done"]
    assert payments.left_of(now(money)) == 40


def test_two_payments_given_to_one_invoice_at_once_settle_it_once():
    invoice = issued()
    moneys = [money_of(pay(invoice.payer, 80, allocate="nothing")) for _ in range(2)]

    def give(money):
        payments.allocate(source=money, parts=[(invoice.pk, Decimal(80))], by="a", at=NOON)

    found = at_once([partial(outcome, partial(give, money)) for money in moneys])

    assert sorted(found) == [AllocationExceedsError.code, "done"]
    assert now(invoice).open == 20


def test_of_claims_at_once_one_is_granted():
    invoice = issued()

    def claim(owner):
        payments.claim(invoice=invoice, owner=owner, key="1", lease=timedelta(minutes=5), at=NOON)

    found = at_once([partial(outcome, partial(claim, f"rail:{n}")) for n in range(8)])

    assert sorted(found) == sorted(["done"] + [ClaimedError.code] * 7)
    assert Claim.objects.count() == 1


def test_a_payment_bounces_while_its_money_is_refunded():
    payment = pay(factories.customer(), 100)
    money = money_of(payment)
    calls = [
        lambda: payments.reverse(payment=payment, reason="AC04", by="b", key="r", at=NOON),
        lambda: payments.refund(source=money, reason="Asked", by="a", key="f", at=NOON),
    ]

    bounced, refunded = at_once([partial(outcome, call) for call in calls])

    owed = Invoice.objects.filter(payer=payment.payer).aggregate(owed=Sum("open"))["owed"]
    assert (bounced, now(money).returned) == ("done", 100)
    assert owed == (100 if refunded == "done" else None)  # what had left before it bounced


def test_payments_and_reversals_of_one_payer_wait_for_each_other_in_no_circle():
    payer = factories.customer()
    invoices = [issued(payer) for _ in range(4)]
    bounced = [pay(payer, 50) for _ in range(4)]

    def reverse(payment):
        payments.reverse(payment=payment, reason="AC04", by="b", key=payment.key + "r", at=NOON)

    found = at_once(
        [
            *[partial(outcome, partial(reverse, payment)) for payment in bounced],
            *[partial(outcome, partial(pay, payer, 40)) for _ in range(4)],
        ]
    )

    assert found == ["done"] * 8
    assert sum(now(invoice).open for invoice in invoices) == 400 - 160
