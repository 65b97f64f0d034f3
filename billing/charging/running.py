"""What usage of items has come to, by rate and period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import arrays

Place = tuple[int, datetime]  # rate, start of the period


class Run(NamedTuple):
    """The running amount of a period, and where it came from."""

    amount: Decimal
    taken: str


def runs_of(places: Iterable[Place]) -> dict[Place, Run]:
    """
    Return what usage has come to, in one query; periods without usage are left out.

    Ingest that moves it later has the subscription looked at again (``billing.rechecking``).
    """
    wanted = sorted(set(places))
    if not wanted:
        return {}
    rates, periods = zip(*wanted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _RUNS, [arrays.whole(rates), arrays.texts([at.isoformat() for at in periods])]
        )
        return {(row[0], row[1]): Run(*row[2:]) for row in cursor.fetchall()}


def amounts_of(places: Iterable[Place]) -> dict[Place, Decimal]:
    """Return the amounts alone; errors as ``runs_of``."""
    return {place: run.amount for place, run in runs_of(places).items()}


_RUNS: Final = """
    SELECT a.rate_id, a.period_start, a.amount, a.taken
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS s (rate_id, period_start)
    JOIN billing_subscriptionitem i ON i.rate_id = s.rate_id
    JOIN billing_accrual a ON a.customer_id = i.customer_id AND a.meter_id = i.meter_id
         AND a.rate_id = s.rate_id AND a.period_start = s.period_start
"""
