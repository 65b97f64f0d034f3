"""
What was used of budgets: counted with the usage, in its transaction, and told when it gets much.

Whoever makes a budget calls ``wait_for_usage`` first and ``recounting.begin`` last, in one
transaction: no usage is being recorded meanwhile, so what the period has seen so far is counted
once, and whatever comes later is counted when it comes. Rows are locked after balances, by budget
and period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from billing.budgets.matching import Counter, OpenBudget
from billing.rating.filters import Labels
from ledger import arrays, outbox
from ledger.money import ZERO, add, multiply, text

WARNING: Final = "budget.warning"
REACHED: Final = "budget.reached"
ALL: Final = Decimal(100)  # percent

Place = tuple[OpenBudget, datetime]  # a budget, and the start of one of its periods


class Used(defaultdict[Place, Decimal]):
    """What a transaction adds to each period of each budget."""

    def __init__(self) -> None:
        super().__init__(Decimal)

    def count(
        self, counters: Iterable[Counter], labels: Labels, at: datetime, amount: Decimal
    ) -> None:
        """Add what a reading came to, in the budgets that count usage with its labels."""
        for counter in counters:
            if counter.counts(labels, at):
                place = counter.budget, counter.budget.period_of(at).starts_at
                self[place] = add(self[place], amount)


class Standing(NamedTuple):
    """What a budget's period has come to."""

    used: Decimal
    held: Decimal
    extra: Decimal  # approved beyond the amount
    warned_at: Decimal  # percent: the highest threshold that was told


def add_up(
    used: Mapping[Place, Decimal], *, book_id: int, at: datetime, cause: str
) -> dict[Place, Standing]:
    """
    Add to what budgets have seen used (below zero: take off), and return what they come to.

    A threshold that is crossed by it is told, once per crossing, in the same transaction;
    falling below arms it again. ``cause`` names what is recorded, once for ever. Must run inside
    the transaction that records it, after the balances are locked.
    """
    if not any(used.values()):
        return {}
    places = sorted([place for place, amount in used.items() if amount], key=_order)
    standings = _write(places, [used[place] for place in places])
    _tell(standings, book_id=book_id, at=at, cause=cause)
    return standings


def reached(budget: OpenBudget, standing: Standing) -> Decimal:
    """Return the highest threshold that use has reached, in percent; zero if none."""
    most = add(budget.amount, standing.extra)
    highest = ZERO
    if standing.used <= ZERO:
        return highest
    for threshold in _thresholds(budget):
        if multiply(standing.used, ALL) >= multiply(most, threshold):
            highest = threshold
    return highest


def wait_for_usage(book_id: int) -> None:
    """Wait until no usage of a book is being recorded, and keep any from it until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, book_id])


def _order(place: Place) -> tuple[int, datetime]:
    return place[0].id, place[1]


def _thresholds(budget: OpenBudget) -> list[Decimal]:
    return sorted({*budget.warn_at, ALL})


def _write(places: Sequence[Place], used: Sequence[Decimal]) -> dict[Place, Standing]:
    by_number = {(budget.id, starts_at): (budget, starts_at) for budget, starts_at in places}
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                arrays.whole(budget.id for budget, _ in places),
                arrays.texts(starts_at.isoformat() for _, starts_at in places),
                arrays.exact(used),
            ],
        )
        return {by_number[row[0], row[1]]: Standing(*row[2:]) for row in cursor.fetchall()}


def _tell(standings: Mapping[Place, Standing], *, book_id: int, at: datetime, cause: str) -> None:
    levels = {
        place: level
        for place, standing in standings.items()
        if (level := reached(place[0], standing)) != standing.warned_at
    }
    if not levels:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _TOLD,
            [
                arrays.whole(budget.id for budget, _ in levels),
                arrays.texts(starts_at.isoformat() for _, starts_at in levels),
                arrays.exact(levels.values()),
            ],
        )
    outbox.publish_all(
        topic="event",
        payloads={
            f"budget:{budget.id}:{starts_at.isoformat()}:{text(threshold)}:{cause}": _payload(
                (budget, starts_at), standings[budget, starts_at], threshold, book_id
            )
            for (budget, starts_at), level in levels.items()
            for threshold in _thresholds(budget)
            if standings[budget, starts_at].warned_at < threshold <= level
        },
        at=at,
    )


def _payload(
    place: Place, standing: Standing, threshold: Decimal, book_id: int
) -> dict[str, object]:
    budget, starts_at = place
    return {
        "type": REACHED if threshold == ALL else WARNING,
        "book": book_id,
        "customer": budget.customer_key,
        "data": {
            "budget": budget.key,
            "threshold": text(threshold),
            "used": text(standing.used),
            "amount": text(add(budget.amount, standing.extra)),
            "asset": budget.asset_code,
            "period_starts_at": starts_at.isoformat(),
            "period_ends_at": budget.period_of(starts_at).ends_at.isoformat(),
        },
    }


LOCK: Final = 0x62756467  # of advisory locks: shared by who records usage
_ADD: Final = """
    INSERT INTO billing_budgetuse AS u (budget_id, starts_at, used, held, extra, warned_at)
    SELECT n.*, 0, 0, 0
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[]) AS n (budget_id, starts_at, used)
    ORDER BY 1, 2
    ON CONFLICT (budget_id, starts_at) DO UPDATE SET used = u.used + excluded.used
    RETURNING budget_id, starts_at, used, held, extra, warned_at
"""
_TOLD: Final = """
    UPDATE billing_budgetuse u SET warned_at = n.level
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[]) AS n (budget_id, starts_at, level)
    WHERE u.budget_id = n.budget_id AND u.starts_at = n.starts_at
"""
