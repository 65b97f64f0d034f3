"""
What a period of usage costs before anything is used: the first tier's flat price.

The series is opened with it, exactly as its first event would have done; who comes first posts
it, and nothing is due of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection

from billing.charging import agreement as plain
from billing.charging.agreement import Sold
from billing.charging.cases import Case
from billing.charging.slips import Start
from billing.metering.accruals import Series, Wanted
from ledger import arrays
from ledger.money import ZERO


class _Usage(NamedTuple):
    """An item of usage that costs something from the start."""

    case: Case
    sold: Sold
    customer_id: int
    meter_id: int

    def series(self, period_start: datetime) -> Series:
        """Return the series of its period that starts then."""
        return Series(self.customer_id, self.meter_id, self.sold.rate_id, period_start)


def note(cases: Iterable[Case]) -> None:
    """Note each series that begins then, or may be open for time that is no longer sold."""
    usage = [one for case in cases for one in _usage(case)]
    for one in usage:
        sold, instant = one.sold, one.case.instant
        if sold.starts_at <= instant and (sold.ends_at is None or instant < sold.ends_at):
            whole = plain.cycle(sold, one.case.agreement, instant)
            _start(one, max(whole.starts_at, sold.starts_at))
    _unsold([one for one in usage if one.sold.ends_at and one.sold.ends_at <= one.case.instant])
    for case in {id(one.case): one.case for one in usage}.values():
        case.slip.starts.sort(key=lambda one: (one.series.period_start, one.series.rate_id or 0))


def _usage(case: Case) -> Iterator[_Usage]:
    for sold in case.sold.values():
        if sold.starting:
            assert sold.meter_id is not None, "usage is metered"
            yield _Usage(case, sold, case.subscription.customer_id, sold.meter_id)


def _unsold(ended: Sequence[_Usage]) -> None:
    """Note the series that were opened for time after the end; one query, if any has ended."""
    if not ended:
        return
    with connection.cursor() as cursor:
        columns: list[str | list[datetime | None]] = [
            arrays.whole(one.customer_id for one in ended),
            arrays.whole(one.meter_id for one in ended),
            arrays.whole(one.sold.rate_id or 0 for one in ended),
            [one.sold.ends_at for one in ended],
        ]
        cursor.execute(_OPENED, columns)
        for place, period_start in cursor.fetchall():
            _start(ended[place - 1], period_start)


def _start(one: _Usage, period_start: datetime) -> None:
    case, sold = one.case, one.sold
    item, series = case.items[sold.id], one.series(period_start)
    is_sold = sold.ends_at is None or period_start < sold.ends_at
    ends_at = plain.cycle(sold, case.agreement, period_start).ends_at
    if sold.ends_at is not None:
        ends_at = min(ends_at, sold.ends_at)
    case.slip.starts.append(
        Start(
            series=series,
            wanted=Wanted(item.scale, ends_at, is_late=True),
            due=sold.starting if is_sold else ZERO,
            label=item.product,
            feature=item.feature,
        )
    )


_OPENED: Final = """
    SELECT n.place, a.period_start
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) WITH ORDINALITY
         AS n (customer_id, meter_id, rate_id, ends_at, place)
    JOIN billing_accrual a ON a.customer_id = n.customer_id AND a.meter_id = n.meter_id
         AND a.rate_id = n.rate_id AND a.period_start >= n.ends_at
    WHERE a.events = 0 AND a.amount <> 0
    ORDER BY n.place, a.period_start
"""
