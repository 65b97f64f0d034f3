"""
What a period of usage costs before anything is used: the first tier's flat price.

The series is opened with it, exactly as its first event would have done; who comes first posts
it, and nothing is due of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from billing.charging import agreement as plain
from billing.charging import reading
from billing.charging.agreement import Agreement, Sold
from billing.charging.posting import Slip, Start
from billing.metering import accruals
from billing.metering.accruals import Series, Wanted
from billing.models import Accrual, SubscriptionItem
from ledger.money import ZERO, subtract


def compare(
    slip: Slip,
    agreement: Agreement,
    sold: Iterable[Sold],
    items: Mapping[int, SubscriptionItem],
    instant: datetime,
) -> None:
    """Note each series that begins then, or was opened for time that is no longer sold."""
    named = {
        series: one
        for one in sold
        if one.starting
        for series in _series(one, agreement, items[one.id], instant)
    }
    if not named:
        return
    opened = accruals.lock(
        {
            series: Wanted(_scale(items[one.id]), _end(series, one, agreement), is_late=True)
            for series, one in named.items()
        }
    )
    for series in sorted(named, key=lambda series: (series.period_start, series.rate_id or 0)):
        accrual, one = opened[series], named[series]
        if accrual.running.count:
            continue  # what was used has been priced with it
        is_sold = one.ends_at is None or series.period_start < one.ends_at
        if due := subtract(one.starting if is_sold else ZERO, accrual.amount):
            item = items[one.id]
            slip.starts.append(
                Start(
                    accrual=accrual,
                    amount=due,
                    effective_at=series.period_start,
                    label=reading.product_sold(item),
                    feature=reading.feature_of(item),
                )
            )


def _series(
    sold: Sold, agreement: Agreement, item: SubscriptionItem, instant: datetime
) -> Iterator[Series]:
    assert sold.meter_id is not None, "usage is metered"
    if sold.starts_at <= instant and (sold.ends_at is None or instant < sold.ends_at):
        whole = plain.cycle(sold, agreement, instant)
        starts_at = max(whole.starts_at, sold.starts_at)
        yield Series(item.customer_id, sold.meter_id, sold.rate_id, starts_at)
    if sold.ends_at is not None and sold.ends_at <= instant:
        opened = Accrual.objects.filter(
            customer_id=item.customer_id,
            meter_id=sold.meter_id,
            rate=item.rate,
            period_start__gte=sold.ends_at,
            events=0,
        ).exclude(amount=ZERO)
        for period_start in opened.values_list("period_start", flat=True):
            yield Series(item.customer_id, sold.meter_id, sold.rate_id, period_start)


def _end(series: Series, sold: Sold, agreement: Agreement) -> datetime:
    """Return when the period of a series ends."""
    ends_at = plain.cycle(sold, agreement, series.period_start).ends_at
    return ends_at if sold.ends_at is None else min(ends_at, sold.ends_at)


def _scale(item: SubscriptionItem) -> int:
    assert item.meter is not None, "usage is metered"
    return item.meter.unit.scale
