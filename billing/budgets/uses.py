"""What the periods of budgets have come to: used, held and approved beyond."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import arrays, prepared
from ledger.money import ZERO, add, subtract

Place = tuple[int, datetime]  # a budget, and the start of one of its periods


class Use(NamedTuple):
    """One period of a budget; ``id`` is its row's, 0 while nothing was used, held or approved."""

    id: int = 0
    used: Decimal = ZERO
    held: Decimal = ZERO
    extra: Decimal = ZERO

    def left(self, amount: Decimal) -> Decimal:
        """Return what is left of a budget's amount; below zero when more was used."""
        return subtract(add(amount, self.extra), add(self.used, self.held))


NOTHING: Final = Use()


def read(places: Collection[Place], *, at: datetime) -> dict[Place, Use]:
    """Return what periods have come to, without what expired holds still hold. One query if any."""
    if not places:
        return {}
    rows = prepared.rows(_READ, [at, *_columns(places)])
    return {(row[0], row[1]): Use(*row[2:]) for row in rows}


def open_all(places: Collection[Place]) -> dict[Place, int]:
    """Return the numbers of periods' rows, making those that are not there yet."""
    ordered = sorted(set(places))
    if not ordered:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, _columns(ordered))
        cursor.execute(_NUMBERS, _columns(ordered))
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def _columns(places: Collection[Place]) -> list[str]:
    return [
        arrays.whole(budget_id for budget_id, _ in places),
        arrays.texts(starts_at.isoformat() for _, starts_at in places),
    ]


_PLACES: Final = """
    unnest(%s::bigint[], %s::timestamptz[]) AS n (budget_id, starts_at)
"""
_READ: Final = f"""
    SELECT u.budget_id, u.starts_at, u.id, u.used,
           CASE WHEN u.held = 0 THEN u.held ELSE u.held - COALESCE((
               SELECT sum(p.amount) FROM wallets_hold h
               JOIN wallets_holdpart p ON p.hold_id = h.id AND p.amount > 0
               WHERE h.state = 'active' AND h.expires_at <= %s AND u.id = ANY(h.budget_ids)
           ), 0) END,
           u.extra
    FROM {_PLACES} JOIN billing_budgetuse u USING (budget_id, starts_at)
"""  # noqa: S608 - fixed fragments
_OPEN: Final = f"""
    INSERT INTO billing_budgetuse (budget_id, starts_at, used, held, extra, warned_at)
    SELECT n.budget_id, n.starts_at, 0, 0, 0, 0 FROM {_PLACES} ORDER BY 1, 2
    ON CONFLICT (budget_id, starts_at) DO NOTHING
"""  # noqa: S608 - fixed fragments
_NUMBERS: Final = f"""
    SELECT u.budget_id, u.starts_at, u.id
    FROM {_PLACES} JOIN billing_budgetuse u USING (budget_id, starts_at)
"""  # noqa: S608 - fixed fragments
