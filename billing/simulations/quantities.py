"""
What customers used, by the card that would have priced it and the cycle of that card.

Three ways, the cheapest that suffices: the series that usage has moved, where they cover the same
time and no labels matter; sums by labels, which rollups answer; the events themselves, one by one,
where a price looks at each or where parts of a maximum or a unique count do not add up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from django.db import connection

from billing.metering import readings, usage
from billing.metering.aggregations import COUNT, OBSERVE, SUM, Running
from billing.metering.compiling import CompiledMeter, compiled
from billing.metering.costs import Costs
from billing.models import Meter
from billing.rating.events import CostMultiple
from billing.rating.filters import Labels
from billing.rating.free_events import EventState
from billing.simulations.offers import Card, dimensions_of, find
from billing.simulations.posted import Series
from ledger import arrays
from ledger.models import Book, Customer
from ledger.money import ZERO, add
from ledger.periods import Period

_AT_A_TIME: Final = 2_000  # events


@dataclass(slots=True)
class Used:
    """What one customer used under one card in one of its cycles."""

    quantity: Decimal = ZERO
    contributed: Decimal = ZERO


@dataclass(slots=True)
class Usage:
    """What customers used of one meter."""

    by_cycle: dict[tuple[int, Card, int], Used] = field(default_factory=dict)
    unpriced: dict[int, Decimal] = field(default_factory=dict)  # what no card is for, by customer

    def at(self, customer_id: int, card: Card, cycle: int) -> Used:
        """Return what was used so far, to be added to."""
        return self.by_cycle.setdefault((customer_id, card, cycle), Used())

    def leave_out(self, customer_id: int, quantity: Decimal) -> None:
        """Note usage that no card is for."""
        self.unpriced[customer_id] = add(self.unpriced.get(customer_id, ZERO), quantity)


def must_read_events(cards: Sequence[Card]) -> bool:
    """Say whether these cards of one meter can only be priced event by event."""
    if any(card.looks_at_events for card in cards):
        return True
    has_parts = len(cards) > 1 or bool(cards[0].reads)
    return has_parts and cards[0].meter.aggregation not in (SUM, COUNT)


def of_series(cards: Sequence[Card], span: Period, series: Sequence[Series]) -> Usage | None:
    """
    Return what series say, those of a price list; None if they do not suffice.

    They do where one card prices all usage in whole months, as the series were counted.
    """
    card = cards[0]
    if len(cards) > 1 or card.reads or card.looks_at_events or card.rated.event_price:
        return None
    if card.starts_at is not None and card.starts_at > span.starts_at:
        return None
    if card.cycles[0].starts_at != span.starts_at or card.cycles[-1].ends_at != span.ends_at:
        return None
    starts = {cycle.starts_at: place for place, cycle in enumerate(card.cycles)}
    adds_up, found = card.meter.aggregation in (SUM, COUNT), Usage()
    for one in series:
        place = starts.get(one.period_start)
        if place is None or (not adds_up and (one.customer_id, card, place) in found.by_cycle):
            return None
        used = found.at(one.customer_id, card, place)
        used.quantity = add(used.quantity, one.quantity)
    return found


def of_sums(
    *, book: Book, cards: Sequence[Card], customers: Sequence[Customer], span: Period
) -> Usage:
    """Return what customers used by labels, summed up between any two changes of price or cycle."""
    meter, found = cards[0].meter, Usage()
    names = sorted(frozenset[str]().union(*(card.reads for card in cards)))
    ids = {customer.key: customer.pk for customer in customers}
    cuts = _cuts(cards, span)
    for starts_at, ends_at in pairwise(cuts):
        part = Period(starts_at, ends_at)
        for row in _rows(book, meter, customers, part, names):
            customer_id = ids[row.group[usage.CUSTOMER] or ""]
            labels = tuple([row.group.get(name) for name in dimensions_of(meter)])
            card = find(cards, labels, starts_at)
            if card is None:
                found.leave_out(customer_id, row.value)
                continue
            used = found.at(customer_id, card, card.cycle_of(starts_at))
            used.quantity = add(used.quantity, row.value)
            if card.rated.event_price is not None:
                contribution = card.rated.contribution(row.value, row.group)
                used.contributed = add(used.contributed, contribution)
    return found


def of_events(
    *, cards: Sequence[Card], customers: Collection[int], span: Period, costs: Costs | None
) -> Usage:
    """Return what customers used, read event by event in the order it happened."""
    meter, found = cards[0].meter, Usage()
    teller = _Teller(compiled(meter), costs)
    for customer_id, at, name, value, counted, labels in _readings(meter, customers, span):
        card = find(cards, labels, at)
        if card is None:
            found.leave_out(customer_id, value)
        else:
            key = customer_id, card, card.cycle_of(at)
            used = found.by_cycle.setdefault(key, Used())
            teller.tell(key, used, at, name, value, counted, labels)
    return found


def reads_costs(cards: Sequence[Card]) -> bool:
    """Say whether a price is a multiple of what events cost us."""
    return any(isinstance(card.rated.event_price, CostMultiple) for card in cards)


class _Teller:
    """Keeps what it takes to go on counting one customer's series; customers come in turn."""

    def __init__(self, meter: CompiledMeter, costs: Costs | None) -> None:
        self._meter, self._costs = meter, costs
        self._observe = OBSERVE[meter.aggregation]
        self._customer_id = 0
        self._states: dict[tuple[Card, int], tuple[Running, EventState, set[str]]] = {}

    def tell(
        self,
        key: tuple[int, Card, int],
        used: Used,
        at: datetime,
        name: str,
        value: Decimal,
        counted: str,
        labels: Labels,
    ) -> None:
        customer_id, card, cycle = key
        if customer_id != self._customer_id:
            self._customer_id, self._states = customer_id, {}
        state = self._states.get((card, cycle))
        if state is None:
            fresh = Running(scale=self._meter.scale), EventState(card.rated.free_events), set[str]()
            state = self._states[card, cycle] = fresh
        running, events, seen = state
        change = self._observe(running, value, at, name, counted not in seen)
        if counted:
            seen.add(counted)
        used.quantity = running.value
        if card.rated.event_price is not None:
            cost = self._cost(card, labels, at, change)
            named = self._meter.named(labels)
            events.add(at, name, card.rated.contribution(value, named, cost))
            used.contributed = events.contributed

    def _cost(self, card: Card, labels: Labels, at: datetime, change: Decimal) -> Decimal | None:
        if self._costs is None or not isinstance(card.rated.event_price, CostMultiple):
            return None
        cost = self._costs.of(self._meter, None, labels, at)
        return None if cost is None else cost.of(change)


def _cuts(cards: Sequence[Card], span: Period) -> list[datetime]:
    inner = {cycle.starts_at for card in cards for cycle in card.cycles}
    inner |= {card.starts_at for card in cards if card.starts_at is not None}
    return sorted({at for at in inner if at in span} | {span.starts_at, span.ends_at})


def _rows(
    book: Book, meter: Meter, customers: Sequence[Customer], span: Period, names: Sequence[str]
) -> Iterator[usage.UsageRow]:
    cursor: str | None = None
    while True:
        page = usage.query(
            book=book,
            meter=meter,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            customers=customers,
            group_by=[usage.CUSTOMER, *names],
            limit=usage.MOST_ROWS,
            cursor=cursor,
        )
        yield from page.rows
        cursor = page.cursor
        if cursor is None:
            return


_Reading = tuple[int, datetime, str, Decimal, str, Labels]


def _readings(meter: Meter, customers: Collection[int], span: Period) -> Iterator[_Reading]:
    """Read events from the server a few at a time, a customer's after another's."""
    names = dimensions_of(meter)
    reading = readings.of(meter, names)
    columns = "".join(f", d{place}" for place in range(len(names)))
    statement = _READINGS.replace("<LABELS>", columns).replace(
        "<READINGS>", reading.sql.replace("{events}", _EVENTS)
    )
    parameters: Mapping[str, Any] = reading.parameters | {
        "customers": arrays.whole(customers),
        "from": span.starts_at,
        "to": span.ends_at,
    }
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(_AT_A_TIME):
            for customer_id, at, name, value, counted, *labels in rows:
                yield customer_id, at, name, value, counted, tuple(labels)


_EVENTS: Final = """(
    SELECT * FROM billing_usageevent
    WHERE customer_id = ANY(%(customers)s::bigint[]) AND occurred_at >= %(from)s
      AND occurred_at < %(to)s)"""
_READINGS: Final = """
    SELECT customer_id, occurred_at, key, value, counted <LABELS>
    FROM (<READINGS>) reading
    ORDER BY customer_id, occurred_at, key COLLATE "C"
"""
