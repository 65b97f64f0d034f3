"""Files of documents: rendered once, kept as they were, by whoever asks."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta

import pypdf
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from billing.invoicing import lifecycle
from billing.invoicing.documents import ahead, content, storing, validating
from billing.invoicing.documents.facturx import NoCarrierError
from billing.models import Document, Invoice, Supplier
from ledger.errors import InvalidInputError
from tests.billing.invoicing.documents import ISSUED, composed_draft, issued_invoice, selling

pytestmark = pytest.mark.django_db
LATER = ISSUED + timedelta(days=400)
GERMAN = {
    "supplier": {
        "legal_name": "Northwind GmbH",
        "address": {"line1": "Torstr. 1", "city": "Berlin", "country": "DE"},
        "tax_ids": {"eu_vat": "DE136695976"},
        "contact": {"name": "Ada", "email": "a@northwind.example"},
        "bank_accounts": [{"iban": "DE89 3704 0044 0532 0130 00"}],
        "invoice_note": "Vielen Dank.",
    },
    "party": {
        "legal_name": "Contoso SAS",
        "address": {"city": "Paris", "country": "FR"},
        "locale": "de",
        "emails": ["x@contoso.example"],
        "contact": "Élodie",
    },
}


@pytest.fixture
def invoice() -> Invoice:
    return issued_invoice(amount=100, tax=19, **GERMAN)


def rendered(invoice: Invoice, kind: str, **more: object) -> storing.File:
    return storing.render(invoice=invoice, format=kind, at=LATER, **more)


@pytest.mark.parametrize("kind", Document.Format.values)
def test_a_file_is_kept_and_given_again_byte_for_byte(invoice, kind):
    first = rendered(invoice, kind)
    again = storing.render(invoice=invoice, format=kind, at=LATER + timedelta(days=1))
    assert again == first
    (held,) = storing.kept(invoice=invoice)
    assert bytes(held.sha256).hex() == first.sha256 == hashlib.sha256(first.content).hexdigest()
    assert first.name.startswith(invoice.number)


@pytest.mark.parametrize("kind", ["ubl", "cii", "facturx"])
def test_e_invoices_of_real_documents_keep_schema_and_rules(invoice, kind):
    found = validating.validate(content=rendered(invoice, kind).content, format=kind, rules=True)
    assert (found.schema, found.rules, found.failures) == ("passed", "passed", ())


def test_a_document_is_written_in_its_readers_language_or_another(invoice):
    assert "Rechnung" in words(rendered(invoice, "pdf"))
    assert "Facture" in words(rendered(invoice, "pdf", language="fr"))
    assert Document.objects.count() == 2


def words(file: storing.File) -> str:
    pages = pypdf.PdfReader(io.BytesIO(file.content)).pages
    return "\n".join(page.extract_text() for page in pages)


def test_the_look_of_a_book_may_change_what_was_rendered_does_not(invoice):
    first = rendered(invoice, "pdf")
    Supplier.objects.create(
        book=invoice.book, brand={"colour": "#aa0000", "footer": "New"}, updated_at=LATER
    )
    assert rendered(invoice, "pdf").sha256 == first.sha256
    assert "New" in words(rendered(invoice, "pdf", language="en"))


def test_a_draft_is_rendered_anew_and_not_kept():
    draft = composed_draft(amount=100, tax=19, **GERMAN)
    assert "Entwurf" not in words(rendered(draft, "pdf"))  # a drawing behind the text
    assert rendered(draft, "csv").name == f"draft-{draft.pk}.csv"
    with pytest.raises(storing.NotIssuedError):
        rendered(draft, "ubl")
    assert not Document.objects.exists()


def test_a_discarded_draft_has_nothing_to_show():
    draft = composed_draft(amount=100)
    draft.state = Invoice.State.DISCARDED
    with pytest.raises(storing.DiscardedError):
        rendered(draft, "pdf")


def test_a_format_that_there_is_not_is_refused(invoice):
    with pytest.raises(InvalidInputError, match="docx"):
        rendered(invoice, "docx")


def test_a_letter_without_a_font_is_kept_with_its_problem():
    invoice = issued_invoice(amount=1, tax=19, line={"unit": "🚀"})
    assert rendered(invoice, "pdf").problems[0]["code"] == "glyph_missing"
    assert rendered(invoice, "pdf").problems[0]["code"] == "glyph_missing"
    with pytest.raises(NoCarrierError):
        rendered(invoice, "facturx")


def test_the_database_refuses_to_change_or_take_away_a_file(invoice):
    rendered(invoice, "csv")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Document.objects.update(content=b"")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Document.objects.all().delete()


def test_the_id_that_decided_the_tax_is_on_the_document():
    decision = {"buyer": {"tax_id": {"type": "eu_vat", "number": "FR40303265045"}}}
    found = content.printable(composed_draft(amount=1, tax_decision=decision, **GERMAN))
    assert found.buyer.vat_id == "FR40303265045"


def test_many_documents_are_read_in_three_statements(django_assert_num_queries):
    scene = selling()
    invoices = [issued_invoice(scene, 10 + number).pk for number in range(3)]
    with django_assert_num_queries(3):
        found = content.printables(invoices)
    assert sorted(found) == sorted(invoices)


# --- Commands ------------------------------------------------------------------------------------


def test_a_file_is_written_and_checked_by_commands(invoice, tmp_path, capsys):
    path = tmp_path / "invoice.pdf"
    call_command("render_invoice", invoice.number, format="facturx", file=path)
    assert "SHA-256" in capsys.readouterr().out
    call_command("validate_einvoice", path, rules=True)
    assert capsys.readouterr().out.split() == ["schema:", "passed", "rules:", "passed"]


def test_a_file_that_is_not_valid_fails(invoice, tmp_path):
    path = tmp_path / "invoice.xml"
    written = rendered(invoice, "ubl").content
    path.write_bytes(written.replace(b"<cbc:IssueDate>", b"<cbc:IssueDate>not "))
    with pytest.raises(CommandError, match="not valid"):
        call_command("validate_einvoice", path)


def test_what_could_not_be_checked_fails(invoice, tmp_path, monkeypatch):
    path = tmp_path / "invoice.xml"
    path.write_bytes(rendered(invoice, "ubl").content)
    monkeypatch.setattr(validating, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="Not all could be checked"):
        call_command("validate_einvoice", path)


def test_a_number_that_there_is_not_is_said(invoice):
    with pytest.raises(CommandError, match="NO-1"):
        call_command("render_invoice", "NO-1")


class TestAhead:
    def test_what_is_to_be_sent_is_rendered_before_anybody_asks(self, invoice):
        assert ahead.render_due(at=ISSUED).done == 1
        assert ahead.render_due(at=ISSUED).done == 0

        (held,) = storing.kept(invoice=invoice)
        assert (held.format, held.language, held.rendered_at) == ("pdf", "de", ISSUED)
        assert rendered(invoice, "pdf").content == bytes(Document.objects.get().content)

    def test_what_is_sent_long_ago_or_to_nobody_waits_for_a_download(self, invoice):
        scene = selling()
        issued_invoice(scene, 100, party={"emails": []})
        composed_draft(scene, 10)
        assert ahead.render_due(at=ISSUED + timedelta(days=4)).done == 0
        assert ahead.render_due(at=ISSUED - timedelta(days=1)).done == 0
        lifecycle.send(invoice=invoice, by="ann", at=ISSUED)
        assert ahead.render_due(at=ISSUED).done == 0

    def test_one_that_cannot_be_rendered_keeps_none_waiting(self, invoice, monkeypatch):
        other = issued_invoice(amount=5, tax=19, **GERMAN)
        render = storing.render

        def fails_once(*, invoice, **more):
            if invoice.pk == other.pk:
                raise ValueError("no room")
            return render(invoice=invoice, **more)

        monkeypatch.setattr(storing, "render", fails_once)
        swept = ahead.render_due(at=ISSUED)

        assert (swept.done, [number for number, _ in swept.failures]) == (1, [other.pk])
