"""The chain of seals against the receipts it covers, and against a head kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.db import connection

from ledger.models import Seal
from ledger.moves import seal_hash
from ledger.sealing import NO_SEAL, Head
from ledger.verification.findings import RESTORE, Disagreement

_Member = tuple[int, int, int, bytes]  # xid, transaction id, entries, digest


def check(since: Seal | None) -> Iterator[int | Disagreement]:
    """
    Follow the chain from its beginning, or from a seal that is trusted.

    Yields each seal's number when it holds; stops at the first that does not.
    """
    previous = bytes(since.hash) if since else NO_SEAL
    seq = since.seq if since else 0
    members = _members(since)
    for seal in Seal.objects.filter(seq__gt=seq).order_by("seq").iterator(chunk_size=1000):
        covered = list(islice(members, seal.transactions))
        problem = _problem(seal, seq + 1, previous, covered)
        if problem:
            yield Disagreement("seals", f"seal {seal.seq}", problem, RESTORE)
            return
        seq, previous = seal.seq, bytes(seal.hash)
        yield seq


def check_head(head: Head | None) -> Iterator[Disagreement]:
    """Yield what is wrong with the chain's end, if it is not at or after a head kept elsewhere."""
    if head is None or head.seq == 0:
        return
    found = Seal.objects.filter(seq=head.seq).first()
    if found is None:
        last = Seal.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
        detail = f"is missing, the chain ends at {last}: the end of the journal was cut off"
    elif bytes(found.hash) != head.hash:
        detail = f"has hash {bytes(found.hash).hex()}, the exported head says {head.hash.hex()}"
    else:
        return
    yield Disagreement(
        "head",
        f"seal {head.seq}",
        detail,
        "Restore the backup that holds this head (manage.py restore) and compare.",
    )


def _problem(seal: Seal, seq: int, previous: bytes, covered: list[_Member]) -> str:
    if seal.seq != seq:
        return f"follows a missing one: seal {seq} is gone"
    if bytes(seal.previous) != previous:
        return "does not chain to the one before it"
    end = (int(seal.last_xid), seal.last_transaction_id)
    if len(covered) != seal.transactions or not covered or covered[-1][:2] != end:
        return "does not cover these transactions: some were put in or taken away"
    if sum(member[2] for member in covered) != seal.entries:
        return f"covers another number of entries than the {seal.entries} it says"
    if seal_hash(seq, previous, ((number, digest) for _, number, _, digest in covered)) != bytes(
        seal.hash
    ):
        return "was changed, or a transaction it covers was: the hash differs"
    return ""


def _members(since: Seal | None) -> Iterator[_Member]:
    place: list[str | int] = [str(since.last_xid), since.last_transaction_id] if since else ["0", 0]
    with connection.chunked_cursor() as cursor:
        cursor.execute(_MEMBERS, place)
        while rows := cursor.fetchmany(5000):
            for xid, number, entries, digest in rows:
                yield int(xid), number, entries, bytes(digest)


_MEMBERS: Final = """
    SELECT xid::text, transaction_id, entries, digest FROM ledger_receipt
    WHERE (xid, transaction_id) > (%s::text::xid8, %s)
    ORDER BY ledger_receipt.xid, transaction_id
"""
