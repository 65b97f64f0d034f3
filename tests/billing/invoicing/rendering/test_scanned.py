"""The code that banking apps read: EPC069-12, version 002."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
import segno

from billing.invoicing.documents import epc, pdf
from billing.invoicing.documents.presenting import present, scanned
from billing.invoicing.documents.printable import BankAccount
from billing.invoicing.documents.wording import wording
from tests.billing.invoicing.rendering import samples

INVOICE = samples.document([samples.fee(1), samples.usage(2)])
SAID = [
    *("BCD", "002", "1", "SCT", "COBADEFFXXX", "Northwind Inference GmbH"),
    *("DE89370400440532013000", "EUR277.51", "", "RF54INV2026000042"),
]


def paid_to(**account: str):
    return replace(INVOICE, bank_accounts=(BankAccount(**account),))


def test_an_app_reads_who_is_paid_how_much_for_what():
    assert scanned(INVOICE).split("\n") == SAID


def test_the_holder_is_who_is_paid():
    said = scanned(paid_to(iban="DE89370400440532013000", holder="Müller\n& Söhne " + "x" * 80))
    assert said.split("\n")[4:6] == ["", "Müller & Söhne " + "x" * 55]


def test_the_drawing_is_that_code_with_error_correction_m():
    code = segno.make("\n".join(SAID), error="m", encoding="utf-8", micro=False, boost_error=False)
    drawn = epc.drawing(scanned(INVOICE))
    assert f'viewBox="0 0 {len(code.matrix)} {len(code.matrix)}"' in drawn
    path = re.search(r' d="[^"]+"', code.svg_inline(border=0))
    assert path[0] in drawn
    assert present(INVOICE, wording("en"))["payment"]["code"] == drawn


def test_it_is_on_the_page_as_a_drawing():
    def page(printable):
        return pdf.render(printable, brand=samples.BRAND, at=samples.ISSUED_AT)

    without = page(paid_to(iban="US89370400440532013000"))
    assert len(page(INVOICE).content) > len(without.content)
    assert b"/Subtype/Image" not in page(INVOICE).content
    assert page(INVOICE).is_archived


@pytest.mark.parametrize(
    "printable",
    [
        pytest.param(replace(INVOICE, currency="USD"), id="another currency"),
        pytest.param(replace(INVOICE, due=Decimal(1000000000)), id="too much"),
        pytest.param(paid_to(iban="DE88370400440532013000"), id="wrong check digits"),
        pytest.param(paid_to(iban="TR330006100519786457841326"), id="outside of the area"),
        pytest.param(paid_to(iban="CH9300762011623852957"), id="outside of the EEA without a BIC"),
        pytest.param(paid_to(iban="DE89370400440532013000", bic="COBADEFF1"), id="no BIC"),
        pytest.param(paid_to(iban=""), id="no account"),
    ],
)
def test_what_cannot_be_transferred_so_has_no_code(printable):
    assert scanned(printable) == epc.drawing(scanned(printable)) == ""


def test_switzerland_is_reached_with_a_bic():
    said = scanned(paid_to(iban="CH9300762011623852957", bic="pofi chbe\nxxx"))
    assert said.split("\n")[4] == "POFICHBEXXX"


def test_no_name_is_too_long_for_the_largest_symbol():
    said = scanned(paid_to(iban="DE89370400440532013000", holder="株" * 200))
    assert len(said.encode()) <= 331
    assert epc.drawing(said)
