"""Taxes and files of documents in the admin."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.admin.documents import downloads
from billing.models import Document, Exemption, TaxId, TaxRate
from billing.taxation import exemptions, ids, rates
from tests import factories
from tests.billing.invoicing.documents import composed_draft, issued_invoice
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def book():
    return factories.book(key="b")


def test_a_rate_is_entered_and_ended(book):
    browser = Browser()
    values = {
        "book": book.pk,
        "jurisdiction": "de",
        "category": "S",
        "percentage": "19",
        "valid_from": "2021-01-01",
    }
    browser.do("billing_taxrate_add", values=values)
    assert "DE all others taxed 19 %" in browser.read("billing_taxrate_changelist")
    rate = TaxRate.objects.get()
    browser.do("billing_taxrate_end", rate.pk, values={"valid_to": "2027-01-01"})
    rate.refresh_from_db()
    assert rate.valid_to == date(2027, 1, 1)


def test_what_cannot_be_a_rate_is_said_at_its_field(book):
    values = {
        "book": book.pk,
        "jurisdiction": "Germany!",
        "category": "S",
        "percentage": "19",
        "valid_from": "2021-01-01",
    }
    page = Browser().do("billing_taxrate_add", values=values, status=200)
    assert "use a country like DE" in page.content.decode()


def test_a_tax_id_is_entered_with_its_evidence_and_ended(book):
    customer = factories.customer(book=book, key="contoso")
    browser = Browser()
    values = {"customer": "contoso", "kind": "eu_vat", "number": "FR 40303265045"}
    browser.do("billing_taxid_add", values=values)
    entered = TaxId.objects.get(customer=customer)
    page = browser.read("billing_taxid_change", entered.pk)
    assert "FR40303265045" in page
    assert "form and check digits" in page
    browser.do("billing_taxid_end", entered.pk)
    assert TaxId.objects.get().ended_at is not None


def test_a_wrong_digit_is_said(book):
    factories.customer(book=book, key="contoso")
    values = {"customer": "contoso", "kind": "eu_vat", "number": "FR40303265046"}
    page = Browser().do("billing_taxid_add", values=values, status=200)
    assert "check digits are wrong" in page.content.decode()


def test_a_certificate_is_entered_and_revoked(book):
    factories.customer(book=book, key="contoso")
    browser = Browser()
    values = {
        "customer": "contoso",
        "jurisdiction": "US-CA",
        "certificate": EVIL,
        "valid_from": "2026-01-01",
    }
    browser.do("billing_exemption_add", values=values)
    page = browser.get("billing_exemption_changelist").content.decode()
    assert EVIL not in page
    browser.do("billing_exemption_revoke", Exemption.objects.get().pk)
    assert Exemption.objects.get().revoked_at is not None


def test_lists_ask_as_often_for_many_rows_as_for_one(book):
    browser = Browser()

    def more() -> None:
        customer = factories.customer(book=book)
        ids.enter(customer=customer, kind="eu_vat", number="FR40303265045", at=now())
        exemptions.grant(
            customer=customer,
            jurisdiction="DE",
            certificate="1",
            valid_from=date(2026, 1, 1),
            at=now(),
        )
        place = f"US-{customer.pk}"
        rates.enter(
            book=book,
            jurisdiction=place,
            percentage=Decimal(5),
            valid_from=date(2026, 1, 1),
            at=now(),
        )

    pages = ["taxrate", "taxid", "taxevidence", "exemption"]
    more()
    first = [len(browser.queries(f"billing_{page}_changelist")) for page in pages]
    for _ in range(4):
        more()
    assert [len(browser.queries(f"billing_{page}_changelist")) for page in pages] == first


def test_a_document_is_got_from_its_page():
    invoice = issued_invoice(amount=100, tax=19)
    browser = Browser()
    response = browser.get("billing_document_get", invoice.pk, "pdf")
    assert response.content.startswith(b"%PDF")
    assert "inline" in response["Content-Disposition"]
    page = browser.read("billing_document_change", Document.objects.get().pk)
    assert "Factur-X" in page
    assert Document.objects.count() == 1


def test_of_a_draft_there_is_what_needs_no_number():
    draft = composed_draft(amount=10)
    shown = downloads(draft)
    assert "UBL" not in shown
    assert "PDF" in shown
    refused = Browser().get("billing_document_get", draft.pk, "ubl", status=409)
    assert b"draft" in refused.content


def test_who_may_not_see_invoices_gets_no_file():
    draft = composed_draft(amount=10)
    Browser(permissions=["billing.view_taxrate"]).get(
        "billing_document_get", draft.pk, "pdf", status=403
    )
