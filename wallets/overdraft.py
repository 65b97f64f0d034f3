"""
Overdraft: usage that no credit paid for, on an account of its own until credit covers it.

Only unrestricted credit covers it, and only while it is effective: a new grant at once, credit
that becomes effective later, or that usage could not take, by the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger import bulk
from ledger.models import Account
from ledger.money import subtract
from ledger.moves import Move
from wallets.models import CreditGrant

PURPOSE: Final = "overdraft"


@dataclass(frozen=True, slots=True)
class Debt:
    """What a customer owes beyond its credit in one asset, read under lock."""

    account_id: int
    amount: Decimal

    def cover(self, grant: CreditGrant, available: Decimal, at: datetime) -> Move:
        """Return the move that pays the debt from a lot, as far as ``available`` goes."""
        return Move(
            debit=grant.account_id,
            credit=self.account_id,
            amount=min(self.amount, available),
            effective_at=at,
            source_id=grant.pk,
        )


def may_cover(grant: CreditGrant, at: datetime) -> bool:
    """Say whether a grant covers overdrafts at an instant: effective then, for any feature."""
    return (
        not grant.feature_keys
        and grant.effective_at <= at
        and (grant.expires_at is None or at < grant.expires_at)
    )


def lock_debt(customer_id: int, asset_id: int) -> Debt | None:
    """Lock what a customer owes in an asset, and return it; None if it owes nothing."""
    account = (
        Account.objects.filter(customer_id=customer_id, asset_id=asset_id, purpose=PURPOSE)
        .values_list("pk", flat=True)
        .first()
    )
    if account is None:
        return None
    funds = bulk.lock([account])[account]
    owed = subtract(funds.debits, funds.credits)
    return Debt(account, owed) if owed > 0 else None
