"""Writing XML with namespaces, a line an element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from billing.invoicing.documents.einvoice import clean
from ledger.money import text


@dataclass(frozen=True, slots=True)
class Writer:
    """Elements of one document: names are written ``prefix:Name``."""

    namespaces: Mapping[str | None, str]
    currency: str
    exponent: int

    def root(self, name: str) -> etree._Element:
        """Return the root of a new document."""
        prefix, _, local = name.rpartition(":")
        named: Any = dict(self.namespaces)
        return etree.Element(f"{{{named[prefix or None]}}}{local}", nsmap=named)

    def put(
        self, parent: etree._Element, path: str, value: object = None, **attributes: str
    ) -> etree._Element:
        """Append an element, or a chain of them ``a:B/a:C``; the last has text and attributes."""
        found = parent
        for name in path.split("/"):
            prefix, _, local = name.rpartition(":")
            found = etree.SubElement(found, f"{{{self.namespaces[prefix]}}}{local}")
        if value is not None:
            found.text = clean(self.written(value))
        for name, of in attributes.items():
            found.set(name, of)
        return found

    def maybe(self, parent: etree._Element, path: str, value: object, **attributes: str) -> None:
        """Append an element if there is something to say."""
        if value not in (None, ""):
            self.put(parent, path, value, **attributes)

    def money(self, parent: etree._Element, path: str, amount: Decimal, **named: str) -> None:
        """Append an amount with the places of the currency."""
        self.put(parent, path, f"{amount:.{self.exponent}f}", **named)

    @staticmethod
    def written(value: object) -> str:
        """Write a value as XML has it."""
        if isinstance(value, Decimal):
            return text(value)
        return value.isoformat() if isinstance(value, date) else str(value)


def file(root: etree._Element) -> bytes:
    """Return a document as a file."""
    etree.indent(root, space="  ")
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return written
