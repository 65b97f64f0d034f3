"""
What customers have left, in money and in units: read from balances each time, never remembered.

Nothing is locked: what is set aside in the same step is decided anew under the locks of
``wallets.holds``. What expired holds still hold counts as available.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from billing.budgets.periods import period_of
from ledger import arrays, prepared
from ledger.money import ZERO, add, subtract
from wallets.holds import parts


class Lot(NamedTuple):
    """What is left in a lot."""

    wallet_id: int
    asset_id: int
    origin: str  # of its wallet: "entitlement:<id>", or empty
    effective_at: datetime
    expires_at: datetime | None
    features: frozenset[str]
    amount: Decimal

    def pays_for(self, feature: str, at: datetime) -> bool:
        """Say whether it may pay for usage of a feature at an instant."""
        return (
            self.effective_at <= at
            and (self.expires_at is None or at < self.expires_at)
            and (not self.features or feature in self.features)
        )


class Owed(NamedTuple):
    """What may still stand unbilled: from the account's own bound, or from zero if it has none."""

    amount: Decimal
    has_bound: bool


@dataclass(slots=True, kw_only=True)
class Means:
    """What customers may draw on."""

    own: dict[int, list[Lot]] = field(default_factory=dict)  # by the wallet's owner
    shared: dict[int, list[Lot]] = field(default_factory=dict)
    owed: dict[tuple[int, int], Owed] = field(default_factory=dict)  # by customer and asset
    shares: dict[tuple[int, int], Decimal] = field(default_factory=dict)  # by customer and wallet

    def lots_of(self, line: Sequence[int]) -> list[Lot]:
        """Return the lots that may pay for a customer, given it and its ancestors."""
        found = list(self.own.get(line[0], ()))
        for owner in line[1:]:
            found += self.shared.get(owner, ())
        return found

    def available(
        self, line: Sequence[int], asset_id: int, feature: str, at: datetime, rights: Container[str]
    ) -> Decimal:
        """
        Return what lots hold for a feature; of a shared wallet no more than the customer's share.

        Of allowances only those count that belong to ``rights`` in force ("entitlement:<id>").
        """
        by_wallet: defaultdict[int, Decimal] = defaultdict(Decimal)
        for lot in self.lots_of(line):
            if (
                lot.asset_id == asset_id
                and (not lot.origin or lot.origin in rights)
                and lot.pays_for(feature, at)
            ):
                by_wallet[lot.wallet_id] = add(by_wallet[lot.wallet_id], lot.amount)
        total = ZERO
        for wallet_id, amount in by_wallet.items():
            share = self.shares.get((line[0], wallet_id))
            total = add(total, amount if share is None else min(amount, share))
        return total


def read(
    *,
    lines: Collection[Sequence[int]],
    times: Collection[datetime],
    has_limits: bool,
    now: datetime,
) -> Means:
    """
    Return what customers, given with their ancestors, may draw on at some instants.

    Holds of customers who live by no test clock have expired by ``now``. One query; one more if any
    of them may draw on what an ancestor shares.
    """
    means = Means()
    whose = arrays.whole({line[0] for line in lines})
    nodes = arrays.whole({node for line in lines for node in line})
    since, until = min(times), max(times)
    wanted: list[str | datetime] = [now, nodes, whose, until, since]
    if has_limits:
        wanted.append(whose)
    for row in prepared.rows(_LOTS_AND_OWED if has_limits else _LOTS, wanted):
        _note(means, *row)
    if any(owner in means.shared for line in lines for owner in line[1:]):
        means.shares = _shares(whose, until)
    return means


def _note(
    means: Means,
    owner_id: int,
    wallet_id: int | None,
    asset_id: int,
    is_shared: bool,  # of what may be owed: whether the account has a bound
    origin: str,
    *life: Any,
) -> None:
    starts_at, ends_at, features, amount = life
    if wallet_id is None:
        means.owed[owner_id, asset_id] = Owed(amount, is_shared)
        return
    left = max(amount, ZERO)
    lot = Lot(wallet_id, asset_id, origin, starts_at, ends_at, frozenset(features), left)
    means.own.setdefault(owner_id, []).append(lot)
    if is_shared:
        means.shared.setdefault(owner_id, []).append(lot)


def _shares(whose: str, at: datetime) -> dict[tuple[int, int], Decimal]:
    """Return what is left of customers' shares of their ancestors' wallets."""
    left: dict[tuple[int, int], Decimal] = {}
    for row in prepared.rows(_SHARES, [at, whose]):
        customer_id, wallet_id, amount, anchor, cadence, zone, since, used = row
        share: Decimal = amount
        if since is not None and since == period_of(anchor, cadence, zone, at).starts_at:
            share = max(subtract(share, used), ZERO)
        left[customer_id, wallet_id] = share
    return left


_EXPIRED: Final = f"""
    SELECT p.account_id, sum(p.amount) AS amount FROM wallets_holdpart p
    WHERE p.hold_id = ANY(ARRAY({parts.EXPIRED})) AND p.amount > 0
    GROUP BY p.account_id
"""  # noqa: S608 - fixed fragments
_LOTS: Final = f"""
    WITH expired AS ({_EXPIRED})
    SELECT w.customer_id, w.id, w.asset_id, w.is_shared, w.origin, g.effective_at, g.expires_at,
           g.feature_keys, b.credits - b.debits - b.held + COALESCE(e.amount, 0)
    FROM wallets_wallet w
    JOIN wallets_creditgrant g ON g.wallet_id = w.id
    JOIN ledger_balance b ON b.account_id = g.account_id
    LEFT JOIN expired e ON e.account_id = g.account_id
    WHERE w.customer_id = ANY(%s::bigint[])
      AND (w.is_shared OR w.customer_id = ANY(%s::bigint[]))
      AND g.voided_at IS NULL AND g.effective_at <= %s
      AND (g.expires_at IS NULL OR g.expires_at > %s) AND b.credits > b.debits
"""  # noqa: S608 - fixed fragments
_LOTS_AND_OWED: Final = f"""
    {_LOTS}
    UNION ALL
    SELECT a.customer_id, NULL, a.asset_id, b.floor IS NOT NULL, '', NULL, NULL, NULL,
           b.orientation * (b.debits - b.credits) - b.held + COALESCE(e.amount, 0)
               - COALESCE(b.floor, 0)
    FROM ledger_account a
    JOIN ledger_balance b ON b.account_id = a.id
    LEFT JOIN expired e ON e.account_id = a.id
    WHERE a.customer_id = ANY(%s::bigint[]) AND a.purpose = 'unbilled'
"""  # noqa: S608 - fixed fragments
_SHARES: Final = """
    SELECT s.customer_id, s.wallet_id, s.amount, s.anchor, s.cadence, s.time_zone, u.starts_at,
           u.used + u.held
    FROM wallets_walletshare s
    LEFT JOIN LATERAL (
        SELECT starts_at, used, held FROM wallets_shareuse
        WHERE share_id = s.id AND starts_at <= %s ORDER BY starts_at DESC LIMIT 1
    ) u ON true
    WHERE s.customer_id = ANY(%s::bigint[]) AND s.ended_at IS NULL
"""
