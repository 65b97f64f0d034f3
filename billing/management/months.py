"""
Two months of the demo's book, invoiced, paid and closed as finance operations would.

Who sells and who buys, taxes, a payer for a whole company; then for each month a run of invoices,
payments that match, fall short or come without a reference, a credit note, and the month's close.
One payer has fourteen days and lets them pass: it is reminded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings

from billing import closing, collection, dunning
from billing.invoicing import credit_notes, lifecycle, running
from billing.invoicing.creditable import Lines
from billing.invoicing.documents import storing
from billing.models import Invoice
from billing.payments import recording
from billing.reports import deferred
from billing.reports.deferred import DeferredReport
from billing.taxation import rates
from ledger import folding, sealing
from ledger.models import Asset, Book, Customer
from ledger.models import Period as LedgerPeriod
from ledger.periods import Period, month_of

MONTHS: Final = 2
_BY: Final = "demo"
_CENT: Final = Decimal("0.01")
_CLEARING: Final = "clearing"
_WIRED: Final = "Bank transfers, matched with the statement by hand"
_SELLER: Final[Mapping[str, Any]] = {
    "legal_name": "Meterbook Demo GmbH",
    "address": {
        "line1": "Hafenstraße 7",
        "postal_code": "20457",
        "city": "Hamburg",
        "country": "DE",
    },
    "tax_ids": {"eu_vat": "DE136695976"},
    "registration": "Amtsgericht Hamburg, HRB 100000",
    "contact": {"name": "Accounts", "email": "accounts@meterbook.example"},
    "bank_accounts": [
        {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "holder": "Meterbook Demo GmbH"}
    ],
    "brand": {"colour": "#0b6e8f", "footer": "Managing director: Ada Byron"},
    "invoice_note": "Thank you for your business.",
}
# Key, legal name, street, postal code, city, country, VAT number.
_BUYERS: Final = (
    ("aurora", "Aurora Bank AG", "Bankplatz 1", "60311", "Frankfurt am Main", "DE", "DE811569869"),
    ("bramble", "Bramble Commerce SAS", "12 rue du Lac", "69003", "Lyon", "FR", "FR40303265045"),
    ("cobalt", "Cobalt Robotics Inc.", "44 Pier Road", "94105", "San Francisco", "US", ""),
    ("ember", "Ember Games GmbH", "Sandweg 9", "80331", "München", "DE", "DE129273398"),
    ("fjord", "Fjord Helse AS", "Bryggen 3", "5003", "Bergen", "NO", ""),
    ("grove", "Grove Education Ltd", "8 Garden Row", "SE1 6HD", "London", "GB", ""),
)


_LATE: Final = "ember"  # pays nothing
_REMINDERS: Final = (
    {"after_days": 3, "act": "remind"},
    {"after_days": 14, "act": "remind"},
    {"after_days": 60, "act": "suspend"},
)


class _Way(Enum):
    """How the others pay, in turns."""

    BY_REFERENCE = auto()
    HALF = auto()
    WITHOUT_A_WORD = auto()
    NOT_YET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMonth:
    """A month that has been closed, and what was issued for it."""

    name: str
    documents: list[Invoice]
    waived: list[str]
    deferred: DeferredReport


def set_up(*, book: Book, customers: Mapping[str, Customer], at: datetime) -> None:
    """Say who sells, who buys, who pays for whom, and what is taxed."""
    collection.set_supplier(book=book, at=at, **_SELLER)
    for key, name, line1, code, city, country, vat in _BUYERS:
        collection.set_party(
            customer=customers[key],
            legal_name=name,
            address={"line1": line1, "postal_code": code, "city": city, "country": country},
            tax_ids={"eu_vat": vat} if vat else {},
            at=at,
        )
    for key in ("aurora", "bramble"):  # one invoice for all of the company
        payer = customers[key]
        collection.set_profile(book=book, customer=payer, payer=payer, at=at, cause=_BY)
    collection.set_profile(
        book=book, customer=customers[_LATE], payment_terms="P14D", at=at, cause=_BY
    )
    dunning.define(
        book=book, key="reminders", name="Reminders", steps=_REMINDERS, is_default=True, by=_BY,
        at=at,
    )  # fmt: skip
    since = date(at.year - 2, 1, 1)
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(19), valid_from=since, name="USt", at=at
    )


def close(*, book: Book, asset: Asset, at: datetime) -> list[ClosedMonth]:
    """Invoice and close the last whole months before ``at``, in order."""
    ways = cycle(_Way)
    closed = [_close(book, asset, month, at, ways) for month in _months(book, at)]
    _remind(book, at)
    return closed


def picture(*, document: Invoice, at: datetime) -> Path:
    """Write a document as PDF beside the database, and return where."""
    file = storing.render(invoice=document, format="pdf", at=at)
    path = settings.HOME / file.name
    path.write_bytes(file.content)
    return path


def _months(book: Book, at: datetime) -> list[Period]:
    zone = ZoneInfo(book.time_zone)
    found = [month_of(at, zone)]
    for _ in range(MONTHS):
        found.append(month_of(found[-1].starts_at - timedelta(days=1), zone))
    return found[:0:-1]


def _close(
    book: Book, asset: Asset, month: Period, at: datetime, ways: Iterator[_Way]
) -> ClosedMonth:
    zone = ZoneInfo(book.time_zone)
    name = f"{month.starts_at.astimezone(zone):%B %Y}"
    issued_at = min(month.ends_at + timedelta(days=1, hours=9), at)
    run = running.start(book=book, key=name, until=month.ends_at, at=issued_at, by=_BY)
    running.work(run=run, at=issued_at)
    documents = list(Invoice.objects.filter(run=run, number__gt="").order_by("number"))
    paid_at = min(month.ends_at + timedelta(days=12), at)
    _pay(documents, asset, paid_at, ways)
    _credit(documents, min(month.ends_at + timedelta(days=14), at))
    _remind(book, min(month.ends_at + timedelta(days=20), at))
    waived = _close_books(book, month, at)
    report = deferred.deferred(book=book, starts_at=month.starts_at, ends_at=month.ends_at)
    shown = Invoice.objects.filter(book=book, number__gt="", issued_at__gte=issued_at)
    return ClosedMonth(
        name=name,
        documents=list(shown.select_related("payer", "corrects").order_by("issued_at", "number")),
        waived=waived,
        deferred=report,
    )


def _remind(book: Book, at: datetime) -> None:
    """Note what is overdue, and ask for it."""
    waiting = Invoice.objects.filter(book=book, open__gt=0).exclude(number="")
    lifecycle.refresh_state(invoice_ids=list(waiting.values_list("pk", flat=True)), at=at, by=_BY)
    dunning.dun(at=at, book_id=book.pk)


def _pay(documents: list[Invoice], asset: Asset, at: datetime, ways: Iterator[_Way]) -> None:
    """One pays by reference, one too little, one without a word; the next lets us wait."""
    owed = [one for one in documents if one.kind == Invoice.Kind.INVOICE and one.open]
    for document in owed:
        if document.payer.key == _LATE:
            continue
        way = next(ways)
        if way is _Way.NOT_YET:
            continue
        half = (document.open / 2).quantize(_CENT)
        recording.record(
            payer=document.payer,
            asset=asset,
            amount=half if way is _Way.HALF else document.open,
            method="bank",
            rail="bank",
            external_id=f"statement-{document.number}",
            reference=document.number if way is _Way.BY_REFERENCE else "",
            received_at=at,
            key=f"payment-{document.number}",
            at=at,
            by=_BY,
        )


def _credit(documents: list[Invoice], at: datetime) -> None:
    """Give back a tenth of the largest fee that was paid: the service was away for a day."""
    fees = [
        line
        for document in documents
        if document.kind == Invoice.Kind.INVOICE
        for line in document.lines.filter(kind="fee", due__gt=0).order_by("position")
    ]
    if not fees:
        return
    line = max(fees, key=lambda one: one.due)
    credit_notes.credit(
        invoice=line.invoice,
        what=Lines(amounts={line.pk: (line.due / 10).quantize(_CENT)}),
        disposition=Invoice.Disposition.OFFSET,
        reason="The platform was away for a day",
        by=_BY,
        key=f"away-{line.invoice.number}",
        at=at,
    )


def _close_books(book: Book, month: Period, at: datetime) -> list[str]:
    """Close all that is open up to a month's end, and return what somebody answered for."""
    sealing.seal(at=at)
    folding.fold()
    waived = set()
    rows = LedgerPeriod.objects.filter(book=book, ends_at__lte=month.ends_at)
    for period in rows.exclude(state=LedgerPeriod.State.CLOSED).order_by("starts_at"):
        for finding in closing.check(period=period, at=at, by=_BY):
            if finding.blocks and finding.key == _CLEARING:
                waived.add(finding.key)
                closing.waive(period=period, check=finding.key, by=_BY, reason=_WIRED, at=at)
        closing.close(period=period, by=_BY, at=at)
    return sorted(waived)
