"""One owner of a receivable at a time."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from billing import payments
from billing.invoicing import credit_notes, lifecycle
from billing.invoicing.credit_notes import Full
from billing.models import Claim
from billing.payments.errors import ClaimedError, DocumentStateError, PaymentStateError
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.billing.payments.documents import drafted, issued, money_of, now, pay
from tests.factories import NOON

pytestmark = pytest.mark.django_db

LEASE = timedelta(minutes=10)


def claim(invoice, owner="stripe:main", *, key="1", at=NOON, lease=LEASE):
    return payments.claim(invoice=invoice, owner=owner, key=key, lease=lease, at=at)


def test_who_claims_first_collects_alone():
    invoice = issued()
    claim(invoice)

    for owner, key in (("hosted:9", "1"), ("stripe:main", "2")):
        with pytest.raises(ClaimedError) as refused:
            claim(invoice, owner, key=key)
        assert refused.value.facts["owner"] == "stripe:main"


def test_the_same_attempt_prolongs_its_lease():
    invoice = issued()
    first = claim(invoice)

    again = claim(invoice, at=NOON + LEASE / 2)

    assert again == first
    assert again.lease_until == NOON + LEASE * 1.5


def test_a_lease_that_is_over_leaves_it_to_the_next():
    invoice = issued()
    first = claim(invoice)

    second = claim(invoice, "hosted:9", at=NOON + LEASE)

    assert (now(first).outcome, second.outcome) == ("expired", "")
    with pytest.raises(IdempotencyConflictError):
        claim(invoice, at=NOON + LEASE)


def test_nobody_else_collects_while_it_is_unknown_whether_the_payer_was_charged():
    invoice = issued()
    first = payments.hold(claim=claim(invoice))

    with pytest.raises(ClaimedError):
        claim(invoice, "hosted:9", at=NOON + 100 * LEASE)
    payments.release(claim=first, outcome="failed", at=NOON + 101 * LEASE)
    assert claim(invoice, "hosted:9", at=NOON + 101 * LEASE).owner == "hosted:9"


def test_a_claim_ends_once():
    first = claim(issued())

    payments.release(claim=first, outcome="failed", at=NOON)

    assert payments.release(claim=first, outcome="failed", at=NOON).outcome == "failed"
    with pytest.raises(PaymentStateError):
        payments.release(claim=first, outcome="paid", at=NOON)
    with pytest.raises(PaymentStateError):
        payments.hold(claim=first)


def test_money_that_comes_otherwise_counts_and_ends_the_claim():
    invoice = issued()
    first = claim(invoice)

    pay(invoice.payer, 100, reference=invoice.number)

    assert now(invoice).state == "paid"
    assert now(first).outcome == "settled"
    with pytest.raises(DocumentStateError):
        claim(invoice, "hosted:9")


@pytest.mark.parametrize("how", ["allocated", "credited", "written off"])
def test_whatever_settles_a_document_ends_the_claim(how):
    invoice = issued()
    first = claim(invoice)

    if how == "allocated":
        money = money_of(pay(invoice.payer, 100, allocate="nothing"))
        payments.allocate(source=money, by="ann", at=NOON)
    elif how == "credited":
        credit_notes.credit(
            invoice=invoice, what=Full(), disposition="offset", reason="Down", by="ann", key="c",
            at=NOON,
        )  # fmt: skip
    else:
        payments.write_off(invoice=invoice, reason="Gone", by="ann", key="w", at=NOON)

    assert now(first).outcome == "settled"


def test_nobody_goes_on_collecting_what_is_void():
    invoice = issued()
    claim(invoice)
    lifecycle.void(invoice=invoice, reason="Wrong", by="ann", at=NOON)

    with pytest.raises(DocumentStateError):
        claim(invoice, at=NOON + LEASE / 2)


def test_an_unknown_outcome_stands_whatever_else_comes():
    invoice = issued()
    first = payments.hold(claim=claim(invoice))

    pay(invoice.payer, 100)

    assert now(first).released_at is None


@pytest.mark.parametrize("wrong", [{"owner": ""}, {"key": " x"}, {"lease": timedelta(0)}], ids=str)
def test_a_claim_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidInputError):
        claim(issued(), **wrong)


def test_only_what_is_to_be_paid_is_claimed():
    with pytest.raises(DocumentStateError):
        claim(drafted())


def test_the_database_keeps_one_open_claim():
    first = claim(issued())

    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(
            invoice=first.invoice, owner="x", key="2", claimed_at=NOON, lease_until=NOON
        )
