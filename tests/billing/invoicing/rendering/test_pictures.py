"""Documents look as somebody saw them: golden pictures."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.invoicing.documents import pdf
from billing.invoicing.documents.printable import Printable
from tests.billing.invoicing.rendering import samples
from tests.billing.invoicing.rendering.golden import agrees

RESOLUTION = 72
NOTE = "Thank you for your business."
HOSTILE = '#read("/etc/passwd") $x$ *b* _i_ `c` @preview/x:1 <l> \\ // 株式会社 شركة परीक्षण'
DOCUMENTS: dict[str, tuple[Printable, str]] = {
    "invoice": (samples.document([samples.fee(1), samples.usage(2)], note=NOTE), "en"),
    "long": (samples.long(40), "de"),
    "credit-note": (samples.credit_note(), "fr"),
    "yen": (
        samples.document(
            [samples.fee(1, amount="4900", description=HOSTILE)], currency="JPY", exponent=0
        ),
        "ja",
    ),
    "draft": (
        samples.document(
            [samples.fee(1)],
            percentage="0",
            category="AE",
            jurisdiction="FR",
            code="VATEX-EU-AE",
            number="",
            is_issued=False,
            issue_date=None,
            due_date=None,
        ),
        "es",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_looks_as_somebody_saw_it(name: str):
    printable, language = DOCUMENTS[name]
    brand = samples.BRAND | {"logo": samples.logo()} if name == "invoice" else samples.BRAND
    pages = pdf.picture(printable, brand=brand, language=language, resolution=RESOLUTION)
    for number, page in enumerate(pages, 1):
        assert agrees(f"{name}-{number}.png", page), f"look at page {number} of {name}"
    assert len(pages) == (3 if name == "long" else 1)


STATEMENTS = {
    "statement": (samples.account(45), "en", 2),
    "statement-ahead": (
        samples.account(5, closing=Decimal(-2), owed=[], unallocated=Decimal(0)),
        "de",
        1,
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_of_account_looks_as_somebody_saw_it(name: str):
    printed, language, count = STATEMENTS[name]
    pages = pdf.picture_account(
        printed, brand=samples.BRAND, language=language, resolution=RESOLUTION
    )
    for number, page in enumerate(pages, 1):
        assert agrees(f"{name}-{number}.png", page), f"look at page {number} of {name}"
    assert len(pages) == count
