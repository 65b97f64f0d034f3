"""Late usage of a period whose minimum has been charged: the charge falls due once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import connection

from billing.metering.attribution import OpenSeries
from ledger import arrays


def fall_due(series: Iterable[OpenSeries], at: datetime) -> None:
    """
    Have the sweep look at the subscriptions whose ended periods these series are about to move.

    Called before accruals are locked: what charges locks the subscription first, too.
    """
    late = {
        one.item.subscription_id
        for one in series
        if one.item is not None and one.item.has_minimum and one.period_ends_at <= at
    }
    if late:
        with connection.cursor() as cursor:
            cursor.execute(_FALL_DUE, [at, arrays.whole(sorted(late)), at])


_FALL_DUE: Final = """
    UPDATE billing_subscription SET due_at = %s
    WHERE id IN (SELECT id FROM billing_subscription
                 WHERE id = ANY(%s::bigint[]) AND (due_at IS NULL OR due_at > %s)
                 ORDER BY id FOR NO KEY UPDATE)
"""
