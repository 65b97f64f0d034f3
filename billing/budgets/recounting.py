"""
What budgets have seen used, from what is recorded alone: where counting starts, and its proof.

An entry of usage names its event, the event says when it happened and what its labels are. Entries
between customers and revenue are money, those with the meter's account are units. Captures that
name no usage say it themselves (``captured``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.budgets import captured, matching, using
from billing.budgets.matching import Budgets, Counter, OpenBudget
from billing.metering import readings
from billing.models import Budget, Meter
from ledger import arrays, registry
from ledger.money import ZERO, add


def begin(row: Budget, *, at: datetime) -> None:
    """
    Count what a new budget's first period has seen so far, in the transaction that makes it.

    The caller has called ``using.wait_for_usage`` before it made the budget.
    """
    budgets = matching.load(row.book_id)
    [budget] = [one for one in budgets.all if one.id == row.pk]
    counted = {(budget, starts_at): amount for starts_at, amount in used(budget, budgets).items()}
    using.add_up(counted, book_id=row.book_id, at=at, cause="begin")


def used(
    budget: OpenBudget, budgets: Budgets, customer_ids: Sequence[int] | None = None
) -> dict[datetime, Decimal]:
    """
    Return what a budget's periods have seen used, by their start; none that came to nothing.

    By its customer and all below it, or by these customers as if they were.
    """
    whose = registry.subtree(budget.customer_id) if customer_ids is None else customer_ids
    found: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for starts_at, amount in captured.used(budget, whose):
        found[starts_at] = add(found[starts_at], amount)
    starts = list(_starts(budget, whose))
    meters = Meter.objects.filter(book=budget.book_id).order_by("pk")
    for meter in meters if starts else ():
        names = tuple(sorted(meter.dimensions))
        counter = budgets.counter(budget, _Meter(meter, names))
        is_units = meter.unit_id == budget.asset_id
        if counter is not None:
            for starts_at, amount in _of_meter(
                counter, meter, names, starts, whose, is_units=is_units
            ):
                found[starts_at] = add(found[starts_at], amount)
    return {starts_at: amount for starts_at, amount in found.items() if amount != ZERO}


class _Meter:
    """A meter, as far as budgets look at it."""

    def __init__(self, meter: Meter, names: tuple[str, ...]) -> None:
        self.id, self.feature_key, self.dimensions = meter.pk, meter.feature_key, names


def _starts(budget: OpenBudget, whose: Sequence[int]) -> Iterator[datetime]:
    """Yield the starts of a budget's periods, from its first to the one of the last usage."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"customers": arrays.whole(whose), "from": budget.counts_from})
        last: datetime | None = cursor.fetchone()[0]
    starts_at = budget.counts_from
    while last is not None and starts_at <= last:
        yield starts_at
        starts_at = budget.period_of(starts_at).ends_at


def _of_meter(
    counter: Counter,
    meter: Meter,
    names: tuple[str, ...],
    starts: list[datetime],
    whose: Sequence[int],
    *,
    is_units: bool,
) -> Iterator[tuple[datetime, Decimal]]:
    budget = counter.budget
    parameters: dict[str, Any] = {
        "customers": arrays.whole(whose),
        "starts": starts,
        "book": meter.book_id,
        "meter": meter.pk,
        "key": meter.key,
        "asset": budget.asset_id,
        "purpose": "metered_units" if is_units else "usage_revenue",
    }
    labels = ", ".join(readings.labels_of(meter, names, parameters))
    statement = _USED.replace("<LABELS>", f"ARRAY[{labels}]::text[]")
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for place, seen, amount in cursor.fetchall():
            if counter.counts(tuple(seen), starts[place - 1]):
                yield starts[place - 1], amount


_BELOW: Final = "WITH below AS (SELECT unnest(%(customers)s::bigint[]) AS id)"
_LAST: Final = f"""{_BELOW}
    SELECT max(e.occurred_at) FROM below b
    JOIN billing_usageevent e ON e.customer_id = b.id AND e.occurred_at >= %(from)s
"""  # noqa: S608 - fixed fragments
# The accounts of a meter: its units', and those of revenue that are named after it.
_USED: Final = f"""{_BELOW}, event AS MATERIALIZED (
        SELECT e.id, width_bucket(e.occurred_at, %(starts)s::timestamptz[]) AS place,
               <LABELS> AS labels
        FROM below b
        JOIN billing_usageevent e ON e.customer_id = b.id
             AND e.occurred_at >= (%(starts)s::timestamptz[])[1]
        WHERE EXISTS (SELECT FROM billing_accrual a
                      WHERE a.id = ANY(e.accrual_ids) AND a.meter_id = %(meter)s OFFSET 0)
    ), house AS MATERIALIZED (
        SELECT id FROM ledger_account
        WHERE book_id = %(book)s AND purpose = %(purpose)s AND asset_id = %(asset)s
          AND (discriminator = %(key)s OR starts_with(discriminator, %(key)s || '/'))
    ), made AS (
        SELECT unnest(transaction_ids) AS id FROM billing_usagebatch
        WHERE id IN (SELECT id & -16384 FROM event)
        UNION
        SELECT unnest(transaction_ids) FROM billing_correction
        WHERE event_id IN (SELECT id FROM event)
    ), moved AS (
        SELECT e.source_id, CASE WHEN c.id IS NULL THEN -e.amount ELSE e.amount END AS amount
        FROM made
        JOIN ledger_entry e ON e.id > made.id AND e.id < made.id + 16384
        LEFT JOIN house c ON c.id = e.credit_account_id
        LEFT JOIN house d ON d.id = e.debit_account_id
        WHERE c.id IS NOT NULL OR d.id IS NOT NULL
    )
    SELECT event.place, event.labels, sum(moved.amount)
    FROM moved JOIN event ON event.id = moved.source_id
    GROUP BY event.place, event.labels
"""  # noqa: S608 - fixed fragments
