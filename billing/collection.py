"""
Who pays for whom, and how a payer's invoices are put together; who sells and who buys.

A profile counts for the customer that it is of and for all below that have none; the book's own
for all others. ``payer`` names who pays for them; without it everybody pays for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Final

from django.db import connection

from billing.invoicing.materials import Consumer, Profile
from ledger import arrays
from ledger.models import Book

_COLUMNS: Final = tuple(field.name for field in fields(Profile))
_DEFAULT: Final = Profile()


def profiles_of(*, book: Book, customer_ids: Collection[int], at: datetime) -> dict[int, Profile]:
    """Return the profile in force for each customer: its own, its parent's, the book's."""
    if not customer_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PROFILES, [arrays.whole(customer_ids), book.pk, at, at])
        made: dict[int, Profile] = {}
        found: dict[int, Profile] = {}
        for customer_id, *values in cursor.fetchall():
            profile = made.get(values[0]) or Profile(**dict(zip(_COLUMNS, values, strict=True)))
            found[customer_id] = made[values[0]] = profile
    books = found.pop(0, _DEFAULT)
    return {number: found.get(number, books) for number in customer_ids}


def payers_of(*, book: Book, customer_ids: Collection[int], at: datetime) -> dict[int, int]:
    """Return who pays for each customer."""
    profiles = profiles_of(book=book, customer_ids=customer_ids, at=at)
    return {number: profile.payer_id or number for number, profile in profiles.items()}


def consumers_of(
    *, book: Book, payer_ids: Collection[int], at: datetime
) -> dict[int, dict[int, Consumer]]:
    """Return, by payer, all customers that it pays for; two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, {"payers": arrays.whole(payer_ids), "book": book.pk, "at": at})
        rows = cursor.fetchall()
    profiles = profiles_of(book=book, customer_ids=[row[0] for row in rows], at=at)
    found: dict[int, dict[int, Consumer]] = {number: {} for number in payer_ids}
    for number, key, name in rows:
        payer_id = profiles[number].payer_id or number
        if payer_id in found:
            found[payer_id][number] = Consumer(number, key, name, profiles[number])
    return found


def payers_due(*, book: Book, until: datetime, at: datetime) -> list[int]:
    """Return who pays for anything that is open and due, in order; test clocks stand apart."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [book.pk, until])
        customer_ids = [row[0] for row in cursor.fetchall()]
    return sorted(set(_payers(book, customer_ids, at)))


def _payers(book: Book, customer_ids: list[int], at: datetime) -> Iterable[int]:
    for start in range(0, len(customer_ids), _CHUNK):
        chunk = customer_ids[start : start + _CHUNK]
        yield from payers_of(book=book, customer_ids=chunk, at=at).values()


_CHUNK: Final = 5_000
_PROFILES: Final = f"""
    WITH RECURSIVE above AS (
        SELECT id AS consumer_id, id AS node, parent_id, 0 AS depth
        FROM ledger_customer WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT a.consumer_id, p.id, p.parent_id, a.depth + 1
        FROM above a JOIN ledger_customer p ON p.id = a.parent_id
    )
    SELECT DISTINCT ON (a.consumer_id) coalesce(a.consumer_id, 0),
           {", ".join(f"f.{column}" for column in _COLUMNS)}
    FROM billing_collectionprofile f LEFT JOIN above a ON a.node = f.customer_id
    WHERE f.book_id = %s AND f.effective_from <= %s
      AND (f.effective_to IS NULL OR f.effective_to > %s)
      AND (f.customer_id IS NULL OR a.consumer_id IS NOT NULL)
    ORDER BY a.consumer_id, a.depth
"""  # noqa: S608 - fixed fragments
_BELOW: Final = """
    WITH RECURSIVE named AS (
        SELECT customer_id FROM billing_collectionprofile
        WHERE book_id = %(book)s AND payer_id = ANY(%(payers)s::bigint[])
          AND effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
    ), below AS (
        SELECT unnest(%(payers)s::bigint[]) AS id
        UNION
        SELECT c.id FROM named n JOIN ledger_customer c
            ON c.id = n.customer_id OR (n.customer_id IS NULL AND c.book_id = %(book)s)
        UNION
        SELECT c.id FROM below b JOIN ledger_customer c ON c.parent_id = b.id
        WHERE EXISTS (SELECT FROM named)
    )
    SELECT c.id, c.key, c.name FROM below b JOIN ledger_customer c ON c.id = b.id
    WHERE c.book_id = %(book)s
"""
_DUE: Final = """
    SELECT DISTINCT b.customer_id
    FROM billing_billable b JOIN ledger_customer c ON c.id = b.customer_id
    WHERE b.book_id = %s AND b.due_at <= %s AND b.settled_at IS NULL AND c.clock_id IS NULL
    ORDER BY b.customer_id
"""
