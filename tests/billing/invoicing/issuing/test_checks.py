"""What does not agree between documents, their sources and the ledger is named."""

import pytest
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from billing.invoicing import checks, lifecycle
from tests.billing.invoicing.documents import ISSUED, composed_draft, issued_invoice, selling

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return issued_invoice(selling(), "10.004", tax=19)


def tamper(statement, *values):
    """Change rows past the application and past the database's promises."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def found(check, invoice):
    return [f"{one.subject}: {one.detail}" for one in check(book_id=invoice.book_id)]


def test_all_of_them_are_run_by_verify_ledger():
    named = [import_string(name) for name in settings.LEDGER_CHECKS if ".invoicing." in name]

    assert named == list(checks.ALL)


@pytest.mark.parametrize("check", checks.ALL)
def test_nothing_is_found_in_what_was_issued_credited_and_voided(check, invoice):
    scene = selling()
    issued_invoice(scene, 5, tax=19)
    second = issued_invoice(scene, "0.004")
    lifecycle.void(invoice=issued_invoice(scene, 7), reason="x", by="Ada", at=ISSUED)
    composed_draft(scene, 3)

    for one in (invoice, second):
        assert found(check, one) == []
    assert list(check(book_id=None)) == []


def test_totals_that_were_changed_are_found(invoice):
    tamper("UPDATE billing_invoicetax SET tax = 9 WHERE invoice_id = %s", invoice.pk)

    [shown] = found(checks.invoices_add_up, invoice)
    assert shown == f"document {invoice.number}: says 1.9, its taxes come to 9"
    assert "DE:S:19: documents say 9 USD" in found(checks.tax_ties_out, invoice)[0]


def test_a_line_that_was_changed_is_found(invoice):
    tamper("UPDATE billing_invoiceline SET exact_due = 9 WHERE invoice_id = %s", invoice.pk)

    assert "line 1: what is due" in found(checks.lines_say_what_they_do, invoice)[0]


def test_text_that_was_changed_is_found(invoice):
    tamper("UPDATE billing_invoiceline SET description = 'x' WHERE invoice_id = %s", invoice.pk)

    assert "something else" in found(checks.contents_are_as_issued, invoice)[0]


@pytest.mark.parametrize(
    ("column", "said"),
    [("issue_date", "something else"), ("due_date", "something else"),
     ("tax_date", "something else"), ("number", "another number")],
)  # fmt: skip
def test_a_number_or_date_that_was_changed_is_found(invoice, column, said):
    new = "X-1" if column == "number" else "2020-01-01"
    tamper("SET CONSTRAINTS ALL IMMEDIATE")
    tamper("ALTER TABLE billing_invoice DISABLE TRIGGER guard")
    tamper(f"UPDATE billing_invoice SET {column} = %s WHERE id = %s", new, invoice.pk)

    assert said in found(checks.contents_are_as_issued, invoice)[0]


def test_a_state_that_was_changed_is_found(invoice):
    tamper("UPDATE billing_invoice SET state = 'paid' WHERE id = %s", invoice.pk)

    assert "is paid and leaves" in found(checks.states_follow_what_is_open, invoice)[0]


def test_what_is_billed_and_was_changed_is_found(invoice):
    billable = invoice.lines.get().billable_id
    tamper(
        "UPDATE billing_billable SET billed[2] = 3, billed[5] = 3 WHERE id = %s",
        billable,
    )

    assert len(found(checks.billables_are_sums_of_lines, invoice)) == 2
    assert "7.004 left" in found(checks.unbilled_ties_out, invoice)[0]
    assert (
        "10.004 stand on account of it, 3 were billed"
        in found(checks.nothing_is_forgotten, invoice)[0]
    )


def test_a_number_that_is_missing_is_found(invoice):
    tamper("UPDATE billing_series SET next = 4 WHERE book_id = %s", invoice.book_id)

    assert found(checks.numbers_have_no_gap, invoice) == [
        "series INV 2025: the next is 4, there are 1 up to 1"
    ]
    tamper("UPDATE billing_series SET next = 2 WHERE book_id = %s", invoice.book_id)
