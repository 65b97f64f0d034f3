"""
A book, or a part of it, as a journal for others to read: accounts, transactions, balances.

Each transaction appears once for each day its entries happened on, with what it moved on each
account. A part begins with opening balances. All ends with the balances that the ledger itself
knows, so that the reader's sums are held to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from ledger import totals
from ledger.exports import beancount
from ledger.exports.beancount import Leg, Named
from ledger.ids import LINES
from ledger.models import Account, Asset, Book, Period
from ledger.money import exactly

PAGE: Final = 200  # transactions read at a time
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What of a book is exported: all, an accounting period, or an interval of effective time.

    A period holds what was booked in it. What happened before it and was learned late is dated to
    its first day; the transaction tells when it happened.
    """

    book: Book
    period: Period | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The book's time zone, in which days are counted."""
        return ZoneInfo(self.book.time_zone)

    @property
    def first_day(self) -> date | None:
        """The day the part begins; None when it begins with the book."""
        begin = self.period.starts_at if self.period else self.starts_at
        return begin.astimezone(self.zone).date() if begin else None

    @property
    def last_day(self) -> date | None:
        """The last day of the part; None when it has no end."""
        end = self.period.ends_at if self.period else self.ends_at
        return (end - timedelta(microseconds=1)).astimezone(self.zone).date() if end else None


def export(*, part: Part) -> Iterator[str]:
    """Yield the text of a part in beancount's syntax, from one snapshot, a page at a time."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield from _export(part)


def _export(part: Part) -> Iterator[str]:
    opened, closed = _balances(part)
    first_day = part.first_day or _first_day(part.book)
    accounts = _accounts(part.book)
    yield beancount.heading(part.book.name, part.book.base_currency)
    yield from _declarations(first_day, accounts, closed)
    yield from _openings(first_day, accounts, opened)
    last_day = part.last_day or first_day
    for day, written in _transactions(part, accounts):
        last_day = max(last_day, day)
        yield written
    for account_id, amount in sorted(closed.items()):
        yield beancount.assertion(
            last_day + _DAY, accounts[account_id][0], amount, accounts[account_id][1]
        )


def _balances(part: Part) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
    """Return what accounts held before the part and after it, debits less credits."""
    book_id, period = part.book.pk, part.period
    with exactly():
        if period is not None:
            pairs = totals.of_periods(book_id, before=period.starts_at, until=period.ends_at)
            opened = _net(old for old, _ in pairs)
            booked = _net(new for _, new in pairs)
            return opened, {number: opened[number] + booked[number] for number in booked}
        start = totals.of_book(book_id, effective_at=part.starts_at) if part.starts_at else []
        end = totals.of_book(book_id, effective_at=part.ends_at)
        return _net(start), _net(row for row in end if row.debits or row.credits)


def _net(rows: Iterable[totals.Total]) -> dict[int, Decimal]:
    return {row.account_id: row.debits - row.credits for row in rows}


def _accounts(book: Book) -> dict[int, tuple[str, str]]:
    """Return each account's name and commodity."""
    commodities = beancount.commodities(dict(Asset.objects.values_list("pk", "code")))
    rows = [
        Named(
            account_id=number,
            type=type_,
            purpose=purpose,
            customer=customer or "",
            discriminator=discriminator,
            asset=commodities[asset],
        )
        for number, type_, purpose, customer, discriminator, asset in Account.objects.filter(
            book=book
        ).values_list("pk", "type", "purpose", "customer__key", "discriminator", "asset__code")
    ]
    names = beancount.names(rows)
    return {row.account_id: (names[row.account_id], row.asset) for row in rows}


def _declarations(
    day: date, accounts: dict[int, tuple[str, str]], used: Iterable[int]
) -> Iterator[str]:
    opened = sorted(used)
    held = {accounts[number][1] for number in opened}
    for code, name in beancount.commodities(dict(Asset.objects.values_list("pk", "code"))).items():
        if name in held:
            yield beancount.commodity(day, name, code)
    for number in opened:
        yield beancount.opening(day, *accounts[number], number)
    yield "\n"


def _openings(
    day: date, accounts: dict[int, tuple[str, str]], opened: dict[int, Decimal]
) -> Iterator[str]:
    by_commodity: Callable[[int], str] = lambda number: accounts[number][1]  # noqa: E731
    held = sorted((number for number, amount in opened.items() if amount), key=by_commodity)
    for commodity, numbers in groupby(held, key=by_commodity):
        yield beancount.transaction(
            day,
            payee="opening",
            narration=f"Opening balances in {commodity}",
            metadata={},
            legs=[Leg(number, opened[number]) for number in numbers],
            accounts=accounts,
        )


def _transactions(part: Part, accounts: dict[int, tuple[str, str]]) -> Iterator[tuple[date, str]]:
    for (header, day), rows in groupby(_rows(part), key=lambda row: (row[:8], row[8])):
        shown = _clamped(day, part)
        yield shown, _written(shown, header, [Leg(*row[9:]) for row in rows], accounts)


def _written(
    day: date, header: tuple[Any, ...], legs: list[Leg], accounts: dict[int, tuple[str, str]]
) -> str:
    number, kind, key, memo, cause, effective_at, posted_at, reverses = header
    return beancount.transaction(
        day,
        payee=kind,
        narration=memo or key,
        metadata={
            "transaction": str(number),
            "key": key,
            "cause": cause,
            "effective-at": effective_at.astimezone(UTC).isoformat(),
            "posted-at": posted_at.astimezone(UTC).isoformat(),
            "reverses": str(reverses or ""),
        },
        legs=legs,
        accounts=accounts,
    )


def _clamped(day: date, part: Part) -> date:
    if part.period is None:
        return day
    assert part.first_day is not None
    assert part.last_day is not None
    return min(max(day, part.first_day), part.last_day)


def _rows(part: Part) -> Iterator[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "book": part.book.pk,
        "period": part.period and part.period.pk,
        "starts_at": part.starts_at,
        "ends_at": part.ends_at,
        "zone": part.book.time_zone,
        "page": PAGE,
        "lines": LINES,
    }
    last = -1
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_PAGE_OF_IDS, {**parameters, "after": last})
            page = [number for (number,) in cursor.fetchall()]
            if not page:
                return
            cursor.execute(_MOVED, {**parameters, "page_ids": page})
            yield from cursor.fetchall()
            last = page[-1]


def _first_day(book: Book) -> date:
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {totals.UNFOLDED} {_FIRST_DAY}", {"book": book.pk})
        found: date | None = cursor.fetchone()[0]
    # Days of the buckets are UTC's: the book's own may begin the day before.
    return (found or book.created_at.date()) - _DAY


_PAGE_OF_IDS: Final = """
    SELECT id FROM ledger_transaction
    WHERE book_id = %(book)s AND id > %(after)s
      AND (%(period)s::bigint IS NULL OR period_id = %(period)s)
    ORDER BY id LIMIT %(page)s
"""
_MOVED: Final = """
    SELECT t.id, t.kind, t.key, t.memo, t.cause, t.effective_at, t.posted_at, t.reverses_id,
           e.day, side.account_id, sum(side.amount)
    FROM ledger_transaction t
    CROSS JOIN LATERAL (
        SELECT debit_account_id, credit_account_id, amount,
               (effective_at AT TIME ZONE %(zone)s)::date AS day
        FROM ledger_entry
        WHERE id > t.id AND id < t.id + %(lines)s
          AND (%(starts_at)s::timestamptz IS NULL OR effective_at >= %(starts_at)s)
          AND (%(ends_at)s::timestamptz IS NULL OR effective_at < %(ends_at)s)
        OFFSET 0) e
    CROSS JOIN LATERAL (
        VALUES (e.debit_account_id, e.amount), (e.credit_account_id, -e.amount))
        AS side (account_id, amount)
    WHERE t.id = ANY(%(page_ids)s)
    GROUP BY t.id, e.day, side.account_id
    ORDER BY t.id, e.day, side.account_id
"""
_FIRST_DAY: Final = """
    SELECT least(
        (SELECT min(k.effective_date) FROM ledger_bucket k
         JOIN ledger_account a ON a.id = k.account_id WHERE a.book_id = %(book)s),
        (SELECT min(d.effective_date) FROM unfolded u
         CROSS JOIN LATERAL (
             SELECT * FROM ledger_delta WHERE transaction_id = u.transaction_id OFFSET 0) d
         WHERE (d.account_id >> 48) & 16383 = %(book)s))
"""
