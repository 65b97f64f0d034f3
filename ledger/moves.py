"""
What a transaction is made of, and the digests that hold it to its word (pure).

Digests are computed twice: here when a transaction is written, and by PostgreSQL when it
is verified. So each is sha256 over lines that SQL can write as well: numbers in their
plainest form, free text as hex of its UTF-8, so that no text can pretend to be a separator.

    entry   concat_ws('|', id, debit_account_id, credit_account_id, trim_scale(amount)::text,
              (extract(epoch from effective_at) * 1000000)::bigint, coalesce(source_id::text, ''))
    header  concat_ws('|', id, book_id, hex(kind), hex(key), encode(fingerprint, 'hex'),
              (extract(epoch from effective_at) * 1000000)::bigint,
              (extract(epoch from posted_at) * 1000000)::bigint,
              period_id, coalesce(reverses_id::text, ''), entry_count, hex(cause), hex(memo),
              hex(metadata::text), encode(coalesce(evidence, ''), 'hex'))
    digest  sha256(convert_to(header || E'\\n' || string_agg(entry, E'\\n' order by id), 'UTF8'))

where hex(x) is encode(convert_to(x, 'UTF8'), 'hex').
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.metadata import canonical
from ledger.money import text

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Move(NamedTuple):
    """
    One amount to be moved from the credit account to the debit account.

    Without its own ``effective_at`` it happened when its transaction did.
    """

    debit: int  # account ids
    credit: int
    amount: Decimal  # in the asset of both accounts, above zero
    effective_at: datetime | None = None
    source_id: int | None = None  # the usage event, grant or line it comes from

    def mirror(self) -> "Move":
        """Return the move that undoes this one."""
        return self._replace(debit=self.credit, credit=self.debit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A transaction that is still to be posted."""

    book_id: int
    kind: str
    key: str  # chosen by the caller, unique per book
    effective_at: datetime
    moves: Sequence[Move]
    memo: str = ""
    cause: str = ""  # who or what brought it about
    metadata: Mapping[str, object] | None = None
    reverses_id: int | None = None
    evidence: bytes | None = None
    content: bytes | None = None  # sha256 of what makes it the same posting, if not its moves


def fingerprint(posting: Posting) -> bytes:
    """
    Return what makes two postings under one key the same: what they move.

    The clock is left out: an honest retry may carry a later one, and the first stands.
    So are memo, cause and metadata, which say things about the moves.
    """
    if posting.content is not None:
        return posting.content
    reverses = "" if posting.reverses_id is None else posting.reverses_id
    lines = [f"1|{posting.book_id}|{_hex(posting.kind)}|{reverses}"]
    lines += [
        f"{debit}|{credit}|{text(amount)}|{'' if source_id is None else source_id}"
        for debit, credit, amount, _, source_id in posting.moves
    ]
    return sha256("\n".join(lines).encode()).digest()


def microseconds(instant: datetime) -> int:
    """Count the microseconds since 1970, as SQL's ``extract(epoch …) * 1000000`` does."""
    since = instant - _UNIX
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def entry_line(
    entry_id: int,
    debit: int,
    credit: int,
    amount_text: str,
    effective_us: int,
    source_id: int | None,
) -> str:
    """
    Write an entry as its transaction's digest sees it.

    >>> entry_line(65537, 7, 8, "1.5", 1_000_000, None)
    '65537|7|8|1.5|1000000|'
    """
    source = "" if source_id is None else source_id
    return f"{entry_id}|{debit}|{credit}|{amount_text}|{effective_us}|{source}"


def header_line(
    *,
    transaction_id: int,
    posting: Posting,
    fingerprint: bytes,
    posted_at: datetime,
    period_id: int,
    entry_count: int,
) -> str:
    """Write everything a transaction says beside its entries, as its digest sees it."""
    reverses = "" if posting.reverses_id is None else posting.reverses_id
    return (
        f"{transaction_id}|{posting.book_id}|{_hex(posting.kind)}|{_hex(posting.key)}"
        f"|{fingerprint.hex()}|{microseconds(posting.effective_at)}|{microseconds(posted_at)}"
        f"|{period_id}|{reverses}|{entry_count}|{_hex(posting.cause)}|{_hex(posting.memo)}"
        f"|{_hex(canonical(posting.metadata))}|{(posting.evidence or b'').hex()}"
    )


def digest(header: str, lines: Iterable[str]) -> bytes:
    """Return the digest of a transaction: its header, then its entries in id order."""
    return sha256("\n".join((header, *lines)).encode()).digest()


def seal_hash(seq: int, previous: bytes, members: Iterable[tuple[int, bytes]]) -> bytes:
    """
    Return the hash of a seal over its predecessor and the transactions it covers, in order.

    ``members`` are (transaction id, digest); they are streamed, never held.
    """
    chained = sha256(f"{seq}|{previous.hex()}".encode())
    for transaction_id, transaction_digest in members:
        chained.update(f"\n{transaction_id}|{transaction_digest.hex()}".encode())
    return chained.digest()


def _hex(free_text: str) -> str:
    return free_text.encode().hex()
