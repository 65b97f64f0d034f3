"""
Who pays for whom, and how a payer's invoices are put together.

A profile counts for the customer that it is of and for all below that have none; the book's own
for all others. ``payer`` names who pays for them; without it everybody pays for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from billing.invoicing.calendars import progressive_date
from billing.invoicing.materials import Consumer, Profile
from ledger import arrays
from ledger.models import Book
from ledger.money import ZERO, add

_COLUMNS: Final = tuple(field.name for field in fields(Profile))
_DEFAULT: Final = Profile()
_CHUNK: Final = 5_000


def profiles_of(*, book: Book, customer_ids: Collection[int]) -> dict[int, Profile]:
    """Return the profile in force for each customer: its own, its parent's, the book's."""
    if not customer_ids:
        return {}
    found: dict[int, Profile] = {}
    made: dict[int, Profile] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PROFILES, [arrays.whole(customer_ids), book.pk])
        for customer_id, *values in cursor.fetchall():
            profile = made.get(values[0]) or Profile(**dict(zip(_COLUMNS, values, strict=True)))
            found[customer_id] = made[values[0]] = profile
    books = found.pop(0, _DEFAULT)
    return {number: found.get(number, books) for number in customer_ids}


def payers_of(*, book: Book, customer_ids: Collection[int]) -> dict[int, int]:
    """Return who pays for each customer."""
    profiles = profiles_of(book=book, customer_ids=customer_ids)
    return {number: profile.payer_id or number for number, profile in profiles.items()}


def consumers_of(*, book: Book, payer_ids: Collection[int]) -> dict[int, dict[int, Consumer]]:
    """Return, by payer, all customers that it pays for; two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, {"payers": arrays.whole(payer_ids), "book": book.pk})
        rows = cursor.fetchall()
    profiles = profiles_of(book=book, customer_ids=[row[0] for row in rows])
    found: dict[int, dict[int, Consumer]] = {number: {} for number in payer_ids}
    for number, key, name in rows:
        payer_id = profiles[number].payer_id or number
        if payer_id in found:
            found[payer_id][number] = Consumer(number, key, name, profiles[number])
    return found


def payers_due(*, book: Book, until: datetime, clock_id: int | None = None) -> list[int]:
    """
    Return who may have something to pay of what is due by an instant, in order.

    That is, who pays for anything that is open and due, and who may be invoiced for periods that
    run. Customers of a test clock are apart from others.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"book": book.pk, "until": until, "clock": clock_id})
        customer_ids = [row[0] for row in cursor.fetchall()]
    found = {payer_id for _, payer_id, _ in _payers(book, customer_ids)}
    return sorted(found | _progressing(book, until, clock_id))


def _payers(book: Book, customer_ids: Sequence[int]) -> Iterator[tuple[int, int, Profile]]:
    """Yield customers with who pays for them, and their profiles."""
    for start in range(0, len(customer_ids), _CHUNK):
        chunk = customer_ids[start : start + _CHUNK]
        for number, profile in profiles_of(book=book, customer_ids=chunk).items():
            yield number, profile.payer_id or number, profile


def _progressing(book: Book, until: datetime, clock_id: int | None) -> set[int]:
    """
    Return the payers whose running periods it is time to invoice; none if no profile says so.

    Spending that stands on account has come to the threshold of who pays; or a date has come since
    its last document.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING, {"book": book.pk, "until": until, "clock": clock_id})
        rows = cursor.fetchall()
    if not rows:
        return set()
    payer_of = {number: payer for number, payer, _ in _payers(book, sorted({r[0] for r in rows}))}
    profiles = profiles_of(book=book, customer_ids=sorted(set(payer_of.values())))
    spent: dict[tuple[int, int], Decimal] = {}
    for customer_id, asset_id, owed, _ in rows:
        place = payer_of[customer_id], asset_id
        spent[place] = add(spent.get(place, ZERO), owed)
    found = {
        payer_id
        for (payer_id, _), owed in spent.items()
        if (least := profiles[payer_id].threshold) is not None and owed >= least
    }
    zone = ZoneInfo(book.time_zone)
    for customer_id, _, _, last in rows:
        payer_id = payer_of[customer_id]
        date = progressive_date(profiles[payer_id], until, zone)
        if date is not None and (last is None or last < date):
            found.add(payer_id)
    return found


_PROFILES: Final = f"""
    WITH RECURSIVE above AS (
        SELECT id AS consumer_id, id AS node, parent_id, 0 AS depth
        FROM ledger_customer WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT a.consumer_id, p.id, p.parent_id, a.depth + 1
        FROM above a JOIN ledger_customer p ON p.id = a.parent_id
    )
    SELECT DISTINCT ON (n.consumer_id) n.consumer_id,
           {", ".join(f"f.{column}" for column in _COLUMNS)}
    FROM (SELECT consumer_id, node, depth FROM above UNION ALL SELECT 0, NULL, 0) n
    JOIN billing_collectionprofile f ON f.book_id = %s AND f.effective_to IS NULL
         AND f.customer_id IS NOT DISTINCT FROM n.node
    ORDER BY n.consumer_id, n.depth
"""  # noqa: S608 - fixed fragments
_BELOW: Final = """
    WITH RECURSIVE named AS (
        SELECT customer_id FROM billing_collectionprofile
        WHERE book_id = %(book)s AND payer_id = ANY(%(payers)s::bigint[]) AND effective_to IS NULL
    ), below AS (
        SELECT unnest(%(payers)s::bigint[]) AS id
        UNION
        SELECT customer_id FROM named WHERE customer_id IS NOT NULL
        UNION
        SELECT c.id FROM below b JOIN ledger_customer c ON c.parent_id = b.id
        WHERE EXISTS (SELECT FROM named)
    )
    SELECT c.id, c.key, c.name FROM below b JOIN ledger_customer c ON c.id = b.id
    WHERE c.book_id = %(book)s
    UNION
    SELECT c.id, c.key, c.name FROM ledger_customer c
    WHERE c.book_id = %(book)s AND EXISTS (SELECT FROM named WHERE customer_id IS NULL)
"""
_DUE: Final = """
    SELECT DISTINCT b.customer_id
    FROM billing_billable b JOIN ledger_customer c ON c.id = b.customer_id
    WHERE b.book_id = %(book)s AND b.due_at <= %(until)s AND b.settled_at IS NULL
      AND c.clock_id IS NOT DISTINCT FROM %(clock)s
    ORDER BY b.customer_id
"""
# Only where some profile of the book invoices running periods at all.
_RUNNING: Final = """
    SELECT DISTINCT b.customer_id, b.asset_id, coalesce((
        SELECT sum(w.debits - w.credits) FROM ledger_account a
        JOIN ledger_balance w ON w.account_id = a.id
        WHERE a.book_id = b.book_id AND a.customer_id = b.customer_id AND a.asset_id = b.asset_id
          AND a.purpose IN ('unbilled', 'overdraft')), 0), (
        SELECT max(i.until) FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
        WHERE l.billable_id = b.id AND i.number <> '' AND i.state <> 'void')
    FROM billing_billable b JOIN ledger_customer c ON c.id = b.customer_id
    WHERE b.book_id = %(book)s AND b.settled_at IS NULL AND b.due_at > %(until)s
      AND c.clock_id IS NOT DISTINCT FROM %(clock)s AND EXISTS (
        SELECT FROM billing_collectionprofile f
        WHERE f.book_id = %(book)s AND f.effective_to IS NULL
          AND (f.threshold IS NOT NULL OR f.progressive_cadence <> ''))
"""
