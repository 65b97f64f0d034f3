"""
Tax ids: their form and check digits, by python-stdnum (pure; nobody is asked).

A well-formed id may still be nobody's: what an authority says of it is evidence, kept elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from stdnum.exceptions import ValidationError

from billing.tax.places import EU

# type → module of stdnum, country. The EU's numbers say their country themselves.
_KINDS: Final[dict[str, tuple[str, str]]] = {
    "eu_vat": ("stdnum.eu.vat", ""),
    "gb_vat": ("stdnum.gb.vat", "GB"),
    "ch_vat": ("stdnum.ch.vat", "CH"),
    "ch_uid": ("stdnum.ch.uid", "CH"),
    "li_vat": ("stdnum.ch.uid", "LI"),
    "no_vat": ("stdnum.no.mva", "NO"),
    "is_vat": ("stdnum.is_.vsk", "IS"),
    "us_ein": ("stdnum.us.ein", "US"),
    "ca_bn": ("stdnum.ca.bn", "CA"),
    "in_gst": ("stdnum.in_.gstin", "IN"),
    "au_abn": ("stdnum.au.abn", "AU"),
    "nz_gst": ("stdnum.nz.ird", "NZ"),
    "sg_uen": ("stdnum.sg.uen", "SG"),
    "jp_cn": ("stdnum.jp.cn", "JP"),
    "kr_brn": ("stdnum.kr.brn", "KR"),
    "br_cnpj": ("stdnum.br.cnpj", "BR"),
    "mx_rfc": ("stdnum.mx.rfc", "MX"),
    "tr_vkn": ("stdnum.tr.vkn", "TR"),
    "th_vat": ("stdnum.th.moa", "TH"),
    "vn_tin": ("stdnum.vn.mst", "VN"),
    "id_npwp": ("stdnum.id.npwp", "ID"),
    "za_tin": ("stdnum.za.tin", "ZA"),
}
OTHER: Final = "other"  # an id of a kind that nothing here can check
TYPES: Final = (*_KINDS, OTHER)
_LONGEST: Final = 40
_REFERENCE: Final = 21


@dataclass(frozen=True, slots=True)
class Checked:
    """A tax id in its compact form, and whether its form and check digits are right."""

    number: str
    is_well_formed: bool
    country: str  # '' if the number does not say


@lru_cache(maxsize=10_000)
def check(kind: str, number: str) -> Checked:
    """
    Look at a tax id of a known kind; numbers of other kinds are kept as they are.

    >>> check("eu_vat", "DE 136 695 976")
    Checked(number='DE136695976', is_well_formed=True, country='DE')
    >>> check("eu_vat", "DE136695977").is_well_formed, check("gb_vat", "GB 980 7806 84").number
    (False, 'GB980780684')
    """
    written = "".join(number.split()).upper()[:_LONGEST]
    if kind not in _KINDS:
        return Checked(written, is_well_formed=False, country="")
    name, country = _KINDS[kind]
    module = import_module(name)
    try:
        normal = str(module.validate(written))
    except ValidationError:
        return Checked(written, is_well_formed=False, country=country or _prefix(written))
    shown = _with_prefix(normal, kind, country)
    return Checked(shown, is_well_formed=True, country=country or _prefix(shown))


def _prefix(number: str) -> str:
    """Return the country an EU number starts with, as ISO writes it."""
    start = number[:2]
    if not start.isalpha():
        return ""
    return {"EL": "GR", "XI": "GB"}.get(start, start)


def _with_prefix(number: str, kind: str, country: str) -> str:
    # British numbers are written with their country; stdnum leaves it out.
    return f"{country}{number}" if kind == "gb_vat" and not number.startswith(country) else number


def kind_for(country: str) -> str:
    """
    Return the usual kind of tax id of a country's businesses.

    >>> kind_for("FR"), kind_for("US"), kind_for("ZZ")
    ('eu_vat', 'us_ein', 'other')
    """
    if country in EU:
        return "eu_vat"
    return next((kind for kind, (_, of) in _KINDS.items() if of == country), OTHER)


def payment_reference(number: str) -> str:
    """
    Return a document's number as a creditor reference of ISO 11649, which banks check.

    Banks take 21 letters and digits after the check digits; what stands first of a longer number
    is left out, as the end tells documents apart.

    >>> payment_reference("INV-2026-000042")
    'RF54INV2026000042'
    """
    iso: Any = import_module("stdnum.iso11649")
    checks: Any = import_module("stdnum.iso7064.mod_97_10")
    bare = "".join(letter for letter in number.upper() if letter.isascii() and letter.isalnum())
    kept = bare[-_REFERENCE:]
    reference = f"RF{checks.calc_check_digits(f'{kept}RF')}{kept}"
    return str(iso.validate(reference)) if kept else ""
