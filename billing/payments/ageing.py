"""Who owes what for how long: documents by the days since they were due, at any instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from ledger.errors import InvalidInputError
from ledger.models import Book, Customer
from ledger.money import ZERO, add, subtract, total

BUCKETS: Final = (0, 30, 60, 90)  # days: not due, 1–30, 31–60, 61–90, more


@dataclass(slots=True, kw_only=True)
class Aged:
    """What one payer owes in one currency; ``owed`` has an amount for each bucket."""

    payer_id: int
    payer_key: str
    payer_name: str
    currency: str
    owed: list[Decimal]
    credits: Decimal = ZERO  # credit notes that are not set off
    unapplied: Decimal = ZERO
    documents: int = 0

    @property
    def total(self) -> Decimal:
        """What it owes in documents."""
        return total(self.owed)

    @property
    def overdue(self) -> Decimal:
        """What of it is past its due date."""
        return total(self.owed[1:])

    @property
    def net(self) -> Decimal:
        """What is left of it once credit notes and unapplied cash are used."""
        return subtract(subtract(self.total, self.credits), self.unapplied)


@dataclass(slots=True, kw_only=True)
class Ageing:
    """What a book's payers owe at an instant, those who owe most first."""

    at: datetime
    bounds: tuple[int, ...]
    rows: list[Aged] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """Name the buckets."""
        spans = zip(self.bounds, self.bounds[1:], strict=False)
        return ["not due", *(f"{a + 1}–{b} days" for a, b in spans), f"over {self.bounds[-1]} days"]

    def sums(self) -> list[Aged]:
        """Return the sum of all payers, by currency."""
        found: dict[str, Aged] = {}
        for row in self.rows:
            whole = found.setdefault(row.currency, _empty(0, "", "", row.currency, self.bounds))
            whole.owed = [add(a, b) for a, b in zip(whole.owed, row.owed, strict=True)]
            whole.credits = add(whole.credits, row.credits)
            whole.unapplied = add(whole.unapplied, row.unapplied)
            whole.documents += row.documents
        return [found[currency] for currency in sorted(found)]


def ageing(
    *,
    book: Book,
    at: datetime,
    buckets: Sequence[int] = BUCKETS,
    payer: Customer | None = None,
) -> Ageing:
    """
    Return what was owed at an instant, by payer, currency and days overdue in the book's zone.

    Two statements, whatever the number of payers; what was settled long before is not read.

    Raises:
        InvalidInputError: buckets that do not grow from 0.
    """
    bounds = tuple(buckets)
    if not bounds or bounds[0] != 0 or list(bounds) != sorted(set(bounds)):
        remedy = "name days that grow from 0, like 0, 30, 60, 90"
        raise InvalidInputError(field="buckets", value=bounds, remedy=remedy)
    today = at.astimezone(ZoneInfo(book.time_zone)).date()
    asked: dict[str, Any] = {
        "book": book.pk,
        "at": at,
        "payer": payer.pk if payer else None,
        "today": today,
    }
    found: dict[tuple[int, str], Aged] = {}
    with connection.cursor() as cursor:
        cursor.execute(_DOCUMENTS, asked)
        for payer_id, key, name, currency, is_note, days, amount in cursor.fetchall():
            row = found.setdefault(
                (payer_id, currency), _empty(payer_id, key, name, currency, bounds)
            )
            if is_note:
                row.credits = add(row.credits, amount)
                continue
            place = _place(days, bounds)
            row.owed[place] = add(row.owed[place], amount)
            row.documents += 1
        cursor.execute(_MONEY, asked)
        for payer_id, key, name, currency, amount in cursor.fetchall():
            row = found.setdefault(
                (payer_id, currency), _empty(payer_id, key, name, currency, bounds)
            )
            row.unapplied = add(row.unapplied, amount)
    return Ageing(at=at, bounds=bounds, rows=_sorted(found.values()))


def _empty(payer_id: int, key: str, name: str, currency: str, bounds: Sequence[int]) -> Aged:
    return Aged(
        payer_id=payer_id,
        payer_key=key,
        payer_name=name,
        currency=currency,
        owed=[ZERO] * (len(bounds) + 1),
    )


def _place(days: int, bounds: Sequence[int]) -> int:
    """
    Return the bucket of so many days overdue.

    >>> [_place(days, (0, 30, 60, 90)) for days in (-5, 0, 1, 30, 31, 90, 91)]
    [0, 0, 1, 1, 2, 3, 4]
    """
    return sum(days > bound for bound in bounds)


def _sorted(rows: Iterable[Aged]) -> list[Aged]:
    return sorted(rows, key=lambda row: (row.currency, -row.overdue, -row.total, row.payer_key))


# What is open now, and what was settled since: that was open then.
_DOCUMENTS: Final = """
    WITH since AS (
        SELECT document, sum(amount) AS amount
        FROM (SELECT invoice_id AS document, amount FROM billing_allocation
              WHERE book_id = %(book)s AND at > %(at)s AND kind <> 'shortfall'
              UNION ALL
              SELECT note_id, amount FROM billing_allocation
              WHERE book_id = %(book)s AND at > %(at)s) x
        WHERE document IS NOT NULL GROUP BY 1
    ), candidates AS (
        SELECT id FROM billing_invoice WHERE book_id = %(book)s AND open > 0
        UNION SELECT document FROM since
        UNION SELECT id FROM billing_invoice
        WHERE book_id = %(book)s AND state = 'void' AND closed_at > %(at)s
    )
    SELECT c.id, c.key, c.name, a.code, i.kind = 'credit_note',
           %(today)s::date - coalesce(i.due_date, i.issue_date),
           CASE i.state WHEN 'void' THEN i.due ELSE i.open END + coalesce(s.amount, 0)
    FROM candidates k JOIN billing_invoice i ON i.id = k.id
    LEFT JOIN since s ON s.document = i.id
    JOIN ledger_customer c ON c.id = i.payer_id JOIN ledger_asset a ON a.id = i.asset_id
    WHERE i.number <> '' AND i.issued_at <= %(at)s
      AND (%(payer)s::bigint IS NULL OR i.payer_id = %(payer)s)
      AND (i.state <> 'void' OR i.closed_at > %(at)s)
      AND CASE i.state WHEN 'void' THEN i.due ELSE i.open END + coalesce(s.amount, 0) <> 0
    ORDER BY i.id
"""
_MONEY: Final = """
    WITH since AS (
        SELECT source_id, sum(amount) AS amount FROM billing_allocation
        WHERE book_id = %(book)s AND at > %(at)s AND source_id IS NOT NULL
          AND kind NOT IN ('balance', 'shortfall')
        GROUP BY 1
    )
    SELECT c.id, c.key, c.name, a.code,
           sum(u.amount - u.applied - u.returned + coalesce(s.amount, 0))
    FROM billing_unapplied u LEFT JOIN since s ON s.source_id = u.id
    JOIN ledger_customer c ON c.id = u.payer_id JOIN ledger_asset a ON a.id = u.asset_id
    WHERE u.book_id = %(book)s AND u.made_at <= %(at)s
      AND (u.amount <> u.applied + u.returned OR s.source_id IS NOT NULL)
      AND (%(payer)s::bigint IS NULL OR u.payer_id = %(payer)s)
    GROUP BY 1, 2, 3, 4
    HAVING sum(u.amount - u.applied - u.returned + coalesce(s.amount, 0)) <> 0
    ORDER BY 1
"""
