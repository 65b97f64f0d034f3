"""
How deferred credit moved: opening + sold + granted − consumed − expired − refunded = closing.

The movements are read from entries, by what faces the lots; opening and closing from balances.
What moves from lot to lot, a transfer or a roll-over, is no movement of the whole.
That they meet is the control of the liability towards holders of credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from ledger import balances
from ledger.models import Account, Book
from ledger.money import ZERO, add, exactly
from wallets.counterparts import BREAKAGE, CLEARING, PROMOTIONAL, UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class RollForward:
    """One asset's credit in a book over a period, in that asset."""

    asset: str
    opening: Decimal
    sold: Decimal = ZERO
    granted: Decimal = ZERO
    consumed: Decimal = ZERO  # net of what corrections returned; overdraft covered among it
    expired: Decimal = ZERO  # net of what late usage took back
    refunded: Decimal = ZERO  # voids and refunds
    closing: Decimal

    @property
    def difference(self) -> Decimal:
        """Return by how much the movements miss the closing balance: zero, or books are wrong."""
        with exactly():
            gained = self.opening + self.sold + self.granted
            return gained - self.consumed - self.expired - self.refunded - self.closing


def roll_forward(
    *, book: Book, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> list[RollForward]:
    """
    Return the movements effective in ``[starts_at, ends_at)`` by asset code.

    Without a start it is all of history before, without an end all that follows. It reads the
    period's entries: the time it takes grows with them.
    """
    opening = _balances(book, starts_at) if starts_at is not None else {}
    closing = _balances(book, ends_at)
    moved: dict[str, dict[str, Decimal]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"book": book.pk, "starts_at": starts_at, "ends_at": ends_at})
        for asset, movement, amount in cursor.fetchall():
            moved.setdefault(asset, {})[movement] = amount
    return [
        RollForward(
            asset=asset,
            opening=opening.get(asset, ZERO),
            closing=closing.get(asset, ZERO),
            **moved.get(asset, {}),
        )
        for asset in sorted({*opening, *closing, *moved})
    ]


def _balances(book: Book, before: datetime | None) -> dict[str, Decimal]:
    lots = dict(
        Account.objects.filter(book=book, purpose="credit_lot").values_list("pk", "asset__code")
    )
    held = (
        balances.now(lots)
        if before is None
        else balances.as_of(account_ids=lots, effective_at=before)
    )
    sums: dict[str, Decimal] = {}
    for number, volumes in held.items():
        sums[lots[number]] = add(sums.get(lots[number], ZERO), volumes.settled)
    return sums


# A lot that is credited gains; what takes from it is counted with the sign turned. A reversal
# counts with what it reverses.
_MOVED: Final = f"""
    WITH side AS (
        SELECT transaction_id, credit_account_id AS lot_id, debit_account_id AS other_id, amount
        FROM ledger_entry
        WHERE credit_account_id >= 4611686018427387904
          AND effective_at >= coalesce(%(starts_at)s::timestamptz, '-infinity')
          AND effective_at < coalesce(%(ends_at)s::timestamptz, 'infinity')
        UNION ALL
        SELECT transaction_id, debit_account_id, credit_account_id, -amount
        FROM ledger_entry
        WHERE debit_account_id >= 4611686018427387904
          AND effective_at >= coalesce(%(starts_at)s::timestamptz, '-infinity')
          AND effective_at < coalesce(%(ends_at)s::timestamptz, 'infinity')
    ), facing AS (
        SELECT lot.asset_id, other.purpose, s.amount, s.transaction_id
        FROM side s
        JOIN ledger_account lot ON lot.id = s.lot_id AND lot.purpose = 'credit_lot'
        JOIN ledger_account other ON other.id = s.other_id AND other.purpose <> 'credit_lot'
        WHERE lot.book_id = %(book)s
    ), named AS (
        SELECT f.asset_id, f.amount,
               CASE WHEN f.purpose = '{BREAKAGE}' THEN 'expired'
                    WHEN f.purpose NOT IN ('{CLEARING}', '{PROMOTIONAL}', '{UNITS}') THEN 'consumed'
                    WHEN kind.it = 'grant' AND f.purpose = '{CLEARING}' THEN 'sold'
                    WHEN kind.it = 'grant' THEN 'granted'
                    WHEN kind.it = 'void' OR f.purpose = '{CLEARING}' THEN 'refunded'
                    ELSE 'expired' END AS movement
        FROM facing f
        LEFT JOIN LATERAL (
            SELECT coalesce(r.kind, t.kind) AS it
            FROM ledger_transaction t LEFT JOIN ledger_transaction r ON r.id = t.reverses_id
            WHERE t.id = f.transaction_id
              AND f.purpose IN ('{CLEARING}', '{PROMOTIONAL}', '{UNITS}')
        ) kind ON true
    )
    SELECT a.code, n.movement,
           sum(CASE WHEN n.movement IN ('sold', 'granted') THEN n.amount ELSE -n.amount END)
    FROM named n JOIN ledger_asset a ON a.id = n.asset_id
    GROUP BY a.code, n.movement
"""  # noqa: S608 - fixed fragments
