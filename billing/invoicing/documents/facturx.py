"""Factur-X / ZUGFeRD: the PDF for people with the CII for machines in it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from billing.invoicing.documents.pdf import Rendered
from ledger.errors import ConflictError

_LEVEL: Final = "en16931"


class NoCarrierError(ConflictError):
    """The PDF cannot carry an e-invoice: it does not keep the standard for archives."""

    code = "no_archive_pdf"


class NotInstalledError(ConflictError):
    """This installation cannot make such files; the extra that is named brings what is missing."""

    code = "not_installed"


def write(*, pdf: Rendered, xml: bytes, language: str) -> bytes:
    """
    Return the PDF with the XML in it.

    Raises:
        NoCarrierError: the PDF is no PDF/A-3, as a letter of it has no font.
        NotInstalledError: the extra ``einvoice`` is missing.
    """
    if not pdf.is_archived:
        raise NoCarrierError(**pdf.problems[0])
    if find_spec("facturx") is None:
        raise NotInstalledError(extra="einvoice")
    made: Any = import_module("facturx").generate_from_binary(
        pdf.content, xml, flavor="factur-x", level=_LEVEL, check_xsd=True, lang=language
    )
    return bytes(made)
