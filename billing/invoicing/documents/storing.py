"""
Documents as files: rendered when somebody first asks, kept as they were, with their SHA-256.

What was issued never changes, so a file of it is written once per format, language and template,
and the same bytes are given ever after. A draft is rendered anew each time and not kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from billing.invoicing.documents import (
    cii,
    content,
    csv_lines,
    einvoice,
    facturx,
    pdf,
    ubl,
)
from billing.invoicing.documents.printable import Printable
from billing.invoicing.documents.wording import wording
from billing.models import Document, Invoice, Supplier
from ledger import inputs
from ledger.errors import ConflictError, NotFoundError
from ledger.models import Book

MEDIA: Final = {
    Document.Format.PDF: ("application/pdf", "pdf"),
    Document.Format.FACTURX: ("application/pdf", "pdf"),
    Document.Format.UBL: ("application/xml", "xml"),
    Document.Format.CII: ("application/xml", "xml"),
    Document.Format.CSV: ("text/csv; charset=utf-8", "csv"),
}
_SHOWN: Final = frozenset({Document.Format.PDF, Document.Format.FACTURX})  # in the book's brand
_ONE_TEMPLATE: Final = "1"


class NotIssuedError(ConflictError):
    """A draft has no number: there is no e-invoice of it yet."""

    code = "not_issued"


class DiscardedError(ConflictError):
    """The draft was discarded: there is nothing to show of it."""

    code = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A document as a file."""

    name: str
    media: str
    content: bytes
    sha256: str
    problems: tuple[dict[str, str], ...]


def render(
    *,
    invoice: Invoice,
    format: str,  # noqa: A002
    at: datetime,
    language: str = "",
) -> File:
    """
    Return a document as a file of a format, in its own language or another.

    Raises:
        InvalidInputError: a format that there is not.
        NotIssuedError: an e-invoice of a draft.
        DiscardedError: the draft was discarded.
        NoCarrierError: a Factur-X of text that no font here can set.
        NotInstalledError: a Factur-X without the extra ``einvoice``.
    """
    inputs.choice("format", format, Document.Format.values)
    if invoice.state == Invoice.State.DISCARDED:
        raise DiscardedError(invoice=invoice.pk)
    spoken = wording(language or str(invoice.party.get("locale") or "")).language
    if not invoice.number:
        return _file(invoice, format, *_written(invoice, format, spoken, at))
    template = pdf.TEMPLATE if format in _SHOWN else _ONE_TEMPLATE
    kept = Document.objects.filter(
        invoice=invoice, format=format, language=spoken, template=template
    ).first()
    if kept is None:
        kept = _keep(invoice, format, spoken, template, at)
    return _file(invoice, format, bytes(kept.content), tuple(kept.problems))


def kept(*, invoice: Invoice) -> list[Document]:
    """Return what files of a document there are, without their content."""
    return list(invoice.documents.defer("content").order_by("id"))


def by_number(*, book: Book, number: str) -> Invoice:
    """
    Return a document by its number.

    Raises:
        NotFoundError: the book has none of that number.
    """
    found = Invoice.objects.filter(book=book, number=number).exclude(number="").first()
    if found is None:
        raise NotFoundError(invoice=number)
    return found


def _keep(
    invoice: Invoice,
    format: str,  # noqa: A002
    language: str,
    template: str,
    at: datetime,
) -> Document:
    """Write a file down; whoever renders the same at once gives way to the first."""
    written, problems = _written(invoice, format, language, at)
    with transaction.atomic():
        Document.objects.bulk_create(
            [
                Document(
                    invoice=invoice,
                    format=format,
                    language=language,
                    template=template,
                    content=written,
                    size=len(written),
                    sha256=hashlib.sha256(written).digest(),
                    problems=list(problems),
                    rendered_at=at,
                )
            ],
            ignore_conflicts=True,
        )
        return Document.objects.get(
            invoice=invoice, format=format, language=language, template=template
        )


def _written(
    invoice: Invoice,
    format: str,  # noqa: A002
    language: str,
    at: datetime,
) -> tuple[bytes, tuple[dict[str, str], ...]]:
    printable = content.printable(invoice)
    stamped = invoice.issued_at or at
    if format == Document.Format.CSV:
        return csv_lines.write(printable), ()
    if format == Document.Format.PDF:
        rendered = pdf.render(printable, brand=_brand(invoice), language=language, at=stamped)
        return rendered.content, rendered.problems
    return _electronic(printable, invoice, format, language, stamped), ()


def _electronic(
    printable: Printable,
    invoice: Invoice,
    format: str,  # noqa: A002
    language: str,
    stamped: datetime,
) -> bytes:
    if not printable.is_issued:
        raise NotIssuedError(invoice=invoice.pk)
    document = einvoice.of(printable, language=language)
    broken = einvoice.check(document)
    assert not broken, f"{printable.number} does not add up: {broken}"
    if format == Document.Format.UBL:
        return ubl.write(document)
    xml = cii.write(document)
    if format == Document.Format.CII:
        return xml
    rendered = pdf.render(printable, brand=_brand(invoice), language=language, at=stamped)
    return facturx.write(pdf=rendered, xml=xml, language=language)


def _brand(invoice: Invoice) -> dict[str, Any]:
    """Return how the book's documents look now: not part of what they say."""
    found = Supplier.objects.filter(book=invoice.book_id).values_list("brand", flat=True).first()
    return found or {}


def _file(
    invoice: Invoice,
    format: str,  # noqa: A002
    written: bytes,
    problems: tuple[dict[str, str], ...],
) -> File:
    media, ending = MEDIA[Document.Format(format)]
    name = invoice.number or f"draft-{invoice.pk}"
    plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)
    return File(
        name=f"{plain}.{ending}",
        media=media,
        content=written,
        sha256=hashlib.sha256(written).hexdigest(),
        problems=problems,
    )
