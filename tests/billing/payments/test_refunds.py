"""Money goes back: asked for, sent, there; or it failed and is unapplied again."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from billing import payments
from billing.models import Refund
from billing.payments.errors import AllocationExceedsError, PaymentStateError
from ledger.errors import AlreadyExistsError, IdempotencyConflictError, InvalidInputError
from ledger.models import Outbox
from tests import factories
from tests.billing.payments.documents import issued, money_of, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def money():
    return money_of(pay(factories.customer(), 100, rail="psp"))


def ask(money, amount=None, *, key="f-1", **terms):
    return payments.refund(
        source=money, amount=None if amount is None else Decimal(amount), reason="Paid twice",
        by="ann", key=key, at=NOON, **terms,
    )  # fmt: skip


def told():
    return list(
        Outbox.objects.filter(payload__type__startswith="refund.")
        .order_by("pk")
        .values_list("payload__type", flat=True)
    )


def test_money_is_given_back_by_whom_it_came(money):
    refund = ask(money)

    assert (refund.amount, refund.rail, refund.state) == (100, "psp", "requested")
    assert standing(refund.book) == {"rail_clearing:psp": 100, "refunds_payable": -100}
    payments.send(refund=refund, external_id="re_1", by="psp", at=NOON)
    payments.settle(refund=refund, external_id="re_1", by="psp", at=NOON)
    assert standing(refund.book) == {}
    assert (now(refund).state, now(refund).external_id) == ("settled", "re_1")
    assert told() == ["refund.requested", "refund.settled"]


def test_each_step_again_changes_nothing(money):
    refund = ask(money, 60)
    assert ask(money, 60) == refund

    for _ in range(2):
        payments.send(refund=refund, external_id="re_1", by="psp", at=NOON)
    for _ in range(2):
        payments.settle(refund=refund, by="psp", at=NOON)

    assert told() == ["refund.requested", "refund.settled"]
    assert Refund.objects.count() == 1


def test_one_that_failed_leaves_the_money_unapplied(money):
    refund = ask(money, 60)

    for _ in range(2):
        payments.fail(refund=refund, reason="Account closed", by="psp", at=NOON)

    assert payments.left_of(now(money)) == 100
    assert standing(refund.book) == {"rail_clearing:psp": 100, "unapplied_cash": -100}
    assert told() == ["refund.requested", "refund.failed"]


def test_what_is_over_stays_as_it_ended(money):
    settled, failed = ask(money, 10, key="a"), ask(money, 10, key="b")
    payments.settle(refund=settled, by="psp", at=NOON)
    payments.fail(refund=failed, reason="Closed", by="psp", at=NOON)

    with pytest.raises(PaymentStateError):
        payments.fail(refund=settled, reason="Late", by="psp", at=NOON)
    with pytest.raises(PaymentStateError):
        payments.settle(refund=failed, by="psp", at=NOON)
    with pytest.raises(PaymentStateError):
        payments.send(refund=failed, external_id="re_9", by="psp", at=NOON)
    with pytest.raises(DatabaseError, match="cannot become"), transaction.atomic():
        Refund.objects.filter(pk=failed.pk).update(state="settled")


def test_no_more_goes_back_than_is_left(money):
    ask(money, 60)

    with pytest.raises(AllocationExceedsError):
        ask(money, "40.01", key="f-2")
    with pytest.raises(InvalidInputError):
        ask(money, 0, key="f-3")
    ask(money, 40, key="f-4")
    with pytest.raises(InvalidInputError):
        ask(money, key="f-5")


def test_keys_and_names_stand_for_one_refund(money):
    first, second = ask(money, 10, key="a"), ask(money, 10, key="b")
    payments.send(refund=first, external_id="re_1", by="psp", at=NOON)

    with pytest.raises(IdempotencyConflictError):
        ask(money, 11, key="a")
    with pytest.raises(AlreadyExistsError):
        payments.send(refund=second, external_id="re_1", by="psp", at=NOON)
    with pytest.raises(PaymentStateError):
        payments.send(refund=first, external_id="re_2", by="psp", at=NOON)
    with pytest.raises(PaymentStateError):
        payments.settle(refund=first, external_id="re_2", by="psp", at=NOON)


def test_what_paid_an_invoice_is_not_refunded_from_under_it():
    invoice = issued()
    payment = pay(invoice.payer, 130)

    with pytest.raises(AllocationExceedsError):
        ask(money_of(payment), 31)
    assert ask(money_of(payment)).amount == 30


def test_money_that_a_dispute_may_take_is_not_refunded():
    payment = pay(factories.customer(), 100)
    dispute = payments.open_dispute(
        payment=payment, amount=Decimal(70), reason="Fraud", by="a", key="d", at=NOON
    )

    with pytest.raises(AllocationExceedsError):
        payments.refund(
            source=money_of(payment), amount=Decimal(31), reason="Asked", by="a", key="r", at=NOON
        )
    made = payments.refund(source=money_of(payment), reason="Asked", by="a", key="s", at=NOON)

    assert made.amount == 30
    lost = payments.decide(dispute=dispute, outcome="lost", decision="No proof", by="a", at=NOON)
    assert lost.state == "lost"
    assert payments.left_of(now(money_of(payment))) == 0
