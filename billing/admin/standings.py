"""What budgets and allowances have come to, read for a page of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Q

from billing.admin.gauges import Level
from billing.budgets import uses
from billing.budgets.periods import period_of
from billing.budgets.uses import NOTHING, Use
from billing.entitlements.rights import right_of
from billing.models import Budget, Entitlement
from ledger import clocks
from ledger.money import add
from ledger.periods import Period
from wallets import summary
from wallets.models import CreditGrant
from wallets.summary import Figures

_INSTANT: Final = timedelta(microseconds=1)
_Limit = TypeVar("_Limit", Budget, Entitlement)


class Standing(NamedTuple):
    """One period of a budget."""

    period: Period
    use: Use
    level: Level


def of_budgets(rows: Iterable[Budget], now: datetime) -> dict[int, Standing]:
    """Return the period that is running of each budget. One query, if all live by one clock."""
    found = {}
    for at, budgets in _by_time(rows, now).items():
        running = {row.pk: _period(row, at) for row in budgets}
        read = uses.read([(pk, period.starts_at) for pk, period in running.items()], at=at)
        for row in budgets:
            period = running[row.pk]
            found[row.pk] = _standing(row, period, read.get((row.pk, period.starts_at), NOTHING))
    return found


def history(row: Budget, now: datetime, *, most: int) -> list[Standing]:
    """Return a budget's latest periods, back to its first, in their order. One query."""
    at = clocks.now_of(row.customer, now)
    latest = at if row.ended_at is None else min(at, row.ended_at)
    first = _period(row, row.created_at)
    periods = [_period(row, latest)]
    while len(periods) < most and periods[-1].starts_at > first.starts_at:
        periods.append(_period(row, periods[-1].starts_at - _INSTANT))
    read = uses.read([(row.pk, period.starts_at) for period in periods], at=at)
    return [
        _standing(row, period, read.get((row.pk, period.starts_at), NOTHING))
        for period in reversed(periods)
    ]


def of_allowances(rows: Iterable[Entitlement], now: datetime) -> dict[int, Figures]:
    """Return what became of the units that allowances give now; few queries for all of them."""
    found: dict[int, Figures] = {}
    opened = [row for row in rows if row.wallet_id is not None]
    for at, entitlements in _by_time(opened, now).items():
        by_wallet = {row.wallet_id: row.pk for row in entitlements if right_of(row).holds(at)}
        lots = CreditGrant.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=at),
            wallet__in=by_wallet,
            voided_at=None,
            effective_at__lte=at,
        )
        owners = dict(lots.values_list("pk", "wallet")) if by_wallet else {}
        for lot, figures in (summary.of_grants(owners, at=at) if owners else {}).items():
            pk = by_wallet[owners[lot]]
            found[pk] = found.get(pk, Figures()) + figures
    return found


def _by_time(rows: Iterable[_Limit], now: datetime) -> Mapping[datetime, Sequence[_Limit]]:
    """Return rows by the time of their customers: test clocks have their own."""
    found: defaultdict[datetime, list[_Limit]] = defaultdict(list)
    for row in rows:
        found[clocks.now_of(row.customer, now)].append(row)
    return found


def _period(row: Budget, at: datetime) -> Period:
    return period_of(row.anchor, row.cadence, row.time_zone, at)


def _standing(row: Budget, period: Period, use: Use) -> Standing:
    starts_at = period.starts_at.astimezone(ZoneInfo(row.time_zone))
    level = Level(
        label=f"{starts_at:%m-%d %H:%M}" if "T" in row.cadence else f"{starts_at:%Y-%m-%d}",
        used=use.used,
        held=use.held,
        limit=add(row.amount, use.extra),
        warn_at=row.warn_at,
    )
    return Standing(period, use, level)
