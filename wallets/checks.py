"""
What must hold between grants and the ledger; each check yields what disagrees, a line each.

They read the entries themselves, not by the ways by which figures are read otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from django.db import connection

from ledger.models import Book
from ledger.money import ZERO, text
from wallets import summary
from wallets.counterparts import SINKS, SOURCES
from wallets.models import CreditGrant
from wallets.rollforward import roll_forward

_CHUNK: Final = 2000
_ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)


def lots_belong_to_grants() -> Iterator[str]:
    """Each lot is one grant's, of the wallet's customer, in its asset, and cannot be overdrawn."""
    with connection.cursor() as cursor:
        cursor.execute(_LOTS)
        for account_id, grant_id, problem in cursor:
            owner = f"grant {grant_id}" if grant_id else "no grant"
            yield f"lot {account_id} of {owner}: {problem}"


def grants_were_posted() -> Iterator[str]:
    """Each grant's own transaction credited its lot with its amount."""
    with connection.cursor() as cursor:
        cursor.execute(_ISSUED)
        for grant_id, amount, posted in cursor:
            yield f"grant {grant_id}: {text(amount)} granted, {text(posted)} posted"


def wallets_add_up() -> Iterator[str]:
    """Each lot's figures are those that a reading of all its entries gives."""
    grants = CreditGrant.objects.order_by("pk").values_list("pk", flat=True)
    for chunk in _chunks(grants.iterator(chunk_size=_CHUNK)):
        figures = summary.of_grants(chunk, at=_ANY_TIME)  # what was used does not depend on it
        with connection.cursor() as cursor:
            cursor.execute(_USED, [[*SOURCES, *SINKS], chunk])
            used = dict(cursor.fetchall())
        for grant_id in chunk:
            said, read = figures[grant_id].used, used.get(grant_id, ZERO)
            if said != read:
                yield f"grant {grant_id}: {text(said)} said to be used, {text(read)} by its entries"


def deferred_revenue_rolls_forward() -> Iterator[str]:
    """In each book and asset what came into lots less what left them is what they hold."""
    for book in Book.objects.order_by("pk"):
        for row in roll_forward(book=book):
            if row.difference:
                yield (
                    f"book {book.key}, {row.asset}: movements miss the closing balance "
                    f"{text(row.closing)} by {text(row.difference)}"
                )


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


_LOTS: Final = """
    SELECT a.id, g.id,
           CASE WHEN g.id IS NULL THEN 'nobody granted it'
                WHEN a.purpose IS DISTINCT FROM 'credit_lot' THEN 'not an account for credit'
                WHEN a.customer_id IS DISTINCT FROM w.customer_id THEN 'of another customer'
                WHEN a.asset_id IS DISTINCT FROM w.asset_id THEN 'in another asset'
                WHEN b.account_id IS NULL THEN 'without a balance'
                WHEN NOT b.is_guarded OR b.floor IS DISTINCT FROM 0 OR b.orientation <> -1
                THEN 'may be overdrawn'
                WHEN b.credits < b.debits THEN 'overdrawn'
                ELSE 'more is held than it has' END
    FROM (SELECT * FROM ledger_account WHERE purpose = 'credit_lot') lot
    FULL JOIN wallets_creditgrant g ON g.account_id = lot.id
    LEFT JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_account a ON a.id = coalesce(lot.id, g.account_id)
    LEFT JOIN ledger_balance b ON b.account_id = a.id
    WHERE g.id IS NULL OR a.purpose <> 'credit_lot' OR a.customer_id IS DISTINCT FROM w.customer_id
       OR a.asset_id <> w.asset_id OR b.account_id IS NULL OR NOT b.is_guarded
       OR b.floor IS DISTINCT FROM 0 OR b.orientation <> -1 OR b.credits - b.debits < b.held
    ORDER BY a.id
"""

_ISSUED: Final = """
    SELECT g.id, g.amount, coalesce(issued.amount, 0)
    FROM wallets_creditgrant g
    JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN LATERAL (
        SELECT sum(e.amount) AS amount
        FROM ledger_transaction t
        JOIN ledger_entry e ON e.id > t.id AND e.id < t.id + 65536
        WHERE t.book_id = c.book_id AND t.key = 'grant:' || g.id
          AND e.credit_account_id = g.account_id
    ) issued ON true
    WHERE issued.amount IS DISTINCT FROM g.amount
    ORDER BY g.id
"""

# What lots gave to anything but the accounts that credit comes from or expires to.
_USED: Final = """
    SELECT g.id, coalesce(sum(e.amount) FILTER (WHERE other.purpose <> ALL(%s)), 0)
    FROM wallets_creditgrant g
    CROSS JOIN LATERAL (
        SELECT credit_account_id AS other_id, amount FROM ledger_entry
        WHERE debit_account_id = g.account_id AND debit_account_id >= 4611686018427387904
        UNION ALL
        SELECT debit_account_id, -amount FROM ledger_entry
        WHERE credit_account_id = g.account_id AND credit_account_id >= 4611686018427387904
    ) e
    JOIN ledger_account other ON other.id = e.other_id
    WHERE g.id = ANY(%s)
    GROUP BY g.id
"""
