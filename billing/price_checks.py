"""
What must hold between prices and running amounts, and between costs and the ledger.

Like ``billing.checks``; these look at what usage should have cost, not only at what was posted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from django.db import connection

from billing.metering.accruals import PRICED
from billing.rating import terms
from billing.rating.free_events import EventState
from billing.rating.rated import Rated
from ledger.money import ZERO, multiply, text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "Rates never change, so a running value was written past the application, or an event was"
    " priced wrongly: void and amend one of the series to have it priced anew, and report it."
)
_STEP: Final = 5000  # rows at a time


def amounts_are_priced(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each series amounts to what its rate says of its quantity, and of its events."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SERIES, {"book": book_id})
        while rows := cursor.fetchmany(_STEP):
            for accrual, quantity, amount, events, state, is_listed, *rate in rows:
                priced = _priced(rate, quantity, state)
                if is_listed and not events:
                    priced = ZERO  # a price list knows no period without usage
                if priced != amount:
                    detail = f"amounts to {text(amount)}, its rate says {text(priced)}"
                    yield Disagreement("prices", f"accrual {accrual}", detail, _REMEDY)


def costs_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """The running costs of a book sum to the provider cost that its usage brought."""
    with connection.cursor() as cursor:
        cursor.execute(_COSTS, {"book": book_id})
        for book, said, posted in cursor.fetchall():
            detail = f"running costs say {text(said)}, entries {text(posted)}"
            yield Disagreement("costs", f"book {book}", detail, _REMEDY)


def _priced(rate: Sequence[Any], quantity: Decimal, state: str) -> Decimal:
    unit_price, document, *read_by = rate
    if document is None:
        return multiply(unit_price, quantity)
    rated = _rated(document, *read_by)
    if rated.basis == "quantity":
        return rated.amount(quantity)
    events = EventState.load(json.loads(state).get(PRICED, {}), rated.free_events)
    return rated.amount(quantity, events.contributed)


@lru_cache(maxsize=10_000)
def _rated(document: str, scale: int, dimensions: str, aggregation: str, kept: int) -> Rated:
    return terms.parse(
        json.loads(document),
        scale=scale,
        dimensions=json.loads(dimensions),
        aggregation=aggregation,
        kept=kept,
    )


_SERIES: Final = """
    SELECT a.id, a.quantity, a.amount, a.events, a.state::text, r.rate_card_id IS NOT NULL,
           r.unit_price, r.terms::text,
           u.scale, m.dimensions::text, m.aggregation, s.scale
    FROM billing_accrual a
    JOIN billing_rate r ON r.id = a.rate_id
    JOIN billing_meter m ON m.id = a.meter_id
    JOIN ledger_asset u ON u.id = m.unit_id
    JOIN ledger_asset s ON s.id = r.asset_id
    WHERE %(book)s::bigint IS NULL OR m.book_id = %(book)s
    ORDER BY a.rate_id, a.id
"""
_COSTS: Final = """
    WITH said AS (
        SELECT m.book_id, sum(a.cost) AS cost
        FROM billing_accrual a JOIN billing_meter m ON m.id = a.meter_id GROUP BY 1
    ), posted AS (
        SELECT a.book_id, sum(d.debits - d.credits) AS cost
        FROM ledger_account a
        JOIN ledger_delta d ON d.account_id = a.id
        JOIN ledger_transaction t ON t.id = d.transaction_id AND t.kind IN ('usage', 'correction')
        WHERE a.purpose = 'cost_of_revenue' GROUP BY 1
    )
    SELECT book_id, coalesce(said.cost, 0), coalesce(posted.cost, 0)
    FROM said FULL JOIN posted USING (book_id)
    WHERE coalesce(said.cost, 0) <> coalesce(posted.cost, 0)
      AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ORDER BY book_id
"""
