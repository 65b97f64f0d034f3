"""Tables as CSV files that a spreadsheet opens without running what is in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from django.http import HttpResponse

from ledger.money import text

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: object) -> str:
    """
    Write a value so that no spreadsheet takes it for a formula; numbers stay numbers.

    >>> cell("=HYPERLINK(1)"), cell(Decimal("-1.50"))
    ("'=HYPERLINK(1)", '-1.5')
    """
    if isinstance(value, Decimal):
        return text(value)
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(_STARTS_FORMULA) else written


def response(name: str, rows: Iterable[Iterable[object]]) -> HttpResponse:
    """Return rows as a file to be saved under a name."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(answer)
    writer.writerows([cell(value) for value in row] for row in rows)
    return answer
