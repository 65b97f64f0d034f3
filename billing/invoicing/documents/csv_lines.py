"""The lines of a document as CSV, for spreadsheets and checks by machines (pure)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from billing.invoicing.documents.printable import Printable, PrintedLine
from ledger.spreadsheets import cell

COLUMNS: Final = (
    *("number", "kind", "position", "line", "consumer", "description", "starts_at", "ends_at"),
    *("quantity", "unit", "unit_price", "amount", "promotional", "paid", "due", "tax_code"),
    *("jurisdiction", "category", "percentage", "taxable", "tax", "currency", "price_version"),
)


def write(printable: Printable) -> bytes:
    """Return a file with a line for each line; no text in it is taken for a formula."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in printable.lines:
        writer.writerow(_row(printable, line))
    return held.getvalue().encode("utf-8-sig")  # spreadsheets know it by its mark


def _row(printable: Printable, line: PrintedLine) -> Iterator[str]:
    zone = ZoneInfo(printable.time_zone)
    values = (
        *(printable.number, printable.kind, str(line.position), line.kind, line.consumer),
        line.description,
        *(
            each.astimezone(zone).isoformat() if each else ""
            for each in (line.starts_at, line.ends_at)
        ),
        *(line.quantity, line.unit, line.unit_price, line.amount, line.promotional, line.paid),
        *(line.due, line.tax_code, line.jurisdiction, line.category, line.percentage),
        *(line.taxable, line.tax, printable.currency, line.price_version),
    )
    return map(cell, values)
