"""Documents of real usage: drafted, taxed, issued, credited, and each of them as a file."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pypdf
import pytest

from billing import collection
from billing.invoicing import credit_notes
from billing.invoicing.documents import storing, validating
from billing.models import Invoice
from billing.taxation import rates
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import Billed, with_usage

pytestmark = pytest.mark.django_db
TIERS = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "100", "unit_price": {"type": "unit", "amount": "0.10"}},
        {"unit_price": {"type": "unit", "amount": "0.0333"}},
    ],
}
AT = on("2024-01-01")
LATER = on("2024-03-01")


@pytest.fixture
def shop() -> Billed:
    """Return a German seller to a French business, with a fee and usage in two tiers."""
    made = with_usage(TIERS)
    collection.set_supplier(
        book=made.book,
        legal_name="Northwind GmbH",
        address={"line1": "Torstr. 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
        tax_ids={"eu_vat": "DE136695976"},
        contact={"name": "Ada", "email": "ada@northwind.example"},
        bank_accounts=[{"iban": "DE89370400440532013000"}],
        brand={"colour": "#0a5"},
        at=AT,
    )
    rates.enter(
        book=made.book,
        jurisdiction="DE",
        percentage=Decimal(19),
        valid_from=date(2021, 1, 1),
        at=AT,
    )
    return made


def settled(shop: Billed, country: str, **party: Any) -> Invoice:
    """Have the customer use something for a month, and issue what is due."""
    address = {"line1": "1", "city": "X", "country": country}
    collection.set_party(customer=shop.payer, address=address, at=AT, **party)
    shop.use(1234, "2024-01-10")
    return next(one for one in shop.issue("2024-02-01") if one.kind == "invoice")


def files(invoice: Invoice) -> dict[str, storing.File]:
    return {
        kind: storing.render(invoice=invoice, format=kind, at=LATER)
        for kind in ("pdf", "ubl", "cii", "facturx", "csv")
    }


def check(found: dict[str, storing.File]) -> None:
    for kind in ("ubl", "cii", "facturx"):
        checked = validating.validate(content=found[kind].content, format=kind, rules=True)
        assert (checked.schema, checked.rules, checked.failures) == ("passed", "passed", ())
    assert all(file.problems == () for file in found.values())


def words(file: storing.File) -> str:
    pages = pypdf.PdfReader(io.BytesIO(file.content)).pages
    return "\n".join(page.extract_text() for page in pages)


def test_a_domestic_invoice_bears_tax_and_every_file_of_it_is_valid(shop):
    invoice = settled(shop, "DE", tax_ids={"eu_vat": "DE811907980"})
    # 10.00 in advance for two months, 100 × 0.10 and 1,134 × 0.0333
    assert (invoice.taxable, invoice.tax, invoice.due) == (
        Decimal("67.76"),
        Decimal("12.87"),
        Decimal("80.63"),
    )
    found = files(invoice)
    check(found)
    for said in (invoice.number, "80.63", "VAT 19% on 67.76", "1,234", "0.0333", "37.76"):
        assert said in words(found["pdf"])


def test_a_business_abroad_owes_the_tax_and_the_document_says_so(shop):
    invoice = settled(shop, "FR", tax_ids={"eu_vat": "FR40303265045"}, locale="fr")
    assert (invoice.tax, invoice.due) == (0, Decimal("67.76"))
    found = files(invoice)
    check(found)
    assert "Autoliquidation" in words(found["pdf"])
    assert "FR40303265045" in words(found["pdf"])


@pytest.mark.parametrize(
    "what", [credit_notes.Full(), credit_notes.Amount(Decimal("20.00"))], ids=["full", "amount"]
)
def test_a_credit_note_gives_the_tax_back_and_names_its_invoice(shop, what):
    invoice = settled(shop, "DE")
    note = credit_notes.credit(
        invoice=invoice,
        what=what,
        disposition="offset",
        reason="Goodwill",
        by="test",
        key="k",
        at=LATER,
    )
    if isinstance(what, credit_notes.Full):
        assert (note.tax, note.due) == (invoice.tax, invoice.due)
    found = files(note)
    check(found)
    assert invoice.number.encode() in found["ubl"].content
    assert "Credit note" in words(found["pdf"])
