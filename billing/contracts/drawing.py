"""
How much usage has drawn down a commitment in some time.

Running amounts say it, a row a series and period. Where a period lies across an edge of the time
that is asked for, the entries of its events are cut there; that is the only time that
entries are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from billing.charging.reading import feature_of
from billing.cycles import cycle_of
from billing.metering.naming import product_of
from billing.models import Contract, Rate
from ledger import durations
from ledger.money import ZERO, add, subtract
from ledger.periods import Period, month_of

_TICK: Final = timedelta(microseconds=1)


class _Run(NamedTuple):
    """A running amount, and the time that it is of."""

    accrual_id: int
    customer_id: int
    period: Period
    amount: Decimal
    label: str  # of the account that it is revenue on
    taken: str  # where it came from


def drawn(contract: Contract, period: Period) -> Decimal:
    """Return what usage that counts came to in some time."""
    total = ZERO
    for run in _runs(contract, period):
        covered = run.period.overlap(period)
        if covered == run.period:
            total = add(total, run.amount)
        elif covered is not None:
            total = add(total, _within(contract, run, covered))
    return total


def takings_of(contract: Contract, period: Period) -> list[str]:
    """Return where what usage came to in some time was taken from, whole periods only."""
    return [run.taken for run in _runs(contract, period) if run.period.overlap(period)]


def _runs(contract: Contract, period: Period) -> Iterator[_Run]:
    with connection.cursor() as cursor:
        since, until = period.starts_at, period.ends_at
        cursor.execute(_ACCRUALS, [contract.customer_id, contract.asset_id, since, until, since])
        found = cursor.fetchall()
    rates = Rate.objects.filter(pk__in={row[2] for row in found}).select_related(
        "meter", "item__feature", "item__meter", "item__subscription"
    )
    known = {rate.pk: rate for rate in rates}
    month_zone = ZoneInfo(contract.book.time_zone)
    for accrual_id, customer_id, rate_id, starts_at, amount, taken in found:
        rate = known[rate_id]
        if not contract.feature_keys or _feature(rate) in contract.feature_keys:
            whole = _period(rate, starts_at, month_zone)
            label = product_of(rate.meter.key, rate.match)
            yield _Run(accrual_id, customer_id, whole, amount, label, taken)


def _feature(rate: Rate) -> str:
    item = getattr(rate, "item", None)
    return feature_of(item) if item is not None else rate.meter.feature_key


def _period(rate: Rate, starts_at: datetime, month_zone: ZoneInfo) -> Period:
    """Return the time that a running amount is of: a cycle of an item, or a month of the book."""
    item = getattr(rate, "item", None)
    if item is None:
        return Period(starts_at, month_of(starts_at, month_zone).ends_at)
    subscription = item.subscription
    cadence = durations.parse(
        "billing_cadence", item.billing_cadence or subscription.billing_cadence
    )
    cycle = cycle_of(
        starts_at, subscription.billing_anchor, cadence, ZoneInfo(subscription.time_zone)
    )
    ends_at = cycle.ends_at if item.ends_at is None else min(cycle.ends_at, item.ends_at)
    return Period(starts_at, max(ends_at, starts_at + _TICK))


def _within(contract: Contract, run: _Run, covered: Period) -> Decimal:
    """Return what part of a running amount is of usage within some time."""
    if covered.starts_at == run.period.starts_at:
        # What was due before anything was used has no event: it stays on this side of the cut.
        return subtract(run.amount, _moved(contract, run, covered.ends_at, run.period.ends_at))
    return _moved(contract, run, covered.starts_at, covered.ends_at)


def _moved(contract: Contract, run: _Run, since: datetime, until: datetime) -> Decimal:
    """Return what events that happened in some time moved of a running amount."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTRIES,
            {
                "customer": run.customer_id,
                "accrual": run.accrual_id,
                "book": contract.book_id,
                "asset": contract.asset_id,
                "label": run.label,
                "since": since,
                "until": until,
            },
        )
        return Decimal(cursor.fetchone()[0])


_TREE: Final = """
    WITH RECURSIVE tree AS (
        SELECT id FROM ledger_customer WHERE id = %s
        UNION ALL
        SELECT c.id FROM tree JOIN ledger_customer c ON c.parent_id = tree.id
    )
"""
# Of what began before the time asked for, only the latest of a series may reach into it.
_ACCRUALS: Final = f"""{_TREE}
    , mine AS (
        SELECT a.id, a.customer_id, a.meter_id, a.rate_id, a.period_start, a.amount,
               a.taken
        FROM tree JOIN billing_accrual a ON a.customer_id = tree.id
        JOIN billing_rate r ON r.id = a.rate_id AND r.asset_id = %s
    )
    SELECT id, customer_id, rate_id, period_start, amount, taken FROM mine
    WHERE period_start >= %s AND period_start < %s
    UNION ALL
    (SELECT DISTINCT ON (customer_id, rate_id)
            id, customer_id, rate_id, period_start, amount, taken
     FROM mine WHERE period_start < %s ORDER BY customer_id, rate_id, period_start DESC)
"""  # noqa: S608 - fixed fragments
# Entries are found by the accounts that paid: its own, and its ancestors' where wallets are shared.
_ENTRIES: Final = """
    WITH RECURSIVE line AS (
        SELECT id, parent_id FROM ledger_customer WHERE id = %(customer)s
        UNION ALL
        SELECT c.id, c.parent_id FROM line JOIN ledger_customer c ON c.id = line.parent_id
    ), payer AS MATERIALIZED (
        SELECT a.id FROM line JOIN ledger_account a ON a.customer_id = line.id
        WHERE a.asset_id = %(asset)s AND a.purpose IN ('credit_lot', 'unbilled', 'overdraft')
    ), revenue AS MATERIALIZED (
        SELECT id FROM ledger_account
        WHERE book_id = %(book)s AND customer_id IS NULL AND purpose = 'usage_revenue'
          AND asset_id = %(asset)s AND discriminator = %(label)s
    ), moved AS (
        SELECT e.source_id, e.amount FROM payer
        JOIN ledger_entry e ON e.debit_account_id = payer.id
            AND e.debit_account_id >= 4611686018427387904
        WHERE e.effective_at >= %(since)s AND e.effective_at < %(until)s
          AND e.credit_account_id IN (SELECT id FROM revenue)
        UNION ALL
        SELECT e.source_id, -e.amount FROM payer
        JOIN ledger_entry e ON e.credit_account_id = payer.id
            AND e.credit_account_id >= 4611686018427387904
        WHERE e.effective_at >= %(since)s AND e.effective_at < %(until)s
          AND e.debit_account_id IN (SELECT id FROM revenue)
    )
    SELECT coalesce(sum(moved.amount), 0) FROM moved
    JOIN billing_usageevent u ON u.id = moved.source_id
    WHERE u.customer_id = %(customer)s AND %(accrual)s = ANY(u.accrual_ids)
"""
