"""
Which series a reading moves: whose meter, under which price, in which period.

The customer's own subscriptions come first, then the price list; what neither prices is counted
in its units alone. A series of an item lasts as long as the item's cycle, one of a price list as
long as the calendar month. Postings are grouped by the month of the event in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from billing.budgets.matching import Counter
from billing.metering.accruals import OpenAccrual, Series
from billing.metering.aggregations import AVG, LATEST, MIN
from billing.metering.compiling import CompiledMeter
from billing.metering.funding import Payer
from billing.metering.measuring import Measure, Measured
from billing.metering.own_items import OwnItem, OwnItems
from billing.metering.snapshot import SeriesAccounts, Snapshot, Terms
from billing.metering.units import Burner
from billing.rating.filters import Labels
from billing.rating.match import Cost, Dated, Unpriced
from billing.rating.rated import Rated
from ledger.moves import Move
from ledger.periods import Period, month_of

_FALLING: Final = frozenset({AVG, LATEST, MIN})  # by an event; others by a value below zero


@dataclass(slots=True, eq=False, kw_only=True)
class OpenSeries:
    """
    A series that a batch moves in one month of posting.

    ``recording.open_work`` locks it and lays at hand all that it moves.
    """

    series: Series
    meter: CompiledMeter
    rate: Dated | None
    asset_id: int  # what its price is in; 0 when nothing prices it
    month: datetime  # of posting
    ends_at: datetime  # of the period, or of the month if that is earlier
    period_ends_at: datetime
    feature_key: str  # what credit must be for
    is_credit_only: bool
    item: OwnItem | None = None  # none: a price list prices it, or nothing
    events: Rated | None = field(init=False)  # its price, if that looks at each event
    cost: Cost | None = field(init=False)  # of a unit, if the rate names one
    has_order: bool = field(init=False)  # which of two readings comes first makes a difference
    is_due_anyway: bool = field(init=False)  # even a reading that changes nothing may cost
    may_fall: bool = field(init=False)  # even a reading above zero may lower its amount
    accrual: OpenAccrual = field(init=False)
    accounts: SeriesAccounts = field(init=False)
    payer: Payer | None = field(init=False)
    burner: Burner | None = field(init=False)  # of units granted ahead
    # The budgets that may count its units, and its amounts.
    unit_counters: Sequence[Counter] = field(init=False)
    counters: Sequence[Counter] = field(init=False)
    moves: list[Move] = field(init=False)  # of its month; other series add to it, too

    def __post_init__(self) -> None:
        rate = self.rate
        self.events = rate.events if rate is not None else None
        self.cost = rate.cost if rate is not None else None
        self.is_due_anyway = rate is not None and bool(self.events or rate.starting)
        aggregation = self.meter.aggregation
        self.may_fall = aggregation in _FALLING or (rate is not None and rate.may_fall)
        self.has_order = aggregation == LATEST or self.events is not None


class Item(NamedTuple):
    """One reading that moves one series."""

    event_id: int
    at: datetime
    name: str  # source and id, where they settle which of two readings comes first
    measure: Measure
    of: OpenSeries
    cost: Cost | Unpriced | None  # what the provider charges for a unit of it


def items_of(
    *,
    catalogue: Snapshot,
    numbered: Mapping[int, Measured],
    owners: Mapping[str, int],
    terms: Mapping[int, Terms],
    own: Mapping[int, OwnItems],
) -> list[Item]:
    """Attribute every reading to its series, in the order the events happened."""
    zone = ZoneInfo(catalogue.zone)
    costs = catalogue.costs
    finder = _Finder(catalogue, terms, own)
    month: Period | None = None
    items = []
    for event_id, measured in sorted(numbered.items(), key=_occurred_at):
        fact, _, _, at, measures = measured
        if month is None or not month.starts_at <= at < month.ends_at:
            month = month_of(at, zone)
            finder.turn_to(month)
        customer_id = owners[fact.subject]
        for reading in measures:
            meter, _, _, labels = reading
            opened = finder.find(customer_id, meter, labels, at)
            name = fact.name if opened.has_order else ""
            cost: Cost | Unpriced | None = opened.cost
            if cost is None and costs is not None:
                cost = costs.of(meter, opened.rate, labels, at)
            items.append(Item(event_id, at, name, reading, opened, cost))
    return items


class _Finder:
    """Finds the series of readings, one month of posting after the other."""

    def __init__(
        self, catalogue: Snapshot, terms: Mapping[int, Terms], own: Mapping[int, OwnItems]
    ) -> None:
        self._catalogue, self._terms, self._own = catalogue, terms, own
        self._month: Period
        self._known: dict[tuple[int, int, int], OpenSeries] = {}

    def turn_to(self, month: Period) -> None:
        """Go on with the readings of another month."""
        self._month, self._known = month, {}

    def find(
        self, customer_id: int, meter: CompiledMeter, labels: Labels, at: datetime
    ) -> OpenSeries:
        own = self._own.get(customer_id)
        item = own.find(meter.id, labels, at) if own is not None else None
        if item is not None:
            rate: Dated | None = item.rate
        elif card_id := self._terms[customer_id].rate_card_id:
            rate = self._catalogue.rates[card_id].find(meter.id, labels, at)
        else:
            rate = None
        named = (customer_id, meter.id, rate.id if rate is not None else 0)
        opened = self._known.get(named)
        if opened is None or at >= opened.ends_at:
            if item is not None:
                opened = of_item(customer_id, meter, item, at, self._month)
            else:
                opened = self._of_list(customer_id, meter, rate)
            self._known[named] = opened
        return opened

    def _of_list(self, customer_id: int, meter: CompiledMeter, rate: Dated | None) -> OpenSeries:
        terms, month = self._terms[customer_id], self._month
        card_id = terms.rate_card_id
        rate_id = rate.id if rate is not None else None
        return OpenSeries(
            series=Series(customer_id, meter.id, rate_id, month.starts_at),
            meter=meter,
            rate=rate,
            asset_id=self._catalogue.assets[card_id] if rate is not None and card_id else 0,
            month=month.starts_at,
            ends_at=month.ends_at,
            period_ends_at=month.ends_at,
            feature_key=meter.feature_key,
            is_credit_only=terms.is_credit_only,
        )


def of_item(
    customer_id: int, meter: CompiledMeter, item: OwnItem, at: datetime, month: Period
) -> OpenSeries:
    """Return the series of a customer's own item at an instant."""
    period = item.period_of(at)
    return OpenSeries(
        series=Series(customer_id, meter.id, item.rate.id, period.starts_at),
        meter=meter,
        rate=item.rate,
        asset_id=item.asset_id,
        month=month.starts_at,
        ends_at=min(period.ends_at, month.ends_at),
        period_ends_at=period.ends_at,
        feature_key=item.feature_key,
        is_credit_only=item.is_credit_only,
        item=item,
    )


def _occurred_at(numbered: tuple[int, Measured]) -> datetime:
    return numbered[1].occurred_at
