"""Tables as CSV files that a spreadsheet opens without running what is in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from django.http import HttpResponse

from ledger.spreadsheets import cell


def response(name: str, rows: Iterable[Iterable[object]]) -> HttpResponse:
    """Return rows as a file to be saved under a name."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(answer)
    writer.writerows([cell(value) for value in row] for row in rows)
    return answer
