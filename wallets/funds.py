"""
What wallets have to spend, as their watchers see it.

All that is available in a wallet, whatever it is restricted to, less what its customer owes in
that asset beyond its credit: the next grant covers that first. Read without a lock.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from django.db import connection

from ledger.money import SCALE, ZERO, add, multiply, subtract
from wallets import summary
from wallets.holds import parts
from wallets.models import Wallet

_ALL: Final = Decimal(100)


class Lot(NamedTuple):
    """A lot that is alive, and what may be spent of it."""

    grant_id: int
    account_id: int
    expires_at: datetime | None
    available: Decimal


def lots_of(wallet: Wallet, *, at: datetime) -> list[Lot]:
    """Return a wallet's lots that are alive at an instant, those that expire first before."""
    with connection.cursor() as cursor:
        cursor.execute(_LOTS, [wallet.pk, at, at])
        rows = cursor.fetchall()
    holding = [account_id for _, account_id, _, _, held in rows if held]
    freed = parts.expired_on(holding, at=at) if holding else {}
    return [
        Lot(grant_id, account_id, expires_at, add(free, freed.get(account_id, ZERO)))
        for grant_id, account_id, expires_at, free, _ in rows
    ]


def of(wallet: Wallet, *, at: datetime) -> Decimal:
    """Return what a wallet has to spend at an instant; below zero, what is owed beyond it."""
    total = overdraft_of(wallet).copy_negate()
    for lot in lots_of(wallet, at=at):
        total = add(total, lot.available)
    return total


def overdraft_of(wallet: Wallet) -> Decimal:
    """Return what a wallet's customer has used in its asset beyond its credit."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERDRAFT, [wallet.customer.book_id, wallet.customer_id, wallet.asset_id])
        row = cursor.fetchone()
    return row[0] if row else ZERO


def percent_used(wallet: Wallet, *, at: datetime) -> Decimal:
    """Return how much of the credit that is alive was used, in percent; more with an overdraft."""
    alive = [lot.grant_id for lot in lots_of(wallet, at=at)]
    granted, used = ZERO, overdraft_of(wallet)
    for figures in summary.of_grants(alive, at=at).values():
        given = add(figures.voided, figures.transferred)
        granted = add(granted, subtract(figures.granted, given))
        used = add(used, figures.used)
    return _share(used, granted) if granted else ZERO


def _share(used: Decimal, granted: Decimal) -> Decimal:
    # Cut to what is kept: a threshold is reached when all of it is.
    exact = Fraction(multiply(used, _ALL)) / Fraction(granted)
    return Decimal(exact.numerator * 10**SCALE // exact.denominator).scaleb(-SCALE)


_LOTS: Final = """
    SELECT g.id, g.account_id, g.expires_at, b.credits - b.debits - b.held, b.held
    FROM wallets_creditgrant g
    JOIN ledger_balance b ON b.account_id = g.account_id
    WHERE g.wallet_id = %s AND g.voided_at IS NULL AND g.effective_at <= %s
      AND (g.expires_at IS NULL OR g.expires_at > %s)
    ORDER BY g.expires_at NULLS LAST, g.id
"""
_OVERDRAFT: Final = """
    SELECT b.debits - b.credits
    FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
    WHERE a.book_id = %s AND a.customer_id = %s AND a.purpose = 'overdraft' AND a.asset_id = %s
"""
