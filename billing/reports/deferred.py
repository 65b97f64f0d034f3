"""
How what is owed in service moved: fees paid in advance, and prepaid credit.

Fees: opening + billed − returned − earned = closing, by the changes of charges. Credit: opening +
sold + granted − consumed − expired − refunded = closing, by the wallets' roll-forward. Both go by
the time at which things happened, and both meet the trial balance as of the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.reports import ties
from billing.reports.ties import Tie
from ledger.models import Book
from ledger.money import ZERO, add, negate, subtract
from wallets import rollforward
from wallets.rollforward import RollForward

FEES: Final = "deferred_revenue"
CREDIT: Final = "credit_lot"
_REPORT: Final = "deferred revenue"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRow:
    """Fees paid in advance in one asset over some time."""

    asset: str
    opening: Decimal = ZERO
    billed: Decimal = ZERO
    returned: Decimal = ZERO  # what changes and cancelations gave back
    earned: Decimal = ZERO

    @property
    def closing(self) -> Decimal:
        """Return what is still to be earned at the end."""
        gained = add(self.opening, self.billed)
        return subtract(subtract(gained, self.returned), self.earned)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredReport:
    """Both kinds of what is owed in service; every difference is zero, or books are wrong."""

    fees: list[FeeRow]
    credit: list[RollForward]
    ties: list[Tie]


def deferred(
    *, book: Book, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> DeferredReport:
    """
    Return the roll-forward of what happened in ``[starts_at, ends_at)``.

    Without a start it is all of history before, without an end all that follows.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    fees = _fees(book, starts_at, ends_at)
    credit = rollforward.roll_forward(book=book, starts_at=starts_at, ends_at=ends_at)
    said = {(FEES, row.asset): negate(row.closing) for row in fees}
    said |= {(CREDIT, row.asset): negate(row.closing) for row in credit}
    return DeferredReport(
        fees=fees,
        credit=credit,
        ties=ties.tie(_REPORT, said, ties.held(book, ends_at), (FEES, CREDIT)),
    )


def fee_ties(book: Book) -> list[Tie]:
    """Return whether fees come to what the trial balance says, as everything stands."""
    said = {(FEES, row.asset): negate(row.closing) for row in _fees(book, None, None)}
    return ties.tie(_REPORT, said, ties.held(book, None), (FEES,))


def _fees(book: Book, starts_at: datetime | None, ends_at: datetime | None) -> list[FeeRow]:
    asked: dict[str, Any] = {"book": book.pk, "starts_at": starts_at, "ends_at": ends_at}
    with connection.cursor() as cursor:
        cursor.execute(_FEES, asked)
        return [
            FeeRow(asset=asset, opening=opening, billed=billed, returned=returned, earned=earned)
            for asset, opening, billed, returned, earned in cursor.fetchall()
        ]


# A fee is deferred that is due before the time that it is for (``slips.is_deferred``).
_FEES: Final = """
    WITH change AS (
        SELECT c.asset_id, n.reason, n.amount,
               coalesce(n.effective_at < %(starts_at)s::timestamptz, false) AS is_before
        FROM billing_charge c JOIN billing_chargechange n ON n.charge_id = c.id
        WHERE c.book_id = %(book)s AND c.kind = 'flat'
          AND c.due_at = c.starts_at AND c.starts_at < c.ends_at
          AND (%(ends_at)s::timestamptz IS NULL OR n.effective_at < %(ends_at)s)
    )
    SELECT a.code,
           coalesce(sum(CASE WHEN n.reason = 'earned' THEN -n.amount ELSE n.amount END)
                    FILTER (WHERE n.is_before), 0),
           coalesce(sum(n.amount) FILTER (WHERE NOT n.is_before AND n.reason <> 'earned'
                                          AND n.amount > 0), 0),
           coalesce(-sum(n.amount) FILTER (WHERE NOT n.is_before AND n.reason <> 'earned'
                                           AND n.amount < 0), 0),
           coalesce(sum(n.amount) FILTER (WHERE NOT n.is_before AND n.reason = 'earned'), 0)
    FROM change n JOIN ledger_asset a ON a.id = n.asset_id
    GROUP BY a.code ORDER BY a.code
"""
