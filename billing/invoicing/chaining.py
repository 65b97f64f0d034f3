"""
What documents say of their sources, compared and set.

Lines of one source in one transaction are a chain: the first begins where the source stands, each
other where the one before ended. Who issues them leaves the source where the last one ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

from ledger import arrays


@dataclass(frozen=True, slots=True)
class Chain:
    """Lines of one source that follow each other."""

    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class _Line:
    id: int
    invoice_id: int
    billed: str  # of its source
    before: str
    upto: str


def lock(invoice_ids: Sequence[int]) -> tuple[list[Chain], list[int]]:
    """
    Lock what documents are about; return its chains of lines, and which documents are stale.

    A stale one has a line that does not begin where its source stands.
    """
    stale: set[int] = set()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [arrays.whole(invoice_ids)])
        while True:
            wanted = [number for number in invoice_ids if number not in stale]
            cursor.execute(_LINES, [arrays.whole(wanted)])
            chains, odd = _chains([(row[0], _Line(*row[1:])) for row in cursor.fetchall()])
            if not odd:
                return chains, sorted(stale)
            stale |= odd


def bill(chains: Sequence[Chain]) -> None:
    """Say of each source what has been billed of it; what is over and all billed is settled."""
    first = arrays.whole(chain.first_line for chain in chains)
    last = arrays.whole(chain.last_line for chain in chains)
    with connection.cursor() as cursor:
        cursor.execute(_BILL, [first, last])
        assert cursor.rowcount == len(chains), "what is billed was compared, and locked since"


def _chains(lines: Sequence[tuple[int, _Line]]) -> tuple[list[Chain], set[int]]:
    by_source: dict[int, list[_Line]] = defaultdict(list)
    for source, line in lines:
        by_source[source].append(line)
    chains: list[Chain] = []
    odd: set[int] = set()
    for found in by_source.values():
        if (chain := _chained(found)) is not None:
            chains.append(chain)
        else:
            odd |= {line.invoice_id for line in found}
    return chains, odd


def _chained(lines: list[_Line]) -> Chain | None:
    """Return the chain that lines make from where their source stands; None: they don't."""
    stands, left = lines[0].billed, list(lines)
    taken: list[_Line] = []
    while left:
        following = next((line for line in left if line.before == stands), None)
        if following is None:
            return None
        left.remove(following)
        taken.append(following)
        stands = following.upto
    return Chain(taken[0].id, taken[-1].id)


_LOCK: Final = """
    SELECT b.id FROM billing_billable b WHERE b.id IN (
        SELECT l.billable_id FROM billing_invoiceline l WHERE l.invoice_id = ANY(%s::bigint[]))
    ORDER BY b.accrual_id, b.charge_id FOR NO KEY UPDATE
"""
_LINES: Final = """
    SELECT b.id, l.id, l.invoice_id, b.billed::numeric(38,12)[]::text, l.before::text, l.upto::text
    FROM billing_invoiceline l JOIN billing_billable b ON b.id = l.billable_id
    WHERE l.invoice_id = ANY(%s::bigint[]) AND l.upto IS NOT NULL ORDER BY l.id
"""
_UNBILLED: Final = """(
    SELECT coalesce(sum(split_part(part, ':', 2)::numeric), 0)
    FROM unnest(string_to_array(nullif({source}.taken, ''), ',')) part
    JOIN ledger_account u ON u.id = split_part(part, ':', 1)::bigint AND u.purpose = 'unbilled')
"""
# Settled is what is over and has come to no more than is billed now. Usage that is being written
# while we look was sent within the hour after the period's end: until then, it stays open.
_BILL: Final = f"""
    UPDATE billing_billable b
    SET billed = l.upto, cut = l.cut_to, last_line_id = l.id, settled_at = CASE
        WHEN b.due_at > i.until THEN NULL
        WHEN b.charge_id IS NOT NULL THEN (
            SELECT i.until FROM billing_charge c WHERE c.id = b.charge_id
               AND c.posted = l.upto[2] AND {_UNBILLED.format(source="c")} = l.upto[5])
        WHEN b.due_at > now() - interval '1 hour' THEN NULL
        ELSE (
            SELECT i.until FROM billing_accrual a WHERE a.id = b.accrual_id
               AND a.quantity = l.upto[1] AND a.amount = l.upto[2]
               AND {_UNBILLED.format(source="a")} = l.upto[5])
        END
    FROM unnest(%s::bigint[], %s::bigint[]) AS n (first_line, last_line)
    JOIN billing_invoiceline f ON f.id = n.first_line
    JOIN billing_invoiceline l ON l.id = n.last_line
    JOIN billing_invoice i ON i.id = l.invoice_id
    WHERE b.id = l.billable_id AND b.billed = f.before
"""  # noqa: S608 - fixed fragments
