"""What is charged on top of an issued document, on a document of its own."""

from decimal import Decimal

import pytest

from billing.invoicing import debit_notes
from billing.invoicing.debit_notes import Extra
from billing.models import Invoice
from billing.payments.errors import DocumentStateError
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.billing.payments.documents import drafted, issued, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def charge(invoice, *lines, key="d-1"):
    lines = lines or (Extra(description="Setup", unit_price=Decimal("12.50"), product="setup"),)
    return debit_notes.charge(
        invoice=invoice, lines=lines, reason="Forgotten", by="ann", key=key, at=NOON
    )


def test_it_is_a_document_with_a_number_of_its_own_that_is_owed():
    invoice = issued()

    note = charge(invoice)

    assert (note.kind, note.number, note.corrects) == ("debit_note", "DN-2025-000001", invoice)
    assert (note.due, note.open, note.state) == (Decimal("12.50"), Decimal("12.50"), "issued")
    assert standing(invoice.book) == {
        "receivable": Decimal("112.50"), "one_off_revenue:chat": -100,
        "one_off_revenue:setup": Decimal("-12.50"),
    }  # fmt: skip
    pay(invoice.payer, "12.50", reference=note.number)
    assert now(note).state == "paid"


def test_quantities_are_priced_and_rounded_once():
    note = charge(
        issued(), Extra(description="Hours", quantity=Decimal("1.5"), unit_price=Decimal("33.33"))
    )

    assert note.due == Decimal("50.00")


def test_a_tax_code_that_nobody_knows_is_refused_rather_than_taxed_as_usual():
    line = Extra(description="Setup", unit_price=Decimal(5), tax_code="no-such-code")

    with pytest.raises(InvalidInputError, match="tax_code"):
        charge(issued(), line)
    assert not Invoice.objects.filter(kind="debit_note").exists()


def test_a_key_charges_once():
    invoice = issued()

    assert charge(invoice) == charge(invoice)
    assert Invoice.objects.filter(kind="debit_note").count() == 1
    with pytest.raises(IdempotencyConflictError):
        charge(issued(invoice.payer))


def test_what_cannot_be_charged_is_refused():
    invoice = issued()

    with pytest.raises(InvalidInputError):
        charge(invoice, Extra(description="Nothing", unit_price=Decimal(0)))
    with pytest.raises(InvalidInputError):
        debit_notes.charge(invoice=invoice, lines=[], reason="None", by="ann", key="d", at=NOON)
    with pytest.raises(DocumentStateError):
        charge(drafted())
