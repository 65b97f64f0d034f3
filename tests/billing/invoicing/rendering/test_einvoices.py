"""E-invoices keep the schema and the rules of EN 16931, for every way to be taxed."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from importlib.util import find_spec
from types import ModuleType

import pytest
from lxml import etree

from billing.invoicing.documents import cii, einvoice, facturx, pdf, ubl, validating
from billing.invoicing.documents.validating import Result, validate
from ledger.errors import InvalidInputError
from tests.billing.invoicing.rendering import samples
from tests.billing.invoicing.rendering.cases import CASES
from tests.billing.invoicing.rendering.golden import agrees

WRITERS: dict[str, ModuleType] = {"ubl": ubl, "cii": cii}
HOSTILE = "]]> & <script> \x00\x0b \ud800 \ufffe '\" ü"


@pytest.mark.parametrize("name", CASES)
def test_its_sums_are_those_of_the_standard(name: str):
    assert einvoice.check(einvoice.of(CASES[name])) == []


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", CASES)
def test_it_keeps_the_schema(name: str, kind: str):
    found = validate(content=WRITERS[kind].write(einvoice.of(CASES[name])), format=kind)
    assert (found.schema, found.failures) == (Result.PASSED, ())
    assert found.rules == Result.NOT_CHECKED


# Each way to be taxed once, by one of the two formats, as each asks Saxon for half a second.
RULED = [
    *(("domestic", "ubl"), ("domestic", "cii"), ("credit note", "ubl"), ("credit note", "cii")),
    *(("credit before tax", "cii"), ("credit as a payment", "ubl"), ("inclusive", "cii")),
    *(("coupon", "ubl"), ("reverse charge", "ubl"), ("reverse charge", "cii")),
    *(("intra-community supply", "ubl"), ("export", "cii"), ("outside the scope", "ubl")),
    *(("no tax set up", "cii"), ("certificate", "ubl"), ("debit note", "cii")),
    *(("several rates", "cii"), ("consumer abroad", "ubl"), ("price below nothing", "ubl")),
    *(("usage that came back", "cii"), ("without a currency's cents", "ubl")),
]


@pytest.mark.parametrize(("name", "kind"), RULED)
def test_it_keeps_the_rules(name: str, kind: str):
    content = WRITERS[kind].write(einvoice.of(CASES[name]))
    found = validate(content=content, format=kind, rules=True)
    assert (found.rules, found.failures) == (Result.PASSED, ())


def test_a_sum_that_was_changed_breaks_a_rule():
    content = ubl.write(einvoice.of(CASES["domestic"])).replace(b">277.51<", b">277.50<", 1)
    found = validate(content=content, format="ubl", rules=True)
    assert (found.schema, found.rules) == (Result.PASSED, Result.FAILED)
    assert "BR-CO-15" in {failure.rule for failure in found.failures}


def test_an_element_out_of_order_breaks_the_schema():
    root = etree.fromstring(ubl.write(einvoice.of(CASES["domestic"])))
    root.append(root[0])
    found = validate(content=etree.tostring(root), format="ubl")
    assert found.schema == Result.FAILED
    assert found.has_failed


def test_what_cannot_be_checked_is_not_passed(monkeypatch):
    content = ubl.write(einvoice.of(CASES["domestic"]))
    monkeypatch.setattr(validating, "find_spec", lambda name: None)
    found = validate(content=content, format="ubl", rules=True)
    assert (found.schema, found.rules) == (Result.NOT_CHECKED, Result.NOT_CHECKED)
    assert "einvoice" in found.remedy


def test_without_saxon_the_schema_alone_is_checked(monkeypatch):
    def without_saxon(name: str) -> object:
        return None if name == "saxonche" else find_spec(name)

    content = ubl.write(einvoice.of(CASES["domestic"]))
    monkeypatch.setattr(validating, "find_spec", without_saxon)
    found = validate(content=content, format="ubl", rules=True)
    assert (found.schema, found.rules) == (Result.PASSED, Result.NOT_CHECKED)
    assert "einvoice-rules" in found.remedy


@pytest.mark.parametrize("report", [b"", b"<nothing/>", b"no xml"])
def test_a_report_that_says_nothing_is_not_passed(monkeypatch, report: bytes):
    def silent(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, 0, stdout=report)

    content = ubl.write(einvoice.of(CASES["domestic"]))
    monkeypatch.setattr(validating.subprocess, "run", silent)
    assert validate(content=content, format="ubl", rules=True).rules == Result.NOT_CHECKED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a/>",
        b"%PDF-1.7",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
@pytest.mark.parametrize("kind", ["ubl", "cii", "facturx"])
def test_what_is_no_e_invoice_is_refused(content: bytes, kind: str):
    with pytest.raises(InvalidInputError):
        validate(content=content, format=kind)


@pytest.mark.parametrize(
    "entity", ['<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x "y">', ""]
)
def test_an_e_invoice_with_a_document_type_is_refused(entity: str):
    kept = ubl.write(einvoice.of(CASES["domestic"])).split(b"?>", 1)[1]
    content = b"<!DOCTYPE r [" + entity.encode() + b"]>" + kept

    with pytest.raises(InvalidInputError, match="DOCTYPE"):
        validate(content=content, format="ubl", rules=True)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["domestic", "credit before tax", "credit note"])
def test_it_says_what_somebody_read(name: str, kind: str):
    content = WRITERS[kind].write(einvoice.of(CASES[name]))
    assert agrees(f"{name.replace(' ', '-')}.{kind}.xml", content)


def test_credit_is_an_allowance_or_a_prepaid_amount():
    before = einvoice.of(CASES["credit before tax"])
    assert [each.amount for each in before.lines[0].allowances] == [Decimal(19)]
    assert before.prepaid == 0
    payment = einvoice.of(CASES["credit as a payment"])
    assert [each.amount for each in payment.lines[0].allowances] == [Decimal(9)]
    assert payment.prepaid == 10
    assert payment.payable == payment.gross - 10


def test_a_credit_note_names_the_invoice_it_is_about():
    root = etree.fromstring(ubl.write(einvoice.of(CASES["credit note"])))
    assert etree.QName(root).localname == "CreditNote"
    spaces = {"c": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"}
    assert root.findtext("c:CreditNoteTypeCode", namespaces=spaces) == "381"
    assert "INV-2026-000042" in [each.text for each in root.iter(f"{{{spaces['c']}}}ID")]


@pytest.mark.parametrize("kind", WRITERS)
def test_hostile_text_stays_text_and_the_file_keeps_the_schema(kind: str):
    document = samples.document(
        [samples.fee(1, description=HOSTILE)], note=HOSTILE, purchase_order=HOSTILE
    )
    content = WRITERS[kind].write(einvoice.of(document))
    assert validate(content=content, format=kind).schema == Result.PASSED
    assert b"<script>" not in content


def test_a_draft_has_no_e_invoice():
    with pytest.raises(einvoice.UnfinishedError):
        einvoice.of(samples.document([samples.fee(1)], is_issued=False))


def test_a_pdf_carries_the_e_invoice():
    document = CASES["domestic"]
    carrier = pdf.render(document, brand=samples.BRAND, at=samples.ISSUED_AT)
    content = facturx.write(pdf=carrier, xml=cii.write(einvoice.of(document)), language="en")
    found = validate(content=content, format="facturx", rules=True)
    assert (found.schema, found.rules, found.failures) == (Result.PASSED, Result.PASSED, ())


def test_a_pdf_that_is_no_archive_carries_none():
    document = samples.document([samples.fee(1, description="🚀")])
    carrier = pdf.render(document, brand=samples.BRAND, at=samples.ISSUED_AT)
    with pytest.raises(facturx.NoCarrierError, match="glyph_missing"):
        facturx.write(pdf=carrier, xml=cii.write(einvoice.of(document)), language="en")


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    carrier = pdf.Rendered(b"%PDF")
    monkeypatch.setattr(facturx, "find_spec", lambda name: None)
    with pytest.raises(facturx.NotInstalledError, match="einvoice"):
        facturx.write(pdf=carrier, xml=b"", language="en")
