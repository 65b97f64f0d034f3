"""What issued documents have said of sources before: what a difference is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection

from billing.invoicing import statements
from billing.invoicing.facts import NOTHING_BILLED, LineSource
from billing.invoicing.lines import RUNNING
from billing.invoicing.materials import Earlier, Source
from ledger import arrays
from ledger.money import ZERO, subtract

_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def add_to(sources: Iterable[Source]) -> None:
    """Have sources know the lines that billed them before; one statement, if there are any."""
    before = {one.billable_id: one for one in sources if one.before != NOTHING_BILLED}
    if not before:
        return
    for number, line in _lines(before):
        before[number].earlier.append(line)


def _lines(billable_ids: Iterable[int]) -> Iterator[tuple[int, Earlier]]:
    """Return the lines of issued documents about these sources, the last first."""
    with connection.cursor() as cursor:
        cursor.execute(statements.EARLIER, [arrays.whole(billable_ids)])
        rows = cursor.fetchall()
    for row in rows:
        billable_id, line_id, invoice_id, kind, number, payer_id, group_key, series_key = row[:8]
        due, credited, discount, left, details, sources = row[8:14]
        code, category, place, percentage, is_inclusive = row[14:]
        said = _decode(details)
        yield (
            billable_id,
            Earlier(
                line_id=line_id,
                invoice_id=invoice_id,
                kind=kind,
                number=number,
                payer_id=payer_id,
                group_key=group_key,
                series_key=series_key,
                due=due,
                creditable=max(ZERO, subtract(due, credited)),
                discount=discount,
                left=left,
                is_running=bool(said.get(RUNNING)),
                details=said,
                sources=[_line_source(one) for one in _decode(sources)],
                tax_code=code,
                category=category,
                jurisdiction=place,
                percentage=percentage,
                is_inclusive=is_inclusive,
            ),
        )


def _line_source(written: Mapping[str, Any]) -> LineSource:
    return LineSource(
        account_id=int(written["account_id"]),
        grant_id=written["grant_id"],
        funding=written["funding"],
        amount=Decimal(written["amount"]),
    )
