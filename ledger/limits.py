"""How far a customer's guarded accounts may be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection, transaction

from ledger.models import Customer
from ledger.money import exact


def set_floor(*, customer: Customer, purpose: str, floor: Decimal | None) -> int:
    """
    Set the lower bound of a customer's accounts of one purpose; return how many there are.

    An account that is already below the bound keeps what it has as its bound: nothing more can be
    taken from it. None takes the bound away. Accounts are locked in order.

    Raises:
        PrecisionError: the bound is finer or larger than the ledger keeps.
    """
    if floor is not None:
        floor = exact(floor)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT b.account_id FROM ledger_balance b
            WHERE b.is_guarded AND b.account_id IN (
                SELECT id FROM ledger_account WHERE customer_id = %s AND purpose = %s)
            ORDER BY b.account_id FOR NO KEY UPDATE
            """,
            [customer.pk, purpose],
        )
        numbers = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            """
            UPDATE ledger_balance SET version = version + 1, floor = CASE
                WHEN %s::numeric IS NULL THEN NULL
                ELSE LEAST(%s::numeric, orientation * (debits - credits) - held) END
            WHERE account_id = ANY(%s)
            """,
            [floor, floor, numbers],
        )
    return len(numbers)


def bound(floors: Mapping[int, Decimal]) -> None:
    """
    Set lower bounds of accounts that the caller has locked (``bulk.lock``), as ``set_floor`` does.

    Raises:
        PrecisionError: a bound is finer or larger than the ledger keeps.
    """
    if not floors:
        return
    bounds = [exact(floor) for floor in floors.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ledger_balance b SET version = b.version + 1,
                floor = LEAST(n.floor, b.orientation * (b.debits - b.credits) - b.held)
            FROM unnest(%s::bigint[], %s::numeric[]) AS n (account_id, floor)
            WHERE b.account_id = n.account_id
            """,
            [list(floors), bounds],
        )
