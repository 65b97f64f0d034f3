"""
Wallets that somebody watches, by recharge rules or alerts: what moved has to be looked at again.

Whoever moves a lot or an overdraft calls ``touch`` at the end of its transaction. ``touched_at``
is a version, not a time of the domain: who has looked clears it only if nothing has moved since it
began, so that nothing is missed however many look at once, and who moves credit never waits for
who looks.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from ledger import arrays
from wallets.models import Wallet, Watch


class Touched(NamedTuple):
    """A watched wallet that has moved, and the version that says how far."""

    wallet_id: int
    version: datetime


def touch(account_ids: Collection[int]) -> None:
    """
    Have the watched wallets looked at that these lots are of, once the transaction commits.

    Or those whose customer's overdraft it is: what they have to spend is less by it. Accounts that
    are neither are no matter.

    One statement; rows of watched wallets only, locked in order, after all balances.
    """
    _touch(_BY_ACCOUNTS, account_ids)


def touching(lots: str) -> str:
    """
    Return a part of a WITH that touches, as ``touch`` does, wallets of lots that a query names.

    Whoever runs it calls ``hint`` if any row of ``touched`` says ``was_still``.
    """
    wallets = f"IN (SELECT wallet_id FROM wallets_creditgrant WHERE account_id IN ({lots}))"  # noqa: S608 - a fixed query
    return f"touched AS ({_TOUCH.format(wallets=wallets)})"


def hint() -> None:
    """Have somebody look once the transaction commits."""
    transaction.on_commit(import_string(settings.METERBOOK_TOUCHED), robust=True)


def touch_wallets(wallet_ids: Collection[int]) -> None:
    """Have wallets looked at that are watched, as ``touch`` does."""
    _touch(_BY_WALLETS, wallet_ids)


def watch(wallet: Wallet) -> None:
    """Have a wallet watched from now on, and looked at once the transaction commits."""
    Watch.objects.get_or_create(wallet=wallet)
    touch_wallets([wallet.pk])


def touched(*, limit: int) -> list[Touched]:
    """Return watched wallets that have moved, those that wait longest first; locks nothing."""
    rows = Watch.objects.filter(touched_at__isnull=False).order_by("touched_at")[:limit]
    return [Touched(row.wallet_id, row.touched_at) for row in rows if row.touched_at]


def clear(seen: Touched) -> None:
    """Note that a wallet was looked at, unless it has moved since."""
    Watch.objects.filter(wallet=seen.wallet_id, touched_at=seen.version).update(touched_at=None)


def _touch(query: str, numbers: Collection[int]) -> None:
    if not numbers:
        return
    with connection.cursor() as cursor:
        cursor.execute(query, {"numbers": arrays.whole(numbers)})
        was_still = [row[0] for row in cursor.fetchall()]
    if any(was_still):  # otherwise who was told before has not looked yet
        hint()


_TOUCH: Final = """
    UPDATE wallets_watch w SET touched_at = clock_timestamp()
    FROM (
        SELECT wallet_id, touched_at IS NULL AS was_still FROM wallets_watch
        WHERE wallet_id {wallets}
        ORDER BY wallet_id FOR NO KEY UPDATE
    ) k
    WHERE w.wallet_id = k.wallet_id
    RETURNING k.was_still
"""
_BY_ACCOUNTS: Final = _TOUCH.format(
    wallets="""IN (
            SELECT wallet_id FROM wallets_creditgrant WHERE account_id = ANY(%(numbers)s::bigint[])
            UNION ALL
            SELECT o.id FROM ledger_account a
            JOIN wallets_wallet o ON o.customer_id = a.customer_id AND o.asset_id = a.asset_id
            WHERE a.id = ANY(%(numbers)s::bigint[]) AND a.purpose = 'overdraft')"""
)
_BY_WALLETS: Final = _TOUCH.format(wallets="= ANY(%(numbers)s::bigint[])")
