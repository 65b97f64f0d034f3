"""
What a credit limit covers: what stands unbilled and, unless told otherwise, unpaid documents.

The limit is the floor of a customer's ``unbilled`` account. Whatever moves what the customer owes
by documents (issue, void, payment, write-off) moves the floor in the same transaction, so that
usage reads one number under one lock, as before. Documents that somebody else pays are bound by
that one's limit. What stands to the customer's credit is never bound: no floor is above zero.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import connection

from ledger import arrays


def accounts_of(customer_ids: Collection[int]) -> list[int]:
    """Return the accounts that limits bound: to be locked with other balances."""
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [arrays.whole(customer_ids)])
        return [row[0] for row in cursor.fetchall()]


def lift(customer_ids: Collection[int]) -> None:
    """
    Have nothing bound until ``follow``, in this transaction: what was owed may stand there again.

    The caller has locked the accounts.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LIFT, [arrays.whole(customer_ids)])


def follow(customer_ids: Collection[int]) -> None:
    """
    Have the floors of these customers follow what they owe by documents now; one statement.

    Like any floor, it is never above what stands on the account. The caller has moved receivables
    in this transaction, under the locks of the customers.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, [arrays.whole(customer_ids)])


_WHOSE: Final = """
    billing_billingprofile p JOIN ledger_account u ON u.customer_id = p.customer_id
        AND u.purpose = 'unbilled' AND u.discriminator = ''
    WHERE p.customer_id = ANY(%s::bigint[]) AND p.credit_limit IS NOT NULL
"""
_ACCOUNTS: Final = f"SELECT u.id FROM {_WHOSE} ORDER BY u.id"  # noqa: S608 - fixed fragments
_LIFT: Final = f"""
    UPDATE ledger_balance SET version = version + 1, floor = NULL
    WHERE account_id IN ({_ACCOUNTS}) AND floor IS NOT NULL
"""  # noqa: S608 - fixed fragments
_FOLLOW: Final = f"""
    WITH owed AS (
        SELECT u.id, least(CASE p.limit_covers WHEN 'unbilled' THEN 0 ELSE greatest(coalesce((
                   SELECT r.debits - r.credits
                   FROM ledger_account a JOIN ledger_balance r ON r.account_id = a.id
                   WHERE a.customer_id = u.customer_id AND a.asset_id = u.asset_id
                     AND a.purpose = 'receivable' AND a.discriminator = ''), 0), 0) END
               - p.credit_limit, 0) AS floor
        FROM {_WHOSE}
    ), locked AS (
        SELECT b.account_id, least(o.floor, b.orientation * (b.debits - b.credits) - b.held)
                   AS floor
        FROM owed o JOIN ledger_balance b ON b.account_id = o.id
        ORDER BY b.account_id FOR NO KEY UPDATE OF b
    )
    UPDATE ledger_balance b SET version = b.version + 1, floor = l.floor
    FROM locked l WHERE b.account_id = l.account_id AND b.floor IS DISTINCT FROM l.floor
"""  # noqa: S608 - fixed fragments
