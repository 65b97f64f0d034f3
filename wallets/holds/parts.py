"""
What holds set aside on which account; read and written under the lock of that account's balance.

So whoever has locked a balance (``bulk.lock``) may give back what has expired on it without the
hold's own row: the hold ends for good when a sweep comes by, and counts as expired until then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import arrays, holding, prepared
from ledger.bulk import Funds
from ledger.money import ZERO, add, subtract
from wallets import watches
from wallets.models import Hold

Part = tuple[int, Decimal]  # account, and how much of it


class Held(NamedTuple):
    """What one hold sets aside on one account."""

    id: int
    hold_id: int
    account_id: int
    amount: Decimal
    wallet_id: int = 0  # of somebody else, of which the hold's customer has a share


def of_holds(hold_ids: Collection[int]) -> dict[int, list[Held]]:
    """Return what holds set aside, in burn order; true while the accounts are locked."""
    found: defaultdict[int, list[Held]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_OF_HOLDS, [arrays.whole(hold_ids)])
        for row in cursor.fetchall():
            found[row[1]].append(Held(*row))
    return found


def of_one(hold: Hold) -> list[Held]:
    """
    Return what a hold sets aside and of which shares it is, to be taken; true once locked.

    No share is given until the transaction is over, as while usage is being recorded.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OF_ONE, [_COUNTING, hold.pk])
        return [Held(*row) for row in cursor.fetchall()]


def give_back_expired(funds: Mapping[int, Funds], *, at: datetime) -> Mapping[int, Funds]:
    """
    Give back what has expired by ``at`` on accounts just locked, and return what they hold then.

    A customer on a test clock lives by that. No query if nothing is held on them; one as a rule.
    """
    if not any(one.held for one in funds.values()):
        return funds
    expired = _expired(funds, at)
    if not expired:
        return funds
    return holding.held_with(funds, reduce((part, ZERO) for part in expired))


def reduce(parts: Iterable[tuple[Held, Decimal]]) -> dict[int, Decimal]:
    """Have parts set only so much aside from now on; return what that changes, by account."""
    changes: defaultdict[int, Decimal] = defaultdict(Decimal)
    kept: dict[int, Decimal] = {}
    for part, amount in parts:
        if amount != part.amount:
            kept[part.id] = amount
            changes[part.account_id] = add(changes[part.account_id], subtract(amount, part.amount))
    if kept:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [arrays.whole(kept), arrays.exact(kept.values())])
            if cursor.fetchone()[0]:
                watches.hint()
        holding.hold(changes)
    return changes


def expired_on(account_ids: Collection[int], *, at: datetime) -> dict[int, Decimal]:
    """Return how much of what accounts hold has expired by ``at``; for readers, without a lock."""
    expired: defaultdict[int, Decimal] = defaultdict(Decimal)
    for part in _expired(account_ids, at):
        expired[part.account_id] = add(expired[part.account_id], part.amount)
    return expired


def _expired(account_ids: Iterable[int], at: datetime) -> list[Held]:
    return [Held(*row) for row in prepared.rows(_EXPIRED, [at, arrays.whole(account_ids)])]


_OF_HOLDS: Final = """
    SELECT id, hold_id, account_id, amount FROM wallets_holdpart
    WHERE hold_id = ANY(%s::bigint[]) ORDER BY hold_id, position
"""
_COUNTING: Final = 0x62756467  # of advisory locks: ``wallets_begin_share`` waits for it
_OF_ONE: Final = """
    SELECT p.id, p.hold_id, p.account_id, p.amount, coalesce(s.wallet_id, 0)
    FROM (
        SELECT id, customer_id, pg_advisory_xact_lock_shared(%s, book_id::integer)
        FROM wallets_hold WHERE id = %s
    ) h
    JOIN wallets_holdpart p ON p.hold_id = h.id
    LEFT JOIN wallets_creditgrant g ON g.account_id = p.account_id
    LEFT JOIN wallets_walletshare s ON s.wallet_id = g.wallet_id AND s.customer_id = h.customer_id
         AND s.ended_at IS NULL
    ORDER BY p.position
"""
_KEEP: Final = f"""
    WITH kept AS (
        UPDATE wallets_holdpart p SET amount = n.amount
        FROM unnest(%s::bigint[], %s::numeric[]) AS n (id, amount) WHERE p.id = n.id
        RETURNING p.account_id
    ), {watches.touching("SELECT account_id FROM kept")}
    SELECT coalesce(bool_or(was_still), false) FROM touched
"""  # noqa: S608 - fixed fragments
# Few holds have expired and were not swept: they are found by when they expire, not on accounts
# that may hold much. Customers on a test clock live by that, before or after the real time. Written
# so that no plan reads all holds, whatever the planner, not knowing the instant, thinks of it.
EXPIRED: Final = """
    SELECT h.id FROM wallets_hold h
    WHERE h.state = 'active' AND h.expires_at > '-infinity' AND h.expires_at <= %s
      AND (SELECT c.clock_id FROM ledger_customer c WHERE c.id = h.customer_id) IS NULL
    UNION ALL
    SELECT l.id FROM ledger_testclock k CROSS JOIN LATERAL (
        SELECT h.id FROM ledger_customer c JOIN wallets_hold h ON h.customer_id = c.id
        WHERE c.clock_id = k.id AND h.state = 'active' AND h.expires_at <= k.now_at
        OFFSET 0
    ) l
"""
_EXPIRED: Final = f"""
    SELECT p.id, p.hold_id, p.account_id, p.amount FROM wallets_holdpart p
    WHERE p.hold_id = ANY(ARRAY({EXPIRED})) AND p.amount > 0 AND p.account_id = ANY(%s::bigint[])
"""  # noqa: S608 - fixed fragments
