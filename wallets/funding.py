"""
Which lots may pay for whose usage, and what is left in them; set-based.

A batch takes three steps inside its transaction, whatever the number of customers:

    candidates = funding.lots_of(customer_ids=…, since=first usage, until=last usage)
    locked = bulk.lock({*candidates.lots, …other guarded accounts})
    funding.fill(candidates, parts.give_back_expired(locked, at=now))
    … burndown.allocate(candidates.pool(customer, asset), amount, at, feature) per event …
    moves = [*funding.reclaims(candidates), *moves]

``lots_of`` reads what never changes about lots and locks nothing. ``fill`` is told what the
locked balances hold, once expired holds have given back. Customers who share a wallet share its
Lot objects, so that what one of them spends is gone for the others. Nothing here outlives the
transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import arrays, prepared
from ledger.bulk import Funds
from ledger.ids import asset_of
from ledger.money import ZERO, add, subtract
from ledger.moves import Move
from wallets.burn_order import in_order
from wallets.burndown import Lot
from wallets.counterparts import SINKS, passed, purpose_of


@dataclass(slots=True)
class Candidates:
    """The lots that may pay, by account and by (customer, asset) in burn order."""

    lots: dict[int, Lot] = field(default_factory=dict)
    pools: dict[tuple[int, int], Sequence[Lot]] = field(default_factory=dict)
    lines: Mapping[int, Sequence[int]] = field(default_factory=dict)  # customer → it and ancestors
    sinks: dict[int, int] = field(default_factory=dict)  # closed lot → where its rest went
    has_shares: bool = False  # somebody may take only a share of an ancestor's wallet

    def pool(self, customer_id: int, asset_id: int) -> Sequence[Lot]:
        """Return the lots that pay for a customer's usage in an asset, in burn order."""
        return self.pools.get((customer_id, asset_id), ())


def lots_of(
    *,
    customer_ids: Collection[int],
    since: datetime,
    until: datetime,
    asset_ids: Collection[int] | None = None,
    also: Collection[int] = (),
) -> Candidates:
    """
    Return the lots that may pay for usage of these customers in ``[since, until]``.

    A customer's own wallets come first, then the shared ones of its ancestors, the nearest
    first; within each, burn order. ``remaining`` is zero until ``fill``. Empty lots are left out
    but for those that may be filled again: ``also``, by account. Two queries.
    """
    lines, has_shares = _lines_of(customer_ids)
    payers = {payer for line in lines.values() for payer in line}
    owned = _lots_by_owner(payers, customer_ids, (since, until), asset_ids, also)
    candidates = Candidates(lines=lines, has_shares=has_shares)
    for customer_id, line in lines.items():
        pools: defaultdict[int, list[Lot]] = defaultdict(list)
        for payer_id in line:
            for asset_id, lots in owned.get((payer_id, payer_id != customer_id), {}).items():
                pools[asset_id] += lots
        for asset_id, pool in pools.items():
            candidates.pools[customer_id, asset_id] = pool
            candidates.lots |= {lot.account_id: lot for lot in pool}
    return candidates


def fill(candidates: Candidates, funds: Mapping[int, Funds]) -> None:
    """
    Set what remains in each lot from balances read under lock (``bulk.lock``).

    What a closed lot lost to breakage counts too: usage that happened while the lot was alive
    may still take it. One query, and only when a lot may have been closed.
    """
    for account_id, lot in candidates.lots.items():
        lot.remaining, lot.reclaimable = funds[account_id].available or ZERO, ZERO
    mortal = [account_id for account_id, lot in candidates.lots.items() if lot.expires_at]
    for account_id, lost in lost_to_expiry(mortal).items():
        lot = candidates.lots[account_id]
        lot.remaining, lot.reclaimable = add(lot.remaining, lost.amount), lost.amount
        candidates.sinks[account_id] = lost.sink_id


def reclaims(candidates: Candidates) -> list[Move]:
    """
    Return the moves that bring back from breakage what was allocated of it since ``fill``.

    They belong into the same transaction as the usage (the database projects all entries of a
    transaction at once). They are effective when the lot expired, as its expiry was. ``fill`` again
    before allocating for a second transaction.
    """
    return [
        Move(
            debit=candidates.sinks[lot.account_id],
            credit=lot.account_id,
            amount=subtract(lot.reclaimable, lot.remaining),
            effective_at=lot.expires_at,
            source_id=lot.grant_id,
        )
        for lot in candidates.lots.values()
        if lot.reclaimable > lot.remaining
    ]


class Lost(NamedTuple):
    """What a lot lost when it expired, less what was reclaimed since."""

    amount: Decimal
    sink_id: int  # the account of the book that has it


def lost_to_expiry(account_ids: Iterable[int]) -> dict[int, Lost]:
    """
    Return what the closed ones among these lots lost to breakage, from their entries.

    Entries between a lot and a sink at the very instant of its expiry are its expiries and
    their reclaims: nothing else may be effective then, for voids come before.
    """
    wanted = list(account_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LOST, [list(SINKS), wanted])
        return {row[0]: Lost(row[2], row[1]) for row in cursor.fetchall()}


_LOST: Final = f"""
    SELECT g.account_id, p.account_id, sum(p.amount)
    FROM wallets_creditgrant g
    CROSS JOIN LATERAL {passed(instant="g.expires_at", comes_back=True)} p
    WHERE {purpose_of("p.account_id")} = ANY(%s)
      AND g.account_id = ANY(%s) AND g.expired_at IS NOT NULL
    GROUP BY g.account_id, p.account_id
    HAVING sum(p.amount) > 0
"""  # noqa: S608 - fixed fragments

_LINES: Final = """
    WITH RECURSIVE line AS (
        SELECT id AS customer_id, id AS payer_id, parent_id, 0 AS distance
        FROM ledger_customer WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT line.customer_id, payer.id, payer.parent_id, line.distance + 1
        FROM line JOIN ledger_customer payer ON payer.id = line.parent_id
    )
    SELECT customer_id, payer_id, distance > 0 AND EXISTS (
        SELECT FROM wallets_walletshare s
        WHERE s.customer_id = line.customer_id AND s.ended_at IS NULL)
    FROM line ORDER BY customer_id, distance
"""

# An empty lot is left out, unless it was closed: what it lost may be reclaimed.
_LOTS: Final = """
    SELECT w.customer_id, w.is_shared, g.account_id, g.id, g.effective_at, g.expires_at,
           g.priority, g.feature_keys, g.funding = 'promotional', w.id
    FROM wallets_wallet w
    JOIN wallets_creditgrant g ON g.wallet_id = w.id
    JOIN ledger_balance b ON b.account_id = g.account_id
    WHERE w.customer_id = ANY(%s::bigint[]) AND (w.is_shared OR w.customer_id = ANY(%s::bigint[]))
      AND g.voided_at IS NULL
      AND g.effective_at <= %s AND (g.expires_at IS NULL OR g.expires_at > %s)
      AND (b.credits > b.debits OR g.expired_at IS NOT NULL OR g.account_id = ANY(%s::bigint[]))
      AND (%s::bigint[] IS NULL OR w.asset_id = ANY(%s::bigint[]))
"""


def _lines_of(customer_ids: Collection[int]) -> tuple[dict[int, list[int]], bool]:
    """Return each customer with its ancestors, itself first, and whether any has a share."""
    lines: defaultdict[int, list[int]] = defaultdict(list)
    has_shares = False
    rows = prepared.rows(_LINES, [arrays.whole(customer_ids)])
    for customer_id, payer_id, has_share in rows:
        lines[customer_id].append(payer_id)
        has_shares = has_shares or has_share
    return lines, has_shares


_ByAsset = dict[int, list[Lot]]


def _lots_by_owner(
    payer_ids: Collection[int],
    customer_ids: Collection[int],
    span: tuple[datetime, datetime],
    asset_ids: Collection[int] | None,
    also: Collection[int],
) -> dict[tuple[int, bool], _ByAsset]:
    """Return lots by (owner, whether only the shared ones) and asset, in burn order."""
    assets = None if asset_ids is None else arrays.whole(asset_ids)
    found: defaultdict[tuple[int, bool], list[Lot]] = defaultdict(list)
    whose, (since, until) = [arrays.whole(payer_ids), arrays.whole(customer_ids)], span
    wanted = [*whose, until, since, arrays.whole(also), assets, assets]
    for owner_id, is_shared, *columns in prepared.rows(_LOTS, wanted):
        lot = _lot(*columns)
        found[owner_id, False].append(lot)
        if is_shared:
            found[owner_id, True].append(lot)
    return {owner: _by_asset(lots) for owner, lots in found.items()}


def _by_asset(lots: list[Lot]) -> _ByAsset:
    sorted_lots: defaultdict[int, list[Lot]] = defaultdict(list)
    for lot in in_order(lots):
        sorted_lots[asset_of(lot.account_id)].append(lot)
    return sorted_lots


def _lot(
    account_id: int,
    grant_id: int,
    effective_at: datetime,
    expires_at: datetime | None,
    priority: int,
    feature_keys: list[str],
    is_promotional: bool,
    wallet_id: int,
) -> Lot:
    return Lot(
        account_id=account_id,
        grant_id=grant_id,
        wallet_id=wallet_id,
        remaining=ZERO,
        effective_at=effective_at,
        expires_at=expires_at,
        priority=priority,
        features=frozenset(feature_keys),
        is_promotional=is_promotional,
    )
