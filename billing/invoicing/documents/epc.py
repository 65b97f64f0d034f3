"""
The code that banking apps read to fill in a SEPA transfer: EPC069-12, version 002 (pure).

Only euros can be transferred so, to an account in the area; a document that cannot be paid so has
no code.
"""

from __future__ import annotations

import io
import re
from decimal import Decimal
from importlib import import_module
from typing import Any, Final

import segno

from billing.tax.places import EU

_EEA: Final = EU | {"IS", "LI", "NO"}
_SEPA: Final = _EEA | {
    *("AD", "AL", "CH", "GB", "GI", "MC", "MD", "ME", "MK", "RS", "SM", "VA"),
}
_CURRENCY: Final = "EUR"
_LEAST, _MOST = Decimal("0.01"), Decimal("999999999.99")
_LONGEST_NAME: Final = 70
_LONGEST: Final = 331  # bytes
_BIC: Final = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")  # ISO 9362
_LARGEST: Final = 13  # version of the symbol


def payload(
    *, name: str, iban: str, bic: str, amount: Decimal, currency: str, reference: str
) -> str:
    """
    Return what the code says; nothing if the amount cannot be transferred so.

    ``reference`` is a creditor reference of ISO 11649. The BIC may be left out within the EEA.

    >>> print(payload(name="Meter GmbH", iban="DE89370400440532013000", bic="", currency="EUR",
    ...               amount=Decimal("12.3"), reference="RF54INV2026000042"))
    BCD
    002
    1
    SCT
    <BLANKLINE>
    Meter GmbH
    DE89370400440532013000
    EUR12.30
    <BLANKLINE>
    RF54INV2026000042
    """
    country, holder = iban[:2], " ".join(name.split())[:_LONGEST_NAME].rstrip()
    bic = "".join(bic.split()).upper()
    if bic and not _BIC.fullmatch(bic):
        return ""
    is_reached = country in _EEA or (country in _SEPA and bool(bic))
    if currency != _CURRENCY or not _LEAST <= amount <= _MOST or not is_reached or not holder:
        return ""
    checks: Any = import_module("stdnum.iban")
    if not checks.is_valid(iban):
        return ""
    lines = ("BCD", "002", "1", "SCT", bic, holder, iban, f"EUR{amount:.2f}", "", reference)
    said = "\n".join(lines)
    return said if len(said.encode()) <= _LONGEST else ""


def drawing(said: str) -> str:
    """Draw a code as SVG, of error correction M as the guidelines want it; nothing of nothing."""
    if not said:
        return ""
    code = segno.make(said, error="m", encoding="utf-8", micro=False, boost_error=False)
    assert int(code.version) <= _LARGEST, "331 bytes fit into version 13"
    held = io.BytesIO()
    code.save(
        held, kind="svg", border=0, xmldecl=False, svgclass=None, lineclass=None, omitsize=True
    )
    return held.getvalue().decode()
