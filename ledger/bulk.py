"""
Posting, set-based: the only writer of the journal.

Whatever the number of postings and moves, a call makes the same few statements: claim the keys,
write the entries in one COPY. The database moves the balances by itself (``0002_journal.sql``).
Locks are taken in one order everywhere: transaction keys, then balances by account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from ledger import arrays, prepared
from ledger.calendar import Fact, periods_for
from ledger.errors import (
    AssetMismatchError,
    BookMismatchError,
    EmptyMoveError,
    EmptyTransactionError,
    IdempotencyConflictError,
    InvalidInputError,
    PeriodClosedError,
)
from ledger.ids import LINES, asset_of
from ledger.integrity import refusals
from ledger.metadata import canonical
from ledger.models import Asset
from ledger.money import exact, subtract
from ledger.moves import Posting, fingerprint

MAX_MOVES: Final = LINES - 1
NULL: Final = "\\N"  # as COPY reads it
_ATTEMPTS: Final = 3  # a period may close between our look at it and our write


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a posting: its transaction, and whether this call wrote it."""

    transaction_id: int
    is_new: bool


class Funds(NamedTuple):
    """A guarded balance, read under its lock."""

    debits: Decimal
    credits: Decimal
    held: Decimal
    floor: Decimal | None
    orientation: int

    @property
    def settled(self) -> Decimal:
        """What the account holds, in its own orientation."""
        if self.orientation > 0:
            return subtract(self.debits, self.credits)
        return subtract(self.credits, self.debits)

    @property
    def available(self) -> Decimal | None:
        """What may still be taken from it; None when there is no lower bound."""
        if self.floor is None:
            return None
        return subtract(subtract(self.settled, self.held), self.floor)


def post(*, postings: Sequence[Posting]) -> list[Posted]:
    """
    Record postings once each, all or none, and return what became of them, in order.

    A posting whose key already stands for the same content changes nothing and returns the first
    transaction. Amounts are in the asset of their accounts, kept to twelve places, never rounded.

    Raises:
        EmptyTransactionError, EmptyMoveError: nothing to record, or an amount not above zero.
        AssetMismatchError, BookMismatchError: a move joins accounts that cannot be joined.
        PrecisionError: an amount is finer than its asset is kept.
        InsufficientBalanceError: an account would fall below its lower bound.
        IdempotencyConflictError: a key already stands for other content.
        AlreadyReversedError: what a posting reverses has been reversed.
    """
    for posting in postings:
        check(posting)
    for attempt in range(_ATTEMPTS):
        try:
            with refusals(), transaction.atomic():
                return _post(postings)
        except PeriodClosedError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("every attempt returns or raises")


def lock(account_ids: Iterable[int]) -> dict[int, Funds]:
    """
    Lock guarded balances in account order until the transaction ends, and return what they hold.

    One table, so that a row that had to be waited for comes as it is then, not as it was.
    """
    wanted = arrays.whole(sorted(set(account_ids)))
    return {row[0]: Funds(*row[1:]) for row in prepared.rows(_LOCK, [wanted])}


_LOCK: Final = """
    SELECT account_id, debits, credits, held, floor, orientation FROM ledger_balance
    WHERE account_id = ANY(%s::bigint[]) ORDER BY account_id FOR NO KEY UPDATE
"""


def check(posting: Posting) -> None:
    """Hold a posting to the rules that need no database; errors as ``post``."""
    if not posting.moves:
        raise EmptyTransactionError(key=posting.key)
    if len(posting.moves) > MAX_MOVES:
        raise InvalidInputError(
            field="moves", value=len(posting.moves), remedy=f"send at most {MAX_MOVES} in a posting"
        )
    if not posting.key or "\x00" in posting.key:
        raise InvalidInputError(field="key", value=posting.key, remedy="choose a key that is text")
    scales: dict[int, int] = {}
    for debit, credit, amount, _, _ in posting.moves:
        if debit == credit or not amount > 0:
            raise EmptyMoveError(key=posting.key, debit=debit, credit=credit, amount=amount)
        _check_joined(posting, debit, credit)
        asset = asset_of(debit)
        scale = scales.get(asset)
        if scale is None:
            scale = scales[asset] = _scale_of(asset)
        exact(amount, scale)


def _check_joined(posting: Posting, debit: int, credit: int) -> None:
    """An account's number says its book and its asset: those of a move's two are the same."""
    if (debit ^ credit) >> 32 & 0xFFFF:
        raise AssetMismatchError(key=posting.key, debit=debit, credit=credit)
    if (debit ^ credit) >> 48 & 0x3FFF or debit >> 48 & 0x3FFF != posting.book_id:
        raise BookMismatchError(key=posting.key, debit=debit, credit=credit)


def _post(postings: Sequence[Posting]) -> list[Posted]:
    prints = [fingerprint(posting) for posting in postings]
    claimed = _claim(postings, prints)
    posted: list[Posted] = []
    fresh: list[tuple[int, Posting]] = []
    for posting, print_ in zip(postings, prints, strict=True):
        transaction_id, is_new, first_print = claimed[posting.book_id, posting.key]
        if first_print != print_:
            raise IdempotencyConflictError(key=posting.key)
        if is_new:
            fresh.append((transaction_id, posting))
            claimed[posting.book_id, posting.key] = (transaction_id, False, first_print)
        posted.append(Posted(transaction_id, is_new))
    if fresh:
        _write(fresh)
    return posted


def _claim(
    postings: Sequence[Posting], prints: Sequence[bytes]
) -> dict[tuple[int, str], tuple[int, bool, bytes]]:
    """Insert the headers whose keys are free; return every key's transaction, in one shape."""
    order = sorted(range(len(postings)), key=lambda i: (postings[i].book_id, postings[i].key))
    facts = [Fact(one.book_id, one.kind, one.effective_at) for one in postings]
    periods = periods_for(facts)
    rows = [_header(postings[i], prints[i], periods[facts[i]]) for i in order]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [list(column) for column in zip(*rows, strict=True)])
        claimed = {(row[1], row[2]): (row[0], True, bytes(row[3])) for row in cursor.fetchall()}
        taken = {(p.book_id, p.key) for p in postings} - claimed.keys()
        if taken:
            cursor.execute(_TAKEN, [list(column) for column in zip(*sorted(taken), strict=True)])
            claimed |= {
                (row[1], row[2]): (row[0], False, bytes(row[3])) for row in cursor.fetchall()
            }
    return claimed


_CLAIM: Final = """
    INSERT INTO ledger_transaction (book_id, kind, key, fingerprint, effective_at, period_id,
                                    reverses_id, cause, memo, metadata, evidence)
    SELECT *
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::timestamptz[], %s::bigint[],
                %s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::bytea[])
    ON CONFLICT (book_id, key) DO NOTHING
    RETURNING id, book_id, key, fingerprint
"""
_TAKEN: Final = """
    SELECT t.id, t.book_id, t.key, t.fingerprint
    FROM unnest(%s::bigint[], %s::text[]) AS k (book_id, key)
    JOIN ledger_transaction t ON t.book_id = k.book_id AND t.key = k.key
"""


def _header(posting: Posting, print_: bytes, period_id: int) -> tuple[Any, ...]:
    return (
        posting.book_id,
        posting.kind,
        posting.key,
        print_,
        posting.effective_at,
        period_id,
        posting.reverses_id,
        posting.cause,
        posting.memo,
        canonical(posting.metadata),
        posting.evidence,
    )


def _write(fresh: Iterable[tuple[int, Posting]]) -> None:
    lines: list[str] = []
    for transaction_id, posting in fresh:
        at, when = posting.effective_at, posting.effective_at.isoformat()
        entry_id = transaction_id
        for debit, credit, amount, effective_at, source in posting.moves:
            entry_id += 1
            moved_at = posting.effective_at if effective_at is None else effective_at
            if moved_at is not at:  # the moves of one event share their instant
                at, when = moved_at, moved_at.isoformat()
            lines.append(
                f"{entry_id}\t{transaction_id}\t{debit}\t{credit}\t{amount:f}\t{when}"
                f"\t{NULL if source is None else source}\n"
            )
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_entry FROM STDIN") as copy,
    ):
        copy.write("".join(lines))


@lru_cache(maxsize=65536)
def _scale_of(asset_id: int) -> int:
    # An asset's scale never changes: what is recorded was held to it.
    return Asset.objects.values_list("scale", flat=True).get(pk=asset_id)
