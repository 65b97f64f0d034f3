"""
How a wallet's credit went from day to day.

Days are those of UTC. What they moved comes from the ledger's day buckets, so that a wallet with
ten million entries is read as fast as a new one; what was granted, moved, expired or voided among
it is found by key and instant, as in ``summary``. Used is the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import balances, totals
from ledger.money import ZERO, add, subtract
from wallets import summary
from wallets.counterparts import LOT, SINKS, SOURCES, passed, purpose_of
from wallets.models import CreditGrant

USUAL: Final = 30
MOST: Final = 731
_DAY: Final = timedelta(days=1)


class Day(NamedTuple):
    """One day of a wallet: what was used, what came or went otherwise, and what was left."""

    date: date
    used: Decimal
    other: Decimal  # granted and moved here, less what expired, was voided or moved away
    balance: Decimal  # at its end: held, pending or available


def history(*, wallet_id: int, at: datetime, days: int = USUAL) -> list[Day]:
    """
    Return the last ``days`` of a wallet and the present one, each with what was left at its end.

    Credit that has expired by ``at`` is gone from the day it expired on, though no sweep has run.
    """
    first = midnight(at) - days * _DAY
    lots = lots_of([wallet_id])
    numbers = [lot.account_id for lot in lots]
    opening = balances.as_of(account_ids=numbers, effective_at=first) if lots else {}
    balance = total(it.settled for it in opening.values())
    gained = _by_date(
        (day, _gain(moved)) for day, moved in totals.of_days(numbers, since=first.date())
    )
    other = _by_date((day, amount) for day, _, amount in _other(lots, first.date()))
    lapsed = _by_date(_unswept(lots, at))
    before = total(amount for day, amount in lapsed.items() if day < first.date())
    balance = subtract(balance, before)
    story = []
    for number in range(days + 1):
        day = (first + number * _DAY).date()
        spent = subtract(other[day], gained[day])
        rest = subtract(other[day], lapsed[day])
        balance = subtract(add(balance, rest), spent)
        story.append(Day(day, spent, rest, balance))
    return story


class Lot(NamedTuple):
    """A grant, as far as its days go."""

    grant_id: int
    wallet_id: int
    account_id: int
    effective_at: datetime
    expires_at: datetime | None
    voided_at: datetime | None
    created_at: datetime

    @property
    def over_at(self) -> datetime | None:
        """When it pays no more."""
        return self.voided_at or self.expires_at


def lots_of(wallet_ids: Collection[int]) -> list[Lot]:
    """Return the lots of wallets."""
    grants = CreditGrant.objects.filter(wallet__in=wallet_ids).order_by("pk")
    columns = ("pk", "wallet_id", "account_id", "effective_at", "expires_at", "voided_at")
    return [Lot(*row) for row in grants.values_list(*columns, "created_at")]


def used(lots: Sequence[Lot], since: date) -> defaultdict[int, Decimal]:
    """Return what usage took from each lot since a day, by account."""
    taken: defaultdict[int, Decimal] = defaultdict(Decimal)
    for _, account_id, amount in _other(lots, since):
        taken[account_id] = add(taken[account_id], amount)
    for _, moved in totals.of_days([lot.account_id for lot in lots], since=since):
        taken[moved.account_id] = subtract(taken[moved.account_id], _gain(moved))
    return taken


def midnight(at: datetime) -> datetime:
    """Return when the day of an instant began."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up."""
    whole = ZERO
    for amount in amounts:
        whole = add(whole, amount)
    return whole


def _by_date(amounts: Iterable[tuple[date, Decimal]]) -> defaultdict[date, Decimal]:
    sums: defaultdict[date, Decimal] = defaultdict(Decimal)
    for day, amount in amounts:
        sums[day] = add(sums[day], amount)
    return sums


def _gain(moved: totals.Total) -> Decimal:
    return subtract(moved.credits, moved.debits)


def _unswept(lots: Sequence[Lot], at: datetime) -> Iterator[tuple[date, Decimal]]:
    """Yield what is in lots that are over, but nobody's any more, by the day they ended."""
    over = {lot.grant_id: lot for lot in lots if lot.over_at is not None and lot.over_at <= at}
    there = balances.now(lot.account_id for lot in over.values())
    filled = [number for number, lot in over.items() if there[lot.account_id].settled]
    for number, figures in summary.of_grants(filled, at=at).items():
        lot = over[number]
        assert lot.over_at is not None, "it is over"
        rest = subtract(there[lot.account_id].settled, figures.settled)
        yield lot.over_at.astimezone(UTC).date(), rest


def _other(lots: Sequence[Lot], since: date) -> list[tuple[date, int, Decimal]]:
    """Return what came to lots since a day, or left them, otherwise than by usage."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OTHER,
            {
                "ids": [lot.grant_id for lot in lots],
                "since": datetime(since.year, since.month, since.day, tzinfo=UTC),
                "before": None,
                "came": [*SOURCES, LOT],
                "sources": list(SOURCES),
                "sinks": list(SINKS),
            },
        )
        return list(cursor.fetchall())


_OTHER: Final = f"""
    SELECT (o.effective_at AT TIME ZONE 'UTC')::date, g.account_id, sum(o.amount)
    FROM wallets_creditgrant g
    JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    CROSS JOIN LATERAL (
        SELECT e.effective_at,
               CASE e.credit_account_id WHEN g.account_id THEN e.amount ELSE -e.amount END AS amount
        FROM {summary.moved_by("g.id")} e
        WHERE g.account_id IN (e.debit_account_id, e.credit_account_id)
          AND {
    purpose_of(
        "CASE e.credit_account_id WHEN g.account_id THEN e.debit_account_id"
        " ELSE e.credit_account_id END"
    )
} = ANY(%(came)s)
        UNION ALL
        SELECT e.effective_at,
               CASE e.debit_account_id WHEN g.account_id THEN -e.amount ELSE e.amount END
        FROM wallets_creditgrant part
        CROSS JOIN LATERAL {summary.moved_by("part.id")} e
        WHERE part.parent_id = g.id AND g.account_id IN (e.debit_account_id, e.credit_account_id)
        UNION ALL
        SELECT g.expires_at, -p.amount
        FROM {passed(instant="g.expires_at", comes_back=True)} p
        WHERE g.expired_at IS NOT NULL AND {purpose_of("p.account_id")} = ANY(%(sinks)s)
        UNION ALL
        SELECT g.voided_at, -p.amount
        FROM {passed(instant="g.voided_at", comes_back=False)} p
        WHERE g.voided_at IS NOT NULL AND {purpose_of("p.account_id")} = ANY(%(sources)s)
    ) o
    WHERE g.id = ANY(%(ids)s) AND o.effective_at >= %(since)s
    GROUP BY 1, 2
"""  # noqa: S608 - fixed fragments
