"""Forms and check digits of tax ids, and references that banks check."""

import pytest
from stdnum import iso11649

from billing.tax import ids


@pytest.mark.parametrize(
    ("kind", "written", "normal", "country"),
    [
        ("eu_vat", "de 136 695 976", "DE136695976", "DE"),
        ("eu_vat", "EL 094259216", "EL094259216", "GR"),
        ("eu_vat", "XI 980780684", "XI980780684", "GB"),
        ("gb_vat", "980 7806 84", "GB980780684", "GB"),
        ("ch_vat", "CHE-107.787.577 IVA", "CHE107787577IVA", "CH"),
        ("us_ein", "91-1144442", "911144442", "US"),
        ("au_abn", "83 914 571 673", "83914571673", "AU"),
    ],
)
def test_numbers_are_kept_in_one_form(kind: str, written: str, normal: str, country: str):
    assert ids.check(kind, written) == ids.Checked(normal, is_well_formed=True, country=country)


@pytest.mark.parametrize(
    ("kind", "written"),
    [("eu_vat", "DE136695977"), ("eu_vat", "ZZ1"), ("us_ein", "00"), ("gb_vat", "")],
)
def test_a_wrong_digit_is_seen(kind: str, written: str):
    assert not ids.check(kind, written).is_well_formed


@pytest.mark.parametrize("kind", [kind for kind in ids.TYPES if kind != ids.OTHER])
def test_every_kind_can_be_checked(kind: str):
    assert not ids.check(kind, "!?").is_well_formed


def test_numbers_that_nothing_can_check_are_kept_as_they_are():
    assert ids.check("other", " 12 ab ") == ids.Checked("12AB", is_well_formed=False, country="")


@pytest.mark.parametrize("number", ["INV-2026-000042", "1", "R/2026/" + "9" * 40, "Ü-ß-7"])
def test_references_have_check_digits_that_banks_accept(number: str):
    assert iso11649.is_valid(ids.payment_reference(number))


def test_a_number_without_letters_or_digits_has_no_reference():
    assert ids.payment_reference("---") == ""
