"""Statements of account as files: PDF in the book's brand and the payer's language, or CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from billing.invoicing import pending
from billing.invoicing.documents import content, pdf
from billing.invoicing.documents.account import PrintedMove, PrintedStatement
from billing.invoicing.documents.storing import File
from billing.invoicing.documents.wording import wording
from billing.models import Supplier
from billing.payments.ageing import BUCKETS, Aged, ageing
from billing.payments.statements import Statement, write_csv
from ledger import inputs
from ledger.money import ZERO, add

FORMATS: Final = ("pdf", "csv")
_MOMENT: Final = timedelta(microseconds=1)


def write(
    made: Statement,
    *,
    format: str,  # noqa: A002
    at: datetime,
    language: str = "",
) -> File:
    """
    Return a statement as a file, in the payer's language or another; it is not kept.

    What is open by days overdue is as of its end, or of ``at`` if that is to come.

    Raises:
        InvalidInputError: a format that there is not.
    """
    inputs.choice("format", format, FORMATS)
    name = f"statement-{made.payer.key}-{made.asset.code}-{made.ends_at - _MOMENT:%Y-%m-%d}"
    plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)
    if format == "csv":
        written, media = write_csv(made).encode(), "text/csv; charset=utf-8"
        return _file(f"{plain}.csv", media, written, ())
    party = pending.parties([made.payer.pk])[made.payer.pk]
    brand = Supplier.objects.filter(pk=made.payer.book_id).values_list("brand", flat=True).first()
    rendered = pdf.render_account(
        printed(made, party=party, at=at),
        brand=brand or {},
        language=wording(language or str(party.get("locale") or "")).language,
        at=at,
    )
    return _file(f"{plain}.pdf", "application/pdf", rendered.content, rendered.problems)


def printed(made: Statement, *, party: Mapping[str, Any], at: datetime) -> PrintedStatement:
    """Return what a statement says, with who sends it to whom and how old is what is open."""
    book, aged_at = made.payer.book, min(at, made.ends_at - _MOMENT)
    supplier = pending.supplier(book)
    aged = _aged(made, aged_at)
    return PrintedStatement(
        seller=content.party_of(supplier, book.key),
        buyer=content.party_of(party, made.payer.key),
        buyer_key=made.payer.key,
        currency=made.asset.code,
        exponent=content.exponent_of(made.asset.code, made.asset.scale),
        starts_at=made.starts_at,
        ends_at=made.ends_at,
        time_zone=book.time_zone,
        opening=made.opening,
        closing=made.closing,
        moves=[
            PrintedMove(
                at=line.at, name=line.name, number=line.number, text=line.text,
                amount=line.amount, balance=line.balance,
            )
            for line in made.lines
        ],
        aged_at=aged_at,
        bounds=BUCKETS,
        owed=aged.owed if aged else [],
        unallocated=add(aged.credits, aged.unapplied) if aged else ZERO,
        bank_accounts=[content.account_of(each) for each in supplier.get("bank_accounts") or ()],
    )  # fmt: skip


def _aged(made: Statement, at: datetime) -> Aged | None:
    rows = ageing(book=made.payer.book, at=at, payer=made.payer).rows
    return next((row for row in rows if row.currency == made.asset.code), None)


def _file(name: str, media: str, written: bytes, problems: tuple[dict[str, str], ...]) -> File:
    return File(
        name=name,
        media=media,
        content=written,
        sha256=hashlib.sha256(written).hexdigest(),
        problems=problems,
    )
