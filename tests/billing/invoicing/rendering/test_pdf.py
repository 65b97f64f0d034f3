"""PDF: archived, the same each time, from text that stays text, without asking anybody."""

from __future__ import annotations

import base64
import io
import itertools
import re
import socket

import pypdf
import pytest

from billing.invoicing.documents import pdf
from billing.invoicing.documents.printable import Printable
from tests.billing.invoicing.rendering import samples
from tests.billing.invoicing.rendering.samples import text_of


def rendered(printable: Printable, **more: object) -> pdf.Rendered:
    return pdf.render(printable, brand=samples.BRAND, at=samples.ISSUED_AT, **more)


def test_the_same_document_gives_the_same_bytes():
    document = samples.long(12)
    assert rendered(document).content == rendered(document).content


def test_it_is_kept_for_ever_as_an_archive():
    content = rendered(samples.credit_note()).content
    reader = pypdf.PdfReader(io.BytesIO(content))
    assert reader.xmp_metadata is not None
    metadata = reader.xmp_metadata.stream.get_data()
    assert b"<pdfaid:part>3" in metadata
    assert b"<pdfaid:conformance>B" in metadata
    assert rendered(samples.credit_note()).is_archived


def test_every_page_says_which_of_how_many_it_is():
    pages = pypdf.PdfReader(io.BytesIO(rendered(samples.long(40)).content)).pages
    assert [re.findall(r"Page \d of \d", page.extract_text()) for page in pages] == [
        [f"Page {number} of 3"] for number in (1, 2, 3)
    ]
    assert "INV-2026-000042" in pages[1].extract_text()


def test_it_says_what_is_due_and_how_to_pay():
    words = text_of(rendered(samples.document([samples.fee(1), samples.usage(2)])).content)
    for expected in ("277.51", "VAT 19% on 233.20", "DE89 3704 0044 0532 0130 00", "RF54 INV2"):
        assert expected in words


@pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "de-AT", "xx"])
def test_it_is_written_in_the_readers_language(language: str):
    titles = {"de": "Rechnung", "es": "Factura", "fr": "Facture", "ja": "請求書"}
    words = text_of(rendered(samples.document([samples.fee(1)]), language=language).content)
    assert titles.get(language[:2], "Invoice") in words


_CODE = (
    *('#read("/etc/passwd")', "#eval(1)", "#import", '#include "x.typ"', "$x^2$", "*b*", "_i_"),
    *("`c`", "<l>", "@l", "= H", "- i", "\\u{41}", "//c", "/*c*/", "#sys.inputs", "#{", "]", "```"),
    '"}, {"is_draft": true, "x": "',
)
_PLACES = (
    "{}",
    "{} GmbH",
    "Ünï {}",
    "a{0}{0}",
    "{}\\",
    '"{}"',
    "<b>{}</b>",
    "=1+{}",
    "%s{}",
    "{{{}}}",
)
NAMES = [place.format(code) for code, place in itertools.product(_CODE, _PLACES)]


def test_two_hundred_hostile_names_stay_text():
    assert len(NAMES) == 200
    lines = [samples.fee(position, description=name) for position, name in enumerate(NAMES, 1)]
    found = rendered(samples.document(lines))
    plain = "".join(text_of(found.content).split())
    assert found.problems == ()
    missing = [name for name in NAMES if "".join(name.split()) not in plain]
    assert missing == []
    assert "root:" not in plain


def test_nobody_is_asked_over_the_network(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a document asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert rendered(samples.document([samples.fee(1)])).content.startswith(b"%PDF")


def test_no_template_imports_a_package():
    for template in pdf.TEMPLATES.glob("*.typ"):
        assert "@preview" not in template.read_text()
        assert "http" not in template.read_text()


def test_a_letter_without_a_font_is_a_box_and_is_said():
    found = rendered(samples.document([samples.fee(1, description="Rocket 🚀 plan")]))
    (problem,) = found.problems
    assert problem["code"] == "glyph_missing"
    assert not found.is_archived
    assert "Rocket" in text_of(found.content)


def test_scripts_of_the_extras_are_set():
    many = "株式会社 日本語 中文 한국어 شركة परीक्षण ไทย Ελληνικά Русский"
    assert rendered(samples.document([samples.fee(1, description=many)])).problems == ()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="9"/>%s</svg>'


def test_a_drawing_may_be_the_logo():
    document = samples.document([samples.fee(1)])
    brand = {"logo": base64.b64encode(SVG % b"").decode()}
    drawn = pdf.render(document, brand=brand, at=samples.ISSUED_AT)
    bare = pdf.render(document, brand={}, at=samples.ISSUED_AT)
    assert drawn.problems == ()
    assert drawn.content != bare.content


@pytest.mark.parametrize(
    "inside",
    [
        b'<image href="http://example.invalid/x.png"/>',
        b'<image xlink:href="file:///etc/passwd"/>',
        b"<style>@import 'x.css';</style>",
        b'<rect fill="url(http://example.invalid/)"/>',
        b"<script>1</script>",
    ],
)
def test_a_drawing_that_refers_to_elsewhere_is_left_out(inside: bytes):
    document = samples.document([samples.fee(1)])
    brand = {"logo": base64.b64encode(SVG % inside).decode()}
    found = pdf.render(document, brand=brand, at=samples.ISSUED_AT)
    assert found.content == pdf.render(document, brand={}, at=samples.ISSUED_AT).content


@pytest.mark.parametrize("broken", [b"\x89PNG\r\n\x1a\n" + b"x" * 99, b"\xff\xd8\xffno", b"<svg "])
def test_a_logo_that_is_no_picture_is_left_out_and_said(broken: bytes):
    brand = {"logo": base64.b64encode(broken).decode()}
    found = pdf.render(samples.document([samples.fee(1)]), brand=brand, at=samples.ISSUED_AT)
    assert [problem["code"] for problem in found.problems] == ["logo_unreadable"]
    assert found.is_archived


@pytest.mark.parametrize(
    "brand",
    [
        {"colour": "red; #import", "logo": "no base64!"},
        {"colour": "#12345", "logo": "aGVsbG8="},
        {"colour": None, "logo": None, "footer": None},
        {},
    ],
)
def test_a_brand_that_cannot_be_used_is_left_out(brand: dict[str, object]):
    document = samples.document([samples.fee(1)])
    found = pdf.render(document, brand=brand, at=samples.ISSUED_AT)
    usual = pdf.render(document, brand={}, at=samples.ISSUED_AT)
    assert found.content == usual.content
