"""
One event taken out of its series, with the meters, rates and periods that it had when it came.

Its units go, the amount becomes what is left costs, its own payers are paid back first, and what a
provider was owed for it is owed no more: exactly what was posted, whatever costs are by now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.metering import late, own_items, recording, unique_values
from billing.metering.accruals import Series
from billing.metering.aggregations import RETRACT, Reading, recompute
from billing.metering.attribution import Item, OpenSeries
from billing.metering.compiling import CompiledMeter, compiled, dated_of
from billing.metering.facts import Fact
from billing.metering.history import fact_of, facts_of, standing
from billing.metering.measuring import Measure, measure
from billing.metering.snapshot import Snapshot, Terms
from billing.metering.work import Work
from billing.models import Accrual, Rate, SubscriptionItem, UsageBatch, UsageEvent
from billing.rating.free_events import EventState
from billing.rating.match import Cost, Unpriced
from ledger.ids import head_of, is_house
from ledger.models import Entry
from ledger.money import ZERO, negate, total
from ledger.periods import month_of


@dataclass(slots=True)
class Paid:
    """What an event has moved, by its entries."""

    # Customers' accounts that paid, by event and revenue account, in order.
    payers: dict[tuple[int, int], list[tuple[int, Decimal]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    # Entries of cost (debit, credit, amount), by the account of metered units beside them.
    costs: dict[int, list[tuple[int, int, Decimal]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def paid_by(event: UsageEvent, items: Iterable[Item]) -> Paid:
    """Read the entries that an event made when it came; ``items`` are its readings, at hand."""
    paid, counting = Paid(), {item.of.accounts.metered_id for item in items}
    posted: list[int] = UsageBatch.objects.get(pk=head_of(event.pk)).transaction_ids
    if not posted:
        return paid
    entries = Entry.objects.of(*posted).filter(source_id=event.pk)
    counted_on = 0  # where a reading's units are: they come before all else of it
    for entry in sorted(entries, key=lambda one: (posted.index(head_of(one.pk)), one.pk)):
        debit, credit = entry.debit_account_id, entry.credit_account_id
        if is_house(debit) and is_house(credit):
            paid.costs[counted_on].append((debit, credit, entry.amount))
        elif units := counting & {debit, credit}:
            [counted_on] = units
        elif not is_house(debit):
            paid.payers[event.pk, credit].append((debit, entry.amount))
    return paid


def leaving(event: UsageEvent, catalogue: Snapshot, terms: Mapping[int, Terms]) -> Iterator[Item]:
    """Read the event again with the meters, rates and periods that it moved when it came."""
    fact = fact_of(event)
    moved = (
        Accrual.objects.filter(pk__in=event.accrual_ids)
        .select_related("meter__unit")
        .order_by("meter__key")  # as they came
    )
    rates = Rate.objects.select_related(
        "asset", "meter__unit", "item__subscription", "item__feature"
    ).in_bulk([a.rate_id for a in moved if a.rate_id])
    for accrual in moved:
        meter = compiled(accrual.meter)
        [reading] = measure(fact.data, [meter])
        rate = rates.get(accrual.rate_id or 0)
        of = _series(accrual, meter, rate, event, catalogue, terms)
        cost: Cost | Unpriced | None = None
        if not meter.adds_up:
            cost = of.cost
            if cost is None and catalogue.costs is not None:
                cost = catalogue.costs.of(meter, of.rate, reading.labels, event.occurred_at)
        yield Item(event.pk, event.occurred_at, fact.name, reading, of, cost)


def take_back(item: Item, event: UsageEvent, paid: Paid, work: Work) -> None:
    """Take an event's reading out of its series, and note the moves that follow."""
    of, cost = item.of, item.cost
    change = _retract(item, event)
    posted = _posted(item, paid) if of.meter.adds_up else []
    if of.events is not None:
        _forget(item, event, total(owed for _, owed in posted) if posted else None)
    if change or of.is_due_anyway:
        recording.charge(item, change, work)
    for accounts, owed in posted:
        recording.owe(item, negate(owed), accounts)
    if type(cost) is Cost and (owed := cost.of(change) or ZERO):
        recording.owe(item, owed, work.cost_accounts[cost.supply])


def _series(
    accrual: Accrual,
    meter: CompiledMeter,
    rate: Rate | None,
    event: UsageEvent,
    catalogue: Snapshot,
    terms: Mapping[int, Terms],
) -> OpenSeries:
    month = month_of(event.occurred_at, ZoneInfo(catalogue.zone))
    row: SubscriptionItem | None = getattr(rate, "item", None)  # of a price list's rate: none
    item = own_items.item_of(row) if row is not None else None
    ends_at = item.end_of(accrual.period_start) if item is not None else month.ends_at
    settlement = item if item is not None else terms[accrual.customer_id]
    return OpenSeries(
        series=Series(accrual.customer_id, accrual.meter_id, accrual.rate_id, accrual.period_start),
        meter=meter,
        rate=dated_of(rate) if rate is not None else None,
        asset_id=rate.asset_id if rate is not None else 0,
        month=month.starts_at,
        ends_at=min(month.ends_at, ends_at),
        period_ends_at=ends_at,
        feature_key=item.feature_key if item is not None else meter.feature_key,
        is_credit_only=settlement.is_credit_only,
        item=item,
    )


def _retract(item: Item, event: UsageEvent) -> Decimal:
    accrual, reading = item.of.accrual, item.measure
    is_last = reading.text is not None and unique_values.forget(
        accrual_id=accrual.id, value=reading.text
    )
    aggregation = reading.meter.aggregation
    change = RETRACT[aggregation](accrual.running, reading.value, item.at, item.name, is_last)
    if change is None:
        remaining = (
            Reading(one.value, one.text, at, fact.name) for at, fact, one in _remaining(item, event)
        )
        change = recompute(aggregation, accrual.running, remaining)
    return change


def _forget(item: Item, event: UsageEvent, owed: Decimal | None) -> None:
    """Take what an event contributed out of what the price remembers of events."""
    rated, accrual, meter = item.of.events, item.of.accrual, item.measure.meter
    assert rated is not None, "the price looks at events"
    assert accrual.events is not None, "what it remembers is at hand"
    value, labels = item.measure.value, meter.named(item.measure.labels)
    if rate := rated.place(labels):
        accrual.events.sell(rate, negate(rated.event_units(value)))
    if accrual.events.remove(item.at, item.name, rated.contribution(value, labels, owed)):
        return
    # Another becomes free. Prices with free events know no cost, so the readings say it all.
    accrual.events = EventState(free=rated.free_events)
    for at, fact, one in _remaining(item, event):
        contribution = rated.contribution(one.value, meter.named(one.labels), None)
        accrual.events.add(at, fact.name, contribution)


def _posted(item: Item, paid: Paid) -> list[tuple[tuple[int, int], Decimal]]:
    """Return what a reading's cost was, with the accounts of cost and of what is owed."""
    is_refund = item.measure.value < ZERO
    return [
        ((credit, debit), negate(amount)) if is_refund else ((debit, credit), amount)
        for debit, credit, amount in paid.costs.get(item.of.accounts.metered_id, ())
    ]


def _remaining(item: Item, event: UsageEvent) -> Iterator[tuple[datetime, Fact, Measure]]:
    """Read what is left of a series: its events that stand, without the one taken back."""
    series = item.of.series
    events = UsageEvent.objects.filter(
        customer_id=series.customer_id,
        occurred_at__gte=late.earliest_of(item.of.accrual.id, series.period_start),
        accrual_ids__contains=[item.of.accrual.id],
    ).exclude(pk=event.pk)
    for at, fact in facts_of(standing(events)):
        [reading] = measure(fact.data, [item.measure.meter])
        yield at, fact, reading
