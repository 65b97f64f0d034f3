"""Post one transaction, or reverse one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger import bulk
from ledger.errors import EmptyTransactionError, InvariantError, ReversalExceedsError
from ledger.models import Book, Entry, Transaction
from ledger.moves import Move, Posting

# What these record stands elsewhere as well, and a mirror image here would leave that behind: a
# meter's running value (void or amend the event), the end of a grant or of its lot (grant anew),
# what a capture holds ready for usage to come (that could not be recorded any more), what a top-up
# sold and is owed for (refund it, or let it fail), what money came for and where it went (take the
# payment or the allocation back), what a reversal was for (post it again).
NEVER_REVERSED: Final = frozenset(
    {"usage", "correction", "expiry", "void", "capture", "topup", "reversal"}
    | {"payment", "allocation", "refund", "write_off", "dispute"}
)


class ReversalRefusedError(InvariantError):
    """Usage is corrected by its events, a top-up refunded; what else this records is final."""

    code = "reversal_refused"


def post(
    *,
    book: Book,
    kind: str,
    key: str,
    moves: Sequence[Move],
    effective_at: datetime,
    memo: str = "",
    cause: str = "",
    metadata: Mapping[str, object] | None = None,
) -> Transaction:
    """
    Record a transaction once, move the balances it touches, and return it.

    Posting the same moves again under the same key changes nothing and returns the first.
    Errors are those of ``bulk.post``, whose case of one this is.
    """
    return _post(
        Posting(
            book_id=book.pk,
            kind=kind,
            key=key,
            effective_at=effective_at,
            moves=moves,
            memo=memo,
            cause=cause,
            metadata=metadata,
        )
    )


def reverse(
    *,
    transaction: Transaction,
    key: str,
    effective_at: datetime,
    amounts: Mapping[int, Decimal] | None = None,
    memo: str = "",
    cause: str = "",
) -> Transaction:
    """
    Record the mirror image of a transaction, once, and return it.

    ``amounts`` (entry id → how much of it) makes it partial; what is not named stays.

    Raises:
        ReversalRefusedError: it records usage or its correction, the end of a grant, a capture, a
            top-up, a reversal.
        AlreadyReversedError: it has been reversed before, in whole or in part.
        ReversalExceedsError: an amount is more than its entry's, or names an entry of another.
        EmptyTransactionError: nothing would be reversed.
        InsufficientBalanceError: what it gave has been spent since.
    """
    if transaction.kind in NEVER_REVERSED:
        raise ReversalRefusedError(transaction=transaction.key, kind=transaction.kind)
    entries = list(Entry.objects.of(transaction))
    if amounts is not None and (unknown := amounts.keys() - {entry.pk for entry in entries}):
        raise ReversalExceedsError(transaction=transaction.key, unknown_entries=sorted(unknown))
    moves = [move for entry in reversed(entries) if (move := _mirrored(entry, amounts))]
    if not moves:
        raise EmptyTransactionError(key=key, reverses=transaction.key)
    return _post(
        Posting(
            book_id=transaction.book_id,
            kind="reversal",
            key=key,
            effective_at=effective_at,
            moves=moves,
            memo=memo or f"Reversal of {transaction.key}",
            cause=cause,
            reverses_id=transaction.pk,
        )
    )


def _mirrored(entry: Entry, amounts: Mapping[int, Decimal] | None) -> Move | None:
    amount = entry.amount if amounts is None else amounts.get(entry.pk, Decimal(0))
    if amount > entry.amount:
        raise ReversalExceedsError(entry=entry.pk, amount=amount, posted=entry.amount)
    if amount == 0:
        return None
    return Move(
        debit=entry.credit_account_id,
        credit=entry.debit_account_id,
        amount=amount,
        source_id=entry.source_id,
    )


def _post(posting: Posting) -> Transaction:
    posted = bulk.post(postings=[posting])[0]
    return Transaction.objects.get(pk=posted.transaction_id)
