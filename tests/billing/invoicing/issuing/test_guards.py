"""What the database refuses, whoever writes to it past the application."""

import pytest
from django.db import DatabaseError, connection, transaction

from tests.billing.payments.documents import drafted, issued, pay

pytestmark = pytest.mark.django_db

_COPIED = """
    INSERT INTO billing_invoice
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', i.id + 1000, 'key', 'copy') || %s)).*
    FROM billing_invoice i WHERE id = %s
"""


def as_application(statement, values=()):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "said",
    ['{"state": "issued", "number": "INV-9"}', '{"sequence": 9}', '{"paid": 1}'],
)
def test_a_document_begins_as_a_draft(said):
    draft = drafted()
    as_application(_COPIED, ["{}", draft.pk])

    with pytest.raises(DatabaseError, match="begins as a draft"):
        as_application(_COPIED, [said.replace("{", '{"id": 0, "key": "again", '), draft.pk])


@pytest.mark.parametrize("table", ["billing_invoiceline", "billing_invoicetax"])
def test_no_line_or_tax_moves_to_another_document(table):
    invoice = issued(percentage="19")
    draft = drafted(invoice.payer, percentage="7")

    with pytest.raises(DatabaseError, match="stays with it"):
        as_application(f"UPDATE {table} SET invoice_id = %s", [invoice.pk])
    with pytest.raises(DatabaseError, match="stays with it"):
        as_application(
            f"UPDATE {table} SET invoice_id = %s WHERE invoice_id = %s", [invoice.pk, draft.pk]
        )


@pytest.mark.parametrize("series", ["INV", "NEW"])
def test_numbers_that_are_taken_are_used(series):
    invoice = issued()

    with pytest.raises(DatabaseError, match="taken and not used"):
        as_application(
            "SET CONSTRAINTS ALL IMMEDIATE;"
            " SELECT billing_take_numbers(%s, %s, %s, 'X-{sequence}', 2)",
            [invoice.book_id, series, invoice.series.year if series == "INV" else 0],
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoice SET open = 0",
        "UPDATE billing_invoice SET paid = 10, open = open - 10",
        "UPDATE billing_invoice SET due_date = '2030-01-01'",
        "UPDATE billing_invoice SET number = 'X'",
        "UPDATE billing_invoice SET state = 'draft'",
        "DELETE FROM billing_invoice",
        "UPDATE billing_invoiceline SET amount = 1",
        "DELETE FROM billing_invoiceline",
        "DELETE FROM billing_invoicetax",
        "UPDATE billing_series SET next = next + 1",
        "DELETE FROM billing_billable",
        "DELETE FROM billing_runpart",
        "UPDATE billing_unapplied SET applied = 0",
        "UPDATE billing_allocation SET amount = 1",
        "DELETE FROM billing_allocation",
        "UPDATE billing_payment SET amount = 1",
        "UPDATE billing_refund SET amount = 1",
        "UPDATE billing_dispute SET amount = 1",
        "DELETE FROM billing_claim",
        "UPDATE billing_closingcheck SET state = 'ok'",
        "DELETE FROM billing_invoiceevent",
    ],
)
def test_what_stands_is_not_rewritten(statement):
    invoice = issued(percentage="19")
    pay(invoice.payer, 50)

    with pytest.raises(DatabaseError):
        as_application(statement)
