"""
Overdraft: usage that no credit paid for, on an account of its own until credit covers it.

Only unrestricted credit of the customer's own wallets covers it, while it is effective: a new
grant at once, credit that becomes effective later (or that usage had no claim to) by ``settle``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from django.db import connection, transaction

from ledger import arrays, bulk
from ledger.models import Account
from ledger.money import ZERO, negate, subtract, text
from ledger.moves import Move, Posting
from wallets.burn_order import in_order
from wallets.burndown import Lot, allocate, give_back
from wallets.holds import parts
from wallets.lots import lot_of
from wallets.models import CreditGrant

PURPOSE: Final = "overdraft"


class Payer(NamedTuple):
    """Who owes what it used beyond its credit, and in which asset."""

    customer_id: int
    asset_id: int


@dataclass(slots=True)
class Debt:
    """What a customer owes beyond its credit in one asset, read under lock; covering lowers it."""

    account_id: int
    amount: Decimal

    def cover(self, grant: CreditGrant, available: Decimal, at: datetime) -> Move:
        """Return the move that pays the debt from a lot, as far as ``available`` goes."""
        part = min(self.amount, available)
        self.amount = subtract(self.amount, part)
        return Move(
            debit=grant.account_id,
            credit=self.account_id,
            amount=part,
            effective_at=at,
            source_id=grant.pk,
        )


class Terms(Protocol):
    """What decides whether credit may cover overdrafts: a grant has it, and a draft of one."""

    @property
    def feature_keys(self) -> Sequence[str]: ...
    @property
    def effective_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...


def may_cover(grant: Terms, at: datetime) -> bool:
    """Say whether a grant covers overdrafts at an instant: effective then, for any feature."""
    return (
        not grant.feature_keys
        and grant.effective_at <= at
        and (grant.expires_at is None or at < grant.expires_at)
    )


def accounts_of(payers: Collection[Payer]) -> dict[Payer, int]:
    """Return the overdraft accounts of those who have one; lock them to know what they owe."""
    if not payers:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [*map(list, zip(*payers, strict=True)), PURPOSE])
        return {Payer(row[0], row[1]): row[2] for row in cursor.fetchall()}


def debts(accounts: Mapping[Payer, int], funds: Mapping[int, bulk.Funds]) -> dict[Payer, Debt]:
    """Return what is owed on these accounts, by what their locked balances say."""
    owed = {
        payer: Debt(account_id, subtract(funds[account_id].debits, funds[account_id].credits))
        for payer, account_id in accounts.items()
    }
    return {payer: debt for payer, debt in owed.items() if debt.amount > ZERO}


_ACCOUNTS: Final = """
    SELECT a.customer_id, a.asset_id, a.id
    FROM unnest(%s::bigint[], %s::bigint[]) AS p (customer_id, asset_id)
    JOIN ledger_customer c ON c.id = p.customer_id
    JOIN ledger_account a ON a.book_id = c.book_id AND a.customer_id = c.id
         AND a.asset_id = p.asset_id AND a.purpose = %s
"""


def settle(*, at: datetime, customer_ids: Collection[int] | None = None) -> int:
    """
    Cover overdrafts from credit that is effective at ``at``; return how many accounts changed.

    Those of some customers, or of all that live by the real time.

    Where a correction has since returned usage that was covered, what was too much goes back to
    the lots that covered it, last in first out. Safe to run twice, late, or concurrently.
    """
    changed = 0
    for account in _unsettled(at, customer_ids):
        with transaction.atomic():
            changed += _settle(account, at)
    return changed


def _unsettled(at: datetime, customer_ids: Collection[int] | None) -> list[Account]:
    query, whose = _UNSETTLED, list[str]()
    if customer_ids is not None:
        query, whose = _UNSETTLED_OF, [arrays.whole(customer_ids)]
    with connection.cursor() as cursor:
        cursor.execute(query, [PURPOSE, *whose, at, at])
        numbers = [row[0] for row in cursor.fetchall()]
    return list(Account.objects.filter(pk__in=numbers).order_by("pk")) if numbers else []


# Debts that some lot could cover, and overdrafts that were covered beyond what is owed.
_UNSETTLED: Final = """
    SELECT a.id
    FROM ledger_account a
    JOIN ledger_balance b ON b.account_id = a.id
    JOIN ledger_customer c ON c.id = a.customer_id
    WHERE a.purpose = %s AND b.debits <> b.credits
      AND c.clock_id IS NULL
      AND (b.credits > b.debits OR EXISTS (
          SELECT 1
          FROM wallets_wallet w
          JOIN wallets_creditgrant g ON g.wallet_id = w.id
          JOIN ledger_balance lot ON lot.account_id = g.account_id
          WHERE w.customer_id = a.customer_id AND w.asset_id = a.asset_id
            AND g.feature_keys = '{}' AND g.voided_at IS NULL
            AND g.effective_at <= %s AND (g.expires_at IS NULL OR g.expires_at > %s)
            AND lot.credits - lot.debits > lot.held))
"""
_UNSETTLED_OF: Final = _UNSETTLED.replace("c.clock_id IS NULL", "a.customer_id = ANY(%s::bigint[])")


def _settle(account: Account, at: datetime) -> bool:
    lots = _lots(account, at)
    covered = _covered(account.pk)
    accounts = [account.pk, *(lot.account_id for lot in lots), *(lot for lot, _ in covered)]
    funds = parts.give_back_expired(bulk.lock(accounts), at=at)
    mine = funds[account.pk]
    owed = subtract(mine.debits, mine.credits)
    if owed > ZERO:
        for lot in lots:
            lot.remaining = funds[lot.account_id].available or ZERO
        takes = [(take.lot.account_id, take.amount) for take in allocate(lots, owed, at, "")]
        moves = [Move(debit=lot, credit=account.pk, amount=amount) for lot, amount in takes]
        key = f"cover:{account.pk}:{text(mine.credits)}"
    else:
        returned = give_back(_covered(account.pk), negate(owed))
        moves = [Move(debit=account.pk, credit=lot, amount=amount) for lot, amount in returned]
        key = f"uncover:{account.pk}:{text(mine.debits)}"
    if not moves:
        return False
    bulk.post(
        postings=[
            Posting(book_id=account.book_id, kind="cover", key=key, effective_at=at, moves=moves)
        ]
    )
    return True


def _lots(account: Account, at: datetime) -> list[Lot]:
    assert account.customer_id is not None
    grants: Iterable[CreditGrant] = CreditGrant.objects.filter(
        wallet__customer_id=account.customer_id, wallet__asset_id=account.asset_id, voided_at=None
    )
    return in_order(lot_of(grant) for grant in grants if may_cover(grant, at))


def _covered(account_id: int) -> list[tuple[int, Decimal]]:
    """Return the lots that covered an overdraft and still do, and how much, first to last."""
    with connection.cursor() as cursor:
        cursor.execute(_COVERED, [account_id, account_id])
        return list(cursor.fetchall())


_COVERED: Final = """
    SELECT lot.id, sum(e.amount)
    FROM (
        SELECT id, debit_account_id AS lot_id, amount FROM ledger_entry
        WHERE credit_account_id = %s AND credit_account_id >= 4611686018427387904
        UNION ALL
        SELECT NULL, credit_account_id, -amount FROM ledger_entry
        WHERE debit_account_id = %s AND debit_account_id >= 4611686018427387904
    ) e
    JOIN ledger_account lot ON lot.id = e.lot_id AND lot.purpose = 'credit_lot'
    GROUP BY lot.id
    HAVING sum(e.amount) > 0
    ORDER BY max(e.id)
"""
