"""
The hash chain over the journal, written behind the writers so that none waits for it.

Each transaction carries the digest of what it says (``ledger_receipt``). A seal covers the
transactions that became final after the seal before it, and that seal itself: whoever knows the
chain's head knows whether anything sealed has been changed, removed or put in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from ledger import horizon
from ledger.errors import InvalidInputError
from ledger.ids import instant_of
from ledger.models import Seal
from ledger.moves import seal_hash

MOST_TRANSACTIONS: Final = 1000  # in one seal
NO_SEAL: Final = b""  # what the first seal chains to
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of the chain: kept elsewhere, it proves the chain up to it."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


def seal(*, at: datetime) -> int:
    """
    Seal all final transactions not sealed yet; return how many transactions.

    Safe to run twice, or at once in many places: one does it, the others return 0. Each seal is
    committed by itself.

    Raises:
        ForeignHistoryError: the journal was written by another cluster.
    """
    horizon.check()
    sealed = 0
    while count := _seal_some(at):
        sealed += count
    return sealed


def head() -> Head | None:
    """Return the head of the chain; None while nothing is sealed."""
    last = Seal.objects.order_by("-seq").values_list("seq", "hash").first()
    return last and Head(last[0], bytes(last[1]))


def export_head() -> str:
    """Return the head as a line of text, for a place that the database's owner cannot reach."""
    return f"{found}\n" if (found := head()) else "0:\n"


def parse_head(text: str) -> Head:
    """
    Read what ``export_head`` wrote.

    Raises:
        InvalidInputError: it is not ``seq:hash``.

    >>> parse_head("0:")
    Head(seq=0, hash=b'')
    """
    seq, _, digest = text.strip().partition(":")
    try:
        found = Head(int(seq), bytes.fromhex(digest))
    except ValueError:
        found = None
    if found is None or len(found.hash) != (_HASH_BYTES if found.seq else 0) or found.seq < 0:
        raise InvalidInputError(
            field="head", value=text, remedy="give seq:hash, or a file that export_head wrote"
        )
    return found


def lag(at: datetime) -> timedelta:
    """Return how long the oldest unsealed transaction has waited; zero if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED, {"limit": 1})
        row = cursor.fetchone()
    return max(timedelta(), at - instant_of(row[1])) if row else timedelta()


def _seal_some(at: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('ledger_seal'), 0)")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FINAL, {"limit": MOST_TRANSACTIONS})
        members = cursor.fetchall()
        if members:
            _write(members, at)
        return len(members)


def _write(members: Sequence[tuple[str, int, int, bytes]], at: datetime) -> None:
    before = head() or Head(0, NO_SEAL)
    seq = before.seq + 1
    xid, last_id, _, _ = members[-1]
    Seal.objects.create(
        seq=seq,
        last_xid=int(xid),
        last_transaction_id=last_id,
        transactions=len(members),
        entries=sum(member[2] for member in members),
        previous=before.hash,
        hash=seal_hash(seq, before.hash, ((member[1], bytes(member[3])) for member in members)),
        sealed_at=at,
    )


# A bare "xid" in ORDER BY would be the column of the answer: text, in which 1000 precedes 999.
_UNSEALED: Final = """
    SELECT xid::text, transaction_id, entries, digest FROM ledger_receipt
    WHERE (xid, transaction_id) > (
        coalesce((SELECT last_xid::text::xid8 FROM ledger_seal ORDER BY seq DESC LIMIT 1), '0'),
        coalesce((SELECT last_transaction_id FROM ledger_seal ORDER BY seq DESC LIMIT 1), 0))
    ORDER BY ledger_receipt.xid, transaction_id LIMIT %(limit)s
"""
_FINAL: Final = _UNSEALED.replace(
    "ORDER BY ledger_receipt.xid,",
    "AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY ledger_receipt.xid,",
)
