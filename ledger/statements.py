"""
An account's statement: its lines in order, each with the balance it leaves.

A page costs the same however long the history is. A customer's account is read by the time things
happened, through the index of its entries. A house account takes part in too many entries to
index: its statement has one line per transaction, by the time of posting, read from its deltas.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from django.db import connection

from ledger import balances, ids
from ledger.errors import InvalidInputError
from ledger.models import Account
from ledger.money import exactly, text

MOST_LINES: Final = 1000
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step of an account's balance; ``amount`` and ``balance`` in the account's orientation."""

    transaction_id: int
    entry_id: int | None  # None where a line stands for all entries of a transaction
    kind: str
    key: str
    memo: str
    effective_at: datetime
    posted_at: datetime
    counter_account: Account | None  # None where there may be several
    debit: Decimal
    credit: Decimal
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A page of an account's statement."""

    account: Account
    orientation: int
    opening: Decimal  # before the first line of this page
    closing: Decimal  # after its last line
    lines: Sequence[Line]
    cursor: str | None  # of the next page; None when this is the last


class _Place(NamedTuple):
    """Where a page begins: after this row, with this balance."""

    instant: str  # empty before the first row
    row_id: int
    balance: Decimal


def statement(
    *,
    account: Account,
    starts_at: datetime,
    ends_at: datetime,
    cursor: str | None = None,
    limit: int = 50,
) -> Statement:
    """
    Return a page of the lines in [``starts_at``, ``ends_at``), oldest first.

    The interval is of effective time for a customer's account, of posted time for the book's own
    (in whole milliseconds). A cursor belongs to the account and interval it came with.

    Raises:
        InvalidInputError: a cursor that is none, or a limit that is not 1 … 1000.
    """
    if not 0 < limit <= MOST_LINES:
        raise InvalidInputError(field="limit", value=limit, remedy=f"use 1 to {MOST_LINES}")
    is_house = ids.is_house(account.pk)
    orientation = account.balance.orientation
    place = _read(cursor) if cursor else _Place("", 0, _opening(account, is_house, starts_at))
    rows = _rows(account.pk, is_house, starts_at, ends_at, place, limit + 1)
    lines = _lines(rows[:limit], place.balance, orientation)
    closing = lines[-1].balance if lines else place.balance
    return Statement(
        account=account,
        orientation=orientation,
        opening=place.balance,
        closing=closing,
        lines=lines,
        cursor=_write(lines[-1]) if len(rows) > limit else None,
    )


def _opening(account: Account, is_house: bool, starts_at: datetime) -> Decimal:
    clock = "posted_at" if is_house else "effective_at"
    return balances.as_of(account_ids=[account.pk], **{clock: starts_at})[account.pk].settled


def _rows(
    account_id: int,
    is_house: bool,
    starts_at: datetime,
    ends_at: datetime,
    place: _Place,
    limit: int,
) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {"account": account_id, "limit": limit, "after": place.row_id}
    if is_house:
        after = place.row_id + ids.LINES if place.row_id else 0
        parameters["first"] = max(after, _first_id(starts_at))
        parameters["until"] = _first_id(ends_at)
    else:
        parameters["starts_at"] = place.instant or starts_at
        parameters["ends_at"] = ends_at
    with connection.cursor() as cursor:
        cursor.execute(_HOUSE if is_house else _CUSTOMERS, parameters)
        return list(cursor.fetchall())


def _first_id(instant: datetime) -> int:
    # The first millisecond that does not begin before the instant, as ``ledger.totals`` cuts.
    whole = -((ids.EPOCH - instant) // _MILLISECOND)
    return ids.first_id_at(ids.EPOCH + whole * _MILLISECOND)


def _lines(rows: Sequence[tuple[Any, ...]], balance: Decimal, orientation: int) -> list[Line]:
    counters = Account.objects.select_related("customer", "asset").in_bulk(
        {row[3] for row in rows if row[3] is not None}
    )
    lines = []
    with exactly():
        for row in rows:
            amount = orientation * (row[4] - row[5])
            balance += amount
            lines.append(
                Line(
                    transaction_id=row[0],
                    entry_id=row[1],
                    effective_at=row[2],
                    counter_account=counters.get(row[3]),
                    debit=row[4],
                    credit=row[5],
                    amount=amount,
                    balance=balance,
                    kind=row[6],
                    key=row[7],
                    memo=row[8],
                    posted_at=row[9],
                )
            )
    return lines


def _write(line: Line) -> str:
    place = [
        line.effective_at.isoformat() if line.entry_id else "",
        line.entry_id or line.transaction_id,
        text(line.balance),
    ]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read(cursor: str) -> _Place:
    try:
        instant, row_id, balance = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if instant:
            datetime.fromisoformat(instant)
        place = _Place(str(instant), int(row_id), Decimal(balance))
    except (ValueError, TypeError, binascii.Error, InvalidOperation):
        place = None
    if place is None or not place.balance.is_finite() or not 0 < place.row_id < 1 << 63:
        raise InvalidInputError(
            field="cursor", value=cursor, remedy="send the cursor of the page before, unchanged"
        )
    return place


# The predicates on 2**62 let the planner see that the partial indexes apply. Entries of one
# instant are in id order; the index gives the instants in order.
_CUSTOMERS: Final = """
    WITH page AS (
        (SELECT transaction_id, id, effective_at, credit_account_id AS counter,
                amount AS debit, 0 AS credit
         FROM ledger_entry
         WHERE debit_account_id = %(account)s AND debit_account_id >= 4611686018427387904
           AND effective_at >= %(starts_at)s AND effective_at < %(ends_at)s
           AND (effective_at, id) > (%(starts_at)s::timestamptz, %(after)s)
         ORDER BY effective_at, id LIMIT %(limit)s)
        UNION ALL
        (SELECT transaction_id, id, effective_at, debit_account_id, 0, amount
         FROM ledger_entry
         WHERE credit_account_id = %(account)s AND credit_account_id >= 4611686018427387904
           AND effective_at >= %(starts_at)s AND effective_at < %(ends_at)s
           AND (effective_at, id) > (%(starts_at)s::timestamptz, %(after)s)
         ORDER BY effective_at, id LIMIT %(limit)s)
        ORDER BY effective_at, id LIMIT %(limit)s
    )
    SELECT p.transaction_id, p.id, p.effective_at, p.counter, p.debit, p.credit,
           t.kind, t.key, t.memo, t.posted_at
    FROM page p JOIN ledger_transaction t ON t.id = p.transaction_id
    ORDER BY p.effective_at, p.id
"""
_HOUSE: Final = """
    WITH page AS (
        SELECT transaction_id, sum(debits) AS debit, sum(credits) AS credit
        FROM ledger_delta
        WHERE account_id = %(account)s
          AND transaction_id >= %(first)s AND transaction_id < %(until)s
        GROUP BY transaction_id ORDER BY transaction_id LIMIT %(limit)s
    )
    SELECT t.id, NULL::bigint, t.effective_at, NULL::bigint, p.debit, p.credit,
           t.kind, t.key, t.memo, t.posted_at
    FROM page p JOIN ledger_transaction t ON t.id = p.transaction_id
    ORDER BY t.id
"""
