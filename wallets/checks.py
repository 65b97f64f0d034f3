"""
What must hold between grants and the ledger; each check yields what disagrees.

They read the entries themselves, not by the ways by which figures are read otherwise. The setting
``LEDGER_CHECKS`` names them; ``ledger.verification`` runs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from django.db import connection

from ledger.models import Book
from ledger.money import ZERO, text
from ledger.verification import Disagreement
from wallets import summary
from wallets.counterparts import LOT, SINKS, SOURCES
from wallets.models import CreditGrant
from wallets.rollforward import roll_forward

_CHUNK: Final = 2000
_ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)
_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. Compare the grant with a backup and"
    " find out who wrote to wallets_creditgrant, ledger_account or ledger_balance past the"
    " application."
)


def lots_belong_to_grants(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each lot is one grant's, of the wallet's customer, in its asset, and cannot be overdrawn."""
    with connection.cursor() as cursor:
        cursor.execute(_LOTS, {"book": book_id})
        for account_id, grant_id, problem in cursor.fetchall():
            owner = f"grant {grant_id}" if grant_id else "no grant"
            yield Disagreement("lots", f"lot {account_id} of {owner}", problem, _REMEDY)


def grants_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each grant's own transaction credited its lot with its amount."""
    with connection.cursor() as cursor:
        cursor.execute(_ISSUED, {"book": book_id})
        for grant_id, amount, posted in cursor.fetchall():
            detail = f"{text(amount)} granted, {text(posted)} posted"
            yield Disagreement("grants", f"grant {grant_id}", detail, _REMEDY)


def wallets_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each lot's figures are those that a reading of all its entries gives."""
    grants = CreditGrant.objects.order_by("pk")
    if book_id is not None:
        grants = grants.filter(wallet__customer__book_id=book_id)
    for chunk in _chunks(grants.values_list("pk", flat=True).iterator(chunk_size=_CHUNK)):
        figures = summary.of_grants(chunk, at=_ANY_TIME)  # what was used does not depend on it
        with connection.cursor() as cursor:
            cursor.execute(_USED, [[*SOURCES, *SINKS, LOT], chunk])
            used = dict(cursor.fetchall())
        for grant_id in chunk:
            said, read = figures[grant_id].used, used.get(grant_id, ZERO)
            if said != read:
                detail = f"{text(said)} said to be used, {text(read)} by its entries"
                yield Disagreement("wallets", f"grant {grant_id}", detail, _REMEDY)


def deferred_revenue_rolls_forward(*, book_id: int | None) -> Iterator[Disagreement]:
    """In each book and asset what came into lots less what left them is what they hold."""
    books = Book.objects.order_by("pk")
    for book in books if book_id is None else books.filter(pk=book_id):
        for row in roll_forward(book=book):
            if row.difference:
                detail = (
                    f"movements miss the closing balance {text(row.closing)}"
                    f" by {text(row.difference)}"
                )
                yield Disagreement(
                    "deferred revenue", f"{row.asset} in book {book.key}", detail, _REMEDY
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
    WHERE (%(book)s::bigint IS NULL OR a.book_id = %(book)s) AND (
       g.id IS NULL OR a.purpose <> 'credit_lot' OR a.customer_id IS DISTINCT FROM w.customer_id
       OR a.asset_id <> w.asset_id OR b.account_id IS NULL OR NOT b.is_guarded
       OR b.floor IS DISTINCT FROM 0 OR b.orientation <> -1 OR b.credits - b.debits < b.held)
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
        JOIN ledger_entry e ON e.id > t.id AND e.id < t.id + 16384
        WHERE t.book_id = c.book_id AND t.key = 'grant:' || g.id
          AND e.credit_account_id = g.account_id
    ) issued ON true
    WHERE issued.amount IS DISTINCT FROM g.amount
      AND (%(book)s::bigint IS NULL OR c.book_id = %(book)s)
    ORDER BY g.id
"""

# What lots gave to anything but other lots and the accounts that credit comes from or expires to.
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
