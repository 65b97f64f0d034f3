"""
A hold under lock: whether it still stands, and what it sets aside.

Locks are taken in one order: the hold's row, then balances by account. The end of a hold moves only
while all balances that it lies on are locked, so that whoever holds one of them sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from ledger import bulk
from ledger.bulk import Funds
from ledger.errors import NotFoundError
from ledger.money import ZERO, add, subtract
from wallets.errors import HoldClosedError
from wallets.holds import parts
from wallets.holds.parts import Held
from wallets.models import Hold


def lock(hold: Hold) -> Hold:
    """Lock a hold's row until the transaction ends, before any balance, and return it as it is."""
    found = Hold.objects.select_for_update(no_key=True).filter(pk=hold.pk).first()
    if found is None:
        raise NotFoundError(hold=hold.key)
    return found


def check(hold: Hold, at: datetime) -> None:
    """
    Make sure that a hold still stands.

    Raises:
        HoldClosedError: it was captured, released or denied, or it has expired by ``at``.
    """
    state = state_at(hold, at)
    if state != Hold.State.ACTIVE:
        raise HoldClosedError(hold=hold.key, state=state, reason=f"hold_{state}")


def state_at(hold: Hold, at: datetime) -> str:
    """Return the state of a hold at the customer's time, whether or not a sweep has run."""
    if hold.state == Hold.State.ACTIVE and hold.expires_at <= at:
        return Hold.State.EXPIRED
    return hold.state


def remaining(hold: Hold) -> Decimal:
    """Return what an active hold sets aside."""
    return subtract(hold.requested, hold.captured)


def lock_parts(hold: Hold, others: Collection[int]) -> tuple[list[Held], Mapping[int, Funds]]:
    """
    Lock what a hold lies on, and other accounts, and return its parts and what the accounts hold.

    Raises:
        HoldClosedError: by the clock of somebody else it has expired.
    """
    lies_on = {part.account_id for part in parts.of_one(hold)}
    funds = bulk.lock({*lies_on, *others})
    spread = parts.of_one(hold)
    together = ZERO
    for part in spread:
        together = add(together, part.amount)
    if together != remaining(hold):
        state = Hold.State.EXPIRED
        raise HoldClosedError(hold=hold.key, state=state, reason=f"hold_{state}")
    return spread, funds
