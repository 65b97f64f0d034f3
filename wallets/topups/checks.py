"""What must hold between top-ups and the ledger; run as ``wallets.checks`` are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

from ledger.money import text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. Compare the top-ups with a backup,"
    " and find out who wrote to wallets_topup past the application."
)


def top_ups_are_owed(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each customer owes for credit is the price of what was there before its payment."""
    with connection.cursor() as cursor:
        cursor.execute(_OWED, {"book": book_id})
        for customer_id, currency, standing, owed in cursor.fetchall():
            detail = f"{text(standing)} {currency} owed, top-ups come to {text(owed)}"
            yield Disagreement("top-ups", f"customer {customer_id}", detail, _REMEDY)


def top_ups_have_grants(*, book_id: int | None) -> Iterator[Disagreement]:
    """A top-up that was settled has a grant of its own, in its wallet and of its amount."""
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, {"book": book_id})
        for top_up_id, problem in cursor.fetchall():
            yield Disagreement("top-ups", f"top-up {top_up_id}", problem, _REMEDY)


# Of one that failed, what had been used stays owed.
_OWED: Final = """
    WITH owed AS (
        SELECT w.customer_id, t.currency_id AS asset_id,
               sum(t.price - CASE WHEN t.state = 'failed' THEN t.money_back ELSE 0 END) AS amount
        FROM wallets_topup t JOIN wallets_wallet w ON w.id = t.wallet_id
        WHERE t.grant_id IS NOT NULL AND t.settled_at IS NULL
          AND (%(book)s::bigint IS NULL OR t.book_id = %(book)s)
        GROUP BY w.customer_id, t.currency_id
    ), standing AS (
        SELECT a.customer_id, a.asset_id, b.debits - b.credits AS amount
        FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
        WHERE a.purpose = 'receivable' AND a.discriminator = 'top-ups'
          AND (%(book)s::bigint IS NULL OR a.book_id = %(book)s)
    )
    SELECT customer_id, x.code, coalesce(s.amount, 0), coalesce(o.amount, 0)
    FROM standing s FULL JOIN owed o USING (customer_id, asset_id)
    JOIN ledger_asset x ON x.id = asset_id
    WHERE coalesce(s.amount, 0) <> coalesce(o.amount, 0)
    ORDER BY customer_id, asset_id LIMIT 20
"""
_GRANTED: Final = """
    SELECT t.id, CASE
        WHEN g.id IS NULL THEN 'settled without a grant'
        WHEN g.wallet_id <> t.wallet_id THEN 'its grant is in another wallet'
        ELSE 'its grant is of another amount' END
    FROM wallets_topup t LEFT JOIN wallets_creditgrant g ON g.id = t.grant_id
    WHERE t.settled_at IS NOT NULL AND (%(book)s::bigint IS NULL OR t.book_id = %(book)s)
      AND (g.id IS NULL OR g.wallet_id <> t.wallet_id OR g.amount <> t.amount)
    ORDER BY t.id LIMIT 20
"""
