"""Holding: what is set aside on guarded accounts; the only writer of ``ledger_balance.held``."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ledger import arrays, prepared
from ledger.bulk import Funds
from ledger.integrity import refusals
from ledger.money import add, exact


def hold(changes: Mapping[int, Decimal]) -> None:
    """
    Set more aside on accounts that the caller has locked (``bulk.lock``), or give back: below zero.

    The database refuses to hold what an account does not have, and to give back what is not held.

    Raises:
        InsufficientBalanceError: an account has less than is to be set aside.
        PrecisionError: an amount is finer or larger than the ledger keeps.
    """
    moved = {account_id: exact(change) for account_id, change in changes.items() if change}
    if not moved:
        return
    with refusals():
        held = prepared.rows(_HOLD, [arrays.whole(moved), arrays.exact(moved.values())])
    assert len(held) == len(moved), "an account without a balance"


def held_with(funds: Mapping[int, Funds], changes: Mapping[int, Decimal]) -> dict[int, Funds]:
    """
    Return what accounts hold once ``hold`` has taken these changes.

    >>> funds = {7: Funds(Decimal(0), Decimal(9), Decimal(4), Decimal(0), -1)}
    >>> held_with(funds, {7: Decimal(-4)})[7].available
    Decimal('9')
    """
    changed = {
        account_id: one._replace(held=add(one.held, changes[account_id]))
        for account_id, one in funds.items()
        if account_id in changes
    }
    return {**funds, **changed}


_HOLD: Final = """
    UPDATE ledger_balance b SET held = b.held + n.change, version = b.version + 1
    FROM unnest(%s::bigint[], %s::numeric[]) AS n (account_id, change)
    WHERE b.account_id = n.account_id
    RETURNING b.account_id
"""
