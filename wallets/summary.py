"""
What became of credit: granted, used, expired, voided, held, available; by lot and by wallet.

All of it is read from the ledger: what a lot holds from its balance, what was granted from the
transaction that issued it, what expired or was voided from the entries between it and the book's
accounts, what moved to other lots from the transactions that issued those. Used is the rest. The
grants' own rows say only when a lot lives, and that is judged at the instant asked for, so that the
figures are right though no sweep has run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import balances
from ledger.balances import AccountBalance
from ledger.money import ZERO, add, exactly, subtract
from wallets.counterparts import LOT, SINKS, SOURCES, passed, purpose_of
from wallets.holds import parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    What became of credit, in its asset.

    granted = used + expired + voided + transferred + settled
    """

    granted: Decimal = ZERO
    used: Decimal = ZERO  # overdraft it covered among it
    expired: Decimal = ZERO  # net of what late usage took back
    voided: Decimal = ZERO
    transferred: Decimal = ZERO  # to other lots, less what came from them
    held: Decimal = ZERO
    pending: Decimal = ZERO  # not effective yet
    available: Decimal = ZERO

    @property
    def settled(self) -> Decimal:
        """What is still the customer's, held or not, effective or not yet."""
        with exactly():
            return self.held + self.pending + self.available

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            **{
                part.name: add(getattr(self, part.name), getattr(other, part.name))
                for part in fields(self)
            }
        )


def of_wallets(
    wallet_ids: Collection[int], *, at: datetime, is_past: bool = False
) -> dict[int, Figures]:
    """
    Return the figures of wallets, at ``at`` as the present or, ``is_past``, as a past instant.

    The present is everything recorded, with lots' lives judged at ``at``. A past instant is
    everything effective before it; holds have no past, so nothing is held then.
    """
    found = dict.fromkeys(wallet_ids, Figures())
    for lot in _lots("g.wallet_id", wallet_ids, at, is_past=is_past):
        found[lot.wallet_id] += lot.figures(at)
    return found


def of_grants(
    grant_ids: Collection[int], *, at: datetime, is_past: bool = False
) -> dict[int, Figures]:
    """Return the figures of grants; as for wallets."""
    lots = _lots("g.id", grant_ids, at, is_past=is_past)
    return {lot.grant_id: lot.figures(at) for lot in lots}


class _Row(NamedTuple):
    """A lot as its entries tell, before life and death are judged."""

    grant_id: int
    wallet_id: int
    account_id: int
    effective_at: datetime
    expires_at: datetime | None
    voided_at: datetime | None
    granted: Decimal
    received: Decimal  # from other lots
    given: Decimal  # to other lots
    expired: Decimal
    voided: Decimal


class _Lot(NamedTuple):
    """A lot and what its account holds."""

    row: _Row
    balance: Decimal
    held: Decimal

    @property
    def grant_id(self) -> int:
        return self.row.grant_id

    @property
    def wallet_id(self) -> int:
        return self.row.wallet_id

    def figures(self, at: datetime) -> Figures:
        row = self.row
        expired, voided, pending, available = row.expired, row.voided, ZERO, ZERO
        with exactly():
            free = self.balance - self.held
            if row.voided_at is not None:
                voided += free
            elif row.expires_at is not None and row.expires_at <= at:
                expired += free
            elif row.effective_at > at:
                pending = free
            else:
                available = free
            transferred = row.given - row.received
            used = row.granted - row.expired - row.voided - transferred - self.balance
        return Figures(
            granted=row.granted,
            used=used,
            expired=expired,
            voided=voided,
            transferred=transferred,
            held=self.held,
            pending=pending,
            available=available,
        )


def _present(rows: Iterable[_Row], now: Mapping[int, AccountBalance], at: datetime) -> list[_Lot]:
    """Return lots as they are; what expired holds set aside is free though no sweep has run."""
    holding = [account_id for account_id, it in now.items() if it.held]
    expired = parts.expired_on(holding, at=at) if holding else {}
    return [
        _Lot(
            row,
            now[row.account_id].settled,
            subtract(now[row.account_id].held, expired.get(row.account_id, ZERO)),
        )
        for row in rows
    ]


def _lots(column: str, ids: Collection[int], at: datetime, *, is_past: bool) -> list[_Lot]:
    before = at if is_past else None
    with connection.cursor() as cursor:
        cursor.execute(
            _ROWS.replace("{column}", column),
            {
                "ids": list(ids),
                "before": before,
                "sources": list(SOURCES),
                "sinks": list(SINKS),
                "lot": LOT,
            },
        )
        rows = [_Row(*row) for row in cursor.fetchall()]
    accounts = [row.account_id for row in rows]
    if before is None:
        return _present(rows, balances.now(accounts), at)
    past = balances.as_of(account_ids=accounts, effective_at=before)
    return [
        _Lot(row, past[row.account_id].settled if row.account_id in past else ZERO, ZERO)
        for row in rows
    ]


def moved_by(grant: str) -> str:
    """Return SQL for the entries that issued a grant, and those of a reversal, by its key."""
    return f"""(
        SELECT e.debit_account_id, e.credit_account_id, e.amount, e.effective_at
        FROM ledger_transaction t
        JOIN ledger_transaction i ON i.id = t.id OR i.reverses_id = t.id
        JOIN ledger_entry e ON e.id > i.id AND e.id < i.id + 16384
        WHERE t.book_id = c.book_id AND t.key = 'grant:' || {grant}
          AND (%(before)s::timestamptz IS NULL OR e.effective_at < %(before)s)
    )"""  # noqa: S608 - a column


# What was posted is summed from few entries, found by key or by instant: usage is never read.
_ROWS: Final = f"""
    SELECT g.id, g.wallet_id, g.account_id, g.effective_at, g.expires_at,
           CASE WHEN %(before)s::timestamptz IS NULL OR g.voided_at < %(before)s
                THEN g.voided_at END,
           coalesce(issued.granted, 0), coalesce(issued.received, 0), coalesce(parts.amount, 0),
           coalesce(expired.amount, 0), coalesce(voided.amount, 0)
    FROM wallets_creditgrant g
    JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN LATERAL (
        SELECT sum(f.amount) FILTER (WHERE f.purpose = ANY(%(sources)s)) AS granted,
               sum(f.amount) FILTER (WHERE f.purpose = %(lot)s) AS received
        FROM (
            SELECT {
    purpose_of(
        "CASE e.credit_account_id WHEN g.account_id THEN e.debit_account_id"
        " ELSE e.credit_account_id END"
    )
} AS purpose,
                   CASE e.credit_account_id WHEN g.account_id THEN e.amount ELSE -e.amount END
                   AS amount
            FROM {moved_by("g.id")} e
            WHERE g.account_id IN (e.debit_account_id, e.credit_account_id)
        ) f
    ) issued ON true
    LEFT JOIN LATERAL (
        SELECT sum(CASE e.debit_account_id WHEN g.account_id THEN e.amount ELSE -e.amount END)
               AS amount
        FROM wallets_creditgrant part
        CROSS JOIN LATERAL {moved_by("part.id")} e
        WHERE part.parent_id = g.id AND g.account_id IN (e.debit_account_id, e.credit_account_id)
    ) parts ON true
    LEFT JOIN LATERAL (
        SELECT sum(p.amount) AS amount
        FROM {passed(instant="g.expires_at", comes_back=True)} p
        WHERE g.expired_at IS NOT NULL AND {purpose_of("p.account_id")} = ANY(%(sinks)s)
          AND (%(before)s::timestamptz IS NULL OR g.expires_at < %(before)s)
    ) expired ON true
    LEFT JOIN LATERAL (
        SELECT sum(p.amount) AS amount
        FROM {passed(instant="g.voided_at", comes_back=False)} p
        WHERE g.voided_at IS NOT NULL AND {purpose_of("p.account_id")} = ANY(%(sources)s)
          AND (%(before)s::timestamptz IS NULL OR g.voided_at < %(before)s)
    ) voided ON true
    WHERE {{column}} = ANY(%(ids)s)
"""  # noqa: S608 - fixed fragments
