"""Whom a question is about: found by key, id or subject, with its ancestors, as it is now."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from billing.entitlements.answers import Ask
from ledger import prepared

Name = tuple[str, str]  # by what a customer is named, and how
_MOST_ID: Final = 2**63 - 1


@dataclass(slots=True, kw_only=True)
class Party:
    """A customer with its line: itself, then its ancestors."""

    id: int
    key: str
    now_at: datetime | None  # of its test clock, if it lives by one
    is_active: bool = True  # neither it nor an ancestor is suspended
    line: list[int] = field(default_factory=list)
    versions: dict[int, int] = field(default_factory=dict)  # of those that ever had items or rights

    def time(self, at: datetime) -> datetime:
        """Return the customer's time."""
        return self.now_at or at


class Parties(NamedTuple):
    """Those who are asked about, and the catalogue's version when they were read."""

    version: int
    by_name: dict[Name, Party]


def find(*, book_id: int, asks: Sequence[Ask], reach: Container[int] | None = None) -> Parties:
    """Return those whom questions are about and who may be seen within ``reach``. One query."""
    names = {name for ask in asks if (name := name_of(ask)) is not None and _is_storable(name)}
    if not names:
        return Parties(0, {})
    ways = sorted({way for way, _ in names})
    query = _FIND.format(named=" UNION ALL ".join(_NAMED[way] for way in ways))
    wanted: list[int | list[str]] = []
    for way in ways:
        wanted += [book_id, [name for other, name in names if other == way]]
    rows = prepared.rows(query, wanted)
    return Parties(rows[0][0] if rows else 0, _grouped(rows, reach))


def name_of(ask: Ask) -> Name | None:
    """Return what a question names its customer by; none: by nothing."""
    if ask.customer_id is not None:
        return "id", str(ask.customer_id)
    if ask.customer_key is not None:
        return "key", ask.customer_key
    return ("subject", ask.subject) if ask.subject is not None else None


def _grouped(rows: Iterable[tuple[Any, ...]], reach: Container[int] | None) -> dict[Name, Party]:
    """Read rows, the nearest of each line first."""
    found: dict[Name, Party] = {}
    for _, way, name, customer_id, key, node, is_active, version, now_at in rows:
        if reach is not None and customer_id not in reach:
            continue
        party = found.get((way, name))
        if party is None:
            party = found[way, name] = Party(id=customer_id, key=key, now_at=now_at)
        party.line.append(node)
        party.is_active &= is_active
        if version is not None:
            party.versions[node] = version
    return found


def _is_storable(name: Name) -> bool:
    way, text = name
    if way == "id":
        return 0 <= int(text) <= _MOST_ID
    return "\0" not in text and text == text.encode(errors="replace").decode()


_NAMED: Final = {
    "id": "SELECT 'id', id::text, id FROM ledger_customer"
    " WHERE book_id = %s AND id = ANY(%s::bigint[])",
    "key": "SELECT 'key', key, id FROM ledger_customer WHERE book_id = %s AND key = ANY(%s)",
    "subject": "SELECT 'subject', key, customer_id FROM billing_subject"
    " WHERE book_id = %s AND key = ANY(%s)",
}
_FIND: Final = """
    WITH RECURSIVE named (way, name, customer_id) AS ({named}),
    line AS (
        SELECT n.way, n.name, c.id AS customer_id, c.key, c.id AS node, c.parent_id, c.is_active,
               c.clock_id, 0 AS distance
        FROM named n JOIN ledger_customer c ON c.id = n.customer_id
        UNION ALL
        SELECT l.way, l.name, l.customer_id, l.key, p.id, p.parent_id, p.is_active,
               l.clock_id, l.distance + 1
        FROM line l JOIN ledger_customer p ON p.id = l.parent_id
    )
    SELECT (SELECT version FROM billing_catalogueversion), l.way, l.name, l.customer_id, l.key,
           l.node, l.is_active, v.version, k.now_at
    FROM line l
    LEFT JOIN billing_customerversion v ON v.customer_id = l.node
    LEFT JOIN ledger_testclock k ON k.id = l.clock_id
    ORDER BY l.distance
"""
