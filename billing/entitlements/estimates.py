"""
What a quantity would cost a customer now: by its own item, or else by its price list.

The price is a function of the period's total, so the estimate is ``amount(q0 + q)`` less what the
running total has cost: tiers, free units and caps come out as usage itself would.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.accruals import PRICED, Series
from billing.metering.aggregations import COUNT, LATEST, MAX, SUM, UNIQUE_COUNT
from billing.metering.compiling import CompiledMeter
from billing.metering.own_items import OwnItems
from billing.metering.snapshot import Snapshot
from billing.rating.filters import Labels
from billing.rating.free_events import EventState
from billing.rating.match import Cost, Dated, Unpriced
from ledger import arrays, prepared
from ledger.money import ZERO, add, subtract
from ledger.periods import month_of

_ADDS_UP: Final = (SUM, COUNT, UNIQUE_COUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What prices a customer's usage of a feature at an instant."""

    series: Series
    meter: CompiledMeter
    rate: Dated
    labels: Labels
    asset_id: int  # what the price is in
    feature_key: str  # what credit must be for
    is_credit_only: bool
    unit_cost: Cost | Unpriced | None  # what the provider charges; some prices are multiples of it

    @property
    def needs_total(self) -> bool:
        """Whether a unit's price depends on what was used before."""
        return self.rate.rated is not None or self.meter.aggregation not in _ADDS_UP

    def cost_of(self, quantity: Decimal, total: Total) -> Decimal:
        """Return what a quantity more would cost; never below zero."""
        after = self._after(quantity, total)
        if self.rate.events is None:
            owed = self.rate.price.amount(after)
        else:
            owed = self.rate.events.amount(after, self._contributed(quantity, total))
        return max(subtract(owed, total.amount), ZERO)

    def _after(self, quantity: Decimal, total: Total) -> Decimal:
        aggregation = self.meter.aggregation
        if aggregation in _ADDS_UP:
            return add(total.quantity, quantity)
        if aggregation == MAX:
            return max(total.quantity, quantity)
        return quantity if aggregation == LATEST else total.quantity

    def _contributed(self, quantity: Decimal, total: Total) -> Decimal:
        """Return what events contribute after one more; the first ones may be free."""
        rated = self.rate.events
        assert rated is not None, "its price looks at events"
        state = EventState.load(total.priced, rated.free_events)
        if len(state.held) < rated.free_events:
            return state.contributed
        cost = None if self.unit_cost is None else self.unit_cost.of(quantity)
        more = rated.contribution(quantity, self.meter.named(self.labels), cost)
        return add(state.contributed, more)


class Total(NamedTuple):
    """What a series has come to so far."""

    quantity: Decimal = ZERO
    amount: Decimal = ZERO
    priced: Mapping[str, object] = {}


NOTHING: Final = Total()


def quote(
    *,
    catalogue: Snapshot,
    own: OwnItems | None,
    customer_id: int,
    meter: CompiledMeter,
    labels: Labels,
    at: datetime,
) -> Quote | None:
    """Return what prices a customer's usage of a meter with these labels; None if nothing."""
    item = own.find(meter.id, labels, at) if own is not None else None
    if item is not None:
        return Quote(
            series=Series(customer_id, meter.id, item.rate.id, item.period_of(at).starts_at),
            meter=meter,
            rate=item.rate,
            labels=labels,
            asset_id=item.asset_id,
            feature_key=item.feature_key,
            is_credit_only=item.is_credit_only,
            unit_cost=_unit_cost(catalogue, meter, item.rate, labels, at),
        )
    terms = catalogue.terms_of([customer_id])[customer_id]
    card_id = terms.rate_card_id
    rate = catalogue.rates[card_id].find(meter.id, labels, at) if card_id else None
    if rate is None or card_id is None:
        return None
    month = month_of(at, ZoneInfo(catalogue.zone))
    return Quote(
        series=Series(customer_id, meter.id, rate.id, month.starts_at),
        meter=meter,
        rate=rate,
        labels=labels,
        asset_id=catalogue.assets[card_id],
        feature_key=meter.feature_key,
        is_credit_only=terms.is_credit_only,
        unit_cost=_unit_cost(catalogue, meter, rate, labels, at),
    )


def _unit_cost(
    catalogue: Snapshot, meter: CompiledMeter, rate: Dated, labels: Labels, at: datetime
) -> Cost | Unpriced | None:
    """Return what the provider charges for a unit, where a price looks at it."""
    if rate.events is None or rate.cost is not None or catalogue.costs is None:
        return rate.cost
    return catalogue.costs.of(meter, rate, labels, at)


def totals(series: Collection[Series]) -> dict[Series, Total]:
    """Return what series have come to; those without usage have no row. One query if any."""
    wanted: list[Series] = list(dict.fromkeys(series))
    if not wanted:
        return {}
    return {
        wanted[place - 1]: Total(quantity, amount, json.loads(state).get(PRICED, {}))
        for place, quantity, amount, state in prepared.rows(_TOTALS, _columns(wanted))
    }


def _columns(series: Iterable[Series]) -> list[str]:
    customers, meters, rates, periods = zip(*series, strict=True)
    return [
        arrays.whole(customers),
        arrays.whole(meters),
        arrays.whole(rate or 0 for rate in rates),
        arrays.texts(period.isoformat() for period in periods),
    ]


_TOTALS: Final = """
    SELECT s.place, a.quantity, a.amount, a.state::text
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) WITH ORDINALITY
         AS s (customer_id, meter_id, rate_id, period_start, place)
    JOIN billing_accrual a ON a.customer_id = s.customer_id AND a.meter_id = s.meter_id
         AND a.rate_id = s.rate_id AND a.period_start = s.period_start
"""
