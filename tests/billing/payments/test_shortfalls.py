"""A bank takes a payment back whose money had left already: the payer owes it again."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import payments
from billing.invoicing import checks as documents
from billing.invoicing import credit_notes, lifecycle
from billing.invoicing.documents import storing
from billing.invoicing.errors import InvoiceStateError
from billing.models import Allocation, Invoice
from billing.payments import ageing, checks, dispositions, statements
from billing.payments.errors import (
    AllocationExceedsError,
    DocumentStateError,
    PaymentStateError,
)
from tests import factories
from tests.billing.payments.documents import issued, money_of, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db
MORE_THAN_CAME = "billing_allocation_belongs"


@pytest.fixture
def invoice():
    return issued()


@pytest.fixture
def payment(invoice):
    """Return 130 for an invoice over 100; 30 of it stay unapplied."""
    return pay(invoice.payer, 130, rail="sepa")


def refund(payment, amount=None, *, key="f"):
    return payments.refund(
        source=money_of(payment), amount=amount, reason="Paid too much", by="ann", key=key, at=NOON
    )


def bounce(payment, *, key="r", at=NOON):
    return payments.reverse(payment=payment, reason="AC04", by="bank", key=key, at=at)


def debit_note():
    return Invoice.objects.get(kind="debit_note")


def assert_books_agree(book):
    for check in (*checks.ALL, *documents.ALL):
        assert list(check(book_id=book.pk)) == []


def test_what_was_refunded_before_a_bounce_is_owed_by_a_debit_note(invoice, payment):
    refunded = refund(payment)
    payments.settle(refund=refunded, by="psp", at=NOON)

    row = bounce(payment)

    assert (row.kind, row.amount) == ("returned", 100)
    note = debit_note()
    assert (note.due, note.open, note.tax, note.due_date) == (30, 30, 0, note.issue_date)
    assert (note.reason_code, note.reason) == ("payment_returned", "AC04")
    assert standing(invoice.book) == {
        "receivable": 130, "one_off_revenue:chat": -100, "rail_clearing:sepa": -30,
    }  # fmt: skip
    assert_books_agree(invoice.book)


def test_a_payment_of_which_nothing_is_left_bounces_as_well(payment, invoice):
    rest = pay(factories.customer(), 50)
    refund(rest, key="all")

    row = bounce(rest)

    assert (row.kind, row.amount, row.invoice) == ("shortfall", 50, debit_note())
    assert bounce(rest) == row
    with pytest.raises(PaymentStateError):
        bounce(rest, key="again")
    assert Invoice.objects.filter(kind="debit_note").count() == 1
    assert_books_agree(rest.book)


def test_it_is_aged_and_stated_like_what_else_is_owed(invoice, payment):
    refund(payment)
    bounce(payment)
    later = NOON + timedelta(days=2)

    (row,) = ageing.ageing(book=invoice.book, at=later).rows
    assert (row.total, row.overdue, row.documents) == (130, 30, 2)
    made = statements.statement(
        payer=invoice.payer, asset=invoice.asset, starts_at=NOON - timedelta(days=1), ends_at=later
    )
    assert made.closing == 130
    assert ("Debit note", debit_note().number, 30) in [
        (line.name, line.number, line.amount) for line in made.lines
    ]


def test_the_next_payment_covers_it_first_since_it_is_due_first(invoice, payment):
    refund(payment)
    bounce(payment)

    pay(invoice.payer, 40)

    assert (debit_note().state, now(invoice).open) == ("paid", 90)
    assert_books_agree(invoice.book)


def test_a_refund_that_fails_after_the_bounce_pays_it(invoice, payment):
    refunded = refund(payment)
    bounce(payment)

    payments.fail(refund=refunded, reason="Closed account", by="psp", at=NOON)
    dispositions.set_off_open(payer_id=invoice.payer_id, by="set-off", at=NOON)

    assert debit_note().state == "paid"
    assert_books_agree(invoice.book)


def test_a_chargeback_takes_what_was_refunded_as_well(invoice, payment):
    refund(payment)

    dispute = payments.open_dispute(payment=payment, reason="Fraud", by="psp", key="d", at=NOON)
    payments.decide(dispute=dispute, outcome="lost", decision="No proof", by="psp", at=NOON)

    assert (now(invoice).open, debit_note().open) == (100, 30)
    assert Allocation.objects.get(kind="shortfall").dispute == dispute
    assert "disputes:sepa" not in standing(invoice.book)
    with pytest.raises(AllocationExceedsError):
        payments.open_dispute(
            payment=payment, amount=Decimal(1), reason="Fraud", by="psp", key="e", at=NOON
        )
    assert_books_agree(invoice.book)


def test_a_bounce_leaves_with_the_network_what_it_took_before(invoice, payment):
    dispute = payments.open_dispute(
        payment=payment, amount=Decimal(40), reason="Fraud", by="psp", key="d", at=NOON
    )
    payments.decide(dispute=dispute, outcome="lost", decision="No proof", by="psp", at=NOON)

    assert bounce(payment).amount == 90

    assert standing(invoice.book) == {"receivable": 100, "one_off_revenue:chat": -100}
    assert_books_agree(invoice.book)


def test_it_is_written_off_but_neither_void_nor_credited(invoice, payment):
    refund(payment)
    bounce(payment)
    note = debit_note()

    with pytest.raises(InvoiceStateError, match="taken back"):
        lifecycle.void(invoice=note, reason="Wrong", by="ann", at=NOON)
    with pytest.raises(DocumentStateError):
        credit_notes.credit(
            invoice=note, what=credit_notes.Full(), disposition="offset", reason="Kind", by="ann",
            key="c", at=NOON,
        )  # fmt: skip
    payments.write_off(invoice=note, reason="Gone", by="ann", key="w", at=NOON)

    assert now(note).state == "uncollectible"
    assert standing(invoice.book)["bad_debt"] == 30
    assert_books_agree(invoice.book)


def test_no_more_is_taken_back_than_came_whoever_writes(invoice, payment):
    refund(payment)
    bounce(payment)
    row = Allocation.objects.get(kind="shortfall")
    row.pk = None

    with pytest.raises(IntegrityError, match="belong") as refused, transaction.atomic():
        row.save(force_insert=True)
    assert refused.value.__cause__.diag.constraint_name == MORE_THAN_CAME


def test_it_can_be_sent_as_an_invoice_of_any_kind(invoice, payment):
    refund(payment)
    bounce(payment)

    for form in ("pdf", "ubl"):
        assert storing.render(invoice=debit_note(), format=form, at=NOON).content
