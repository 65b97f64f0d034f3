"""
Having subscriptions, contracts, corrections of prices and what is billed looked at again.

Late usage lowers a minimum or a true-up that has been charged, a coupon takes something off a
cycle that is over: their ``due_at`` goes back to where that makes a difference. Ingest calls
this before it locks accruals: who charges has the same row under lock, so that each sees
what the other did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from django.db import connection

from ledger import arrays


def subscriptions(instants: Mapping[int, datetime]) -> None:
    """
    Have subscriptions looked at from an instant each, by id; one that lies ahead moves nothing.

    For usage, that is the end of its period.
    """
    _rewind(_LOCK_SUBSCRIPTIONS, _REWIND_SUBSCRIPTIONS, instants)


def contracts(instants: Mapping[int, datetime]) -> None:
    """
    Have the contracts of customers and their ancestors looked at for usage since an instant each.

    One query where nobody has a contract.
    """
    _rewind(_LOCK_CONTRACTS, _REWIND_CONTRACTS, instants)


def billed(*, accrual_ids: Collection[int], charge_ids: Collection[int] = ()) -> None:
    """
    Lock what is billed of series that are over, and of charges, and have it looked at again.

    Who issues has the same rows under lock, reads what they came to and may settle them.
    """
    if not accrual_ids and not charge_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_BILLED, [arrays.whole(accrual_ids), arrays.whole(charge_ids)])
        if settled := [number for number, is_settled in cursor.fetchall() if is_settled]:
            cursor.execute(_REOPEN, [arrays.whole(settled)])


def adjustments(instants: Mapping[int, datetime]) -> None:
    """
    Have corrections of the prices of these accruals looked at again, from an instant each.

    Called once the accruals are locked: whoever corrects a price has them locked as well.
    """
    if not instants:
        return
    numbers = sorted(instants)
    times = arrays.texts([instants[number].isoformat() for number in numbers])
    with connection.cursor() as cursor:
        cursor.execute(_ADJUSTMENTS, [arrays.whole(numbers), times])


def _rewind(lock: str, rewind: str, instants: Mapping[int, datetime]) -> None:
    if not instants:
        return
    numbers = sorted(instants)
    times = [instants[number].isoformat() for number in numbers]
    with connection.cursor() as cursor:
        cursor.execute(lock, [arrays.whole(numbers), arrays.texts(times)])
        if late := [(number, since) for number, since, is_late in cursor.fetchall() if is_late]:
            ids, since = zip(*late, strict=True)
            written = arrays.texts([instant.isoformat() for instant in since])
            cursor.execute(rewind, [arrays.whole(ids), written])


_ASKED: Final = "unnest(%s::bigint[], %s::timestamptz[]) AS n (id, since)"
_LOCK_SUBSCRIPTIONS: Final = f"""
    SELECT s.id, n.since, s.due_at IS NULL OR s.due_at > n.since
    FROM {_ASKED} JOIN billing_subscription s ON s.id = n.id
    ORDER BY s.id FOR NO KEY UPDATE OF s
"""  # noqa: S608 - fixed fragments
_REWIND_SUBSCRIPTIONS: Final = f"""
    UPDATE billing_subscription s SET due_at = n.since FROM {_ASKED} WHERE s.id = n.id
"""  # noqa: S608 - fixed fragments
_LOCK_CONTRACTS: Final = f"""
    WITH RECURSIVE line AS (
        SELECT c.id, c.parent_id, n.since FROM {_ASKED} JOIN ledger_customer c ON c.id = n.id
        UNION ALL
        SELECT c.id, c.parent_id, line.since
        FROM line JOIN ledger_customer c ON c.id = line.parent_id
    ), asked AS (
        SELECT id AS customer_id, min(since) AS since FROM line GROUP BY id
    )
    SELECT k.id, a.since,
           k.settled_at > a.since AND (k.due_at IS NULL OR k.due_at > a.since)
    FROM asked a JOIN billing_contract k ON k.customer_id = a.customer_id
    WHERE k.ends_at > a.since
    ORDER BY k.id FOR NO KEY UPDATE OF k
"""  # noqa: S608 - fixed fragments
_REWIND_CONTRACTS: Final = _REWIND_SUBSCRIPTIONS.replace("billing_subscription", "billing_contract")
_LOCK_BILLED: Final = """
    SELECT id, settled_at IS NOT NULL FROM billing_billable
    WHERE id = ANY(ARRAY(
        SELECT id FROM billing_billable WHERE accrual_id = ANY(%s::bigint[])
        UNION ALL SELECT id FROM billing_billable WHERE charge_id = ANY(%s::bigint[])))
    ORDER BY accrual_id, charge_id FOR NO KEY UPDATE
"""
_REOPEN: Final = """
    UPDATE billing_billable SET settled_at = NULL WHERE id = ANY(%s::bigint[])
"""
_ADJUSTMENTS: Final = f"""
    UPDATE billing_charge c SET scheduled_at = n.since FROM {_ASKED}
    WHERE c.accrual_id = n.id AND c.terms IS NOT NULL
"""  # noqa: S608 - fixed fragments
