"""
From new events to entries: quantify, rate, fund, post.

An event's quantity is the change of its series' running value; its price is the change of the
amount of that value. Events are taken in the order they happened, so that a batch gives what its
events would give one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, DecimalException
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from billing import rechecking
from billing.budgets import using
from billing.budgets.matching import Budgets, Counter
from billing.metering import (
    accruals,
    burning,
    late,
    own_items,
    prepaid,
    snapshot,
    unique_values,
    unpriced_models,
    writing,
)
from billing.metering.accruals import OpenAccrual, Series, Wanted
from billing.metering.aggregations import UNIQUE_COUNT
from billing.metering.attribution import Item, OpenSeries, items_of
from billing.metering.funding import open_purse
from billing.metering.measuring import Measured
from billing.metering.prepaid import Prepaid
from billing.metering.series_accounts import SoldSeries, open_accounts, open_cost_accounts
from billing.metering.snapshot import Snapshot, Terms
from billing.metering.work import Work, post
from billing.rating.free_events import EventState
from billing.rating.match import Cost
from ledger.errors import PrecisionError
from ledger.models import Book
from ledger.money import ZERO, add, negate, subtract
from ledger.moves import Move

_NOTHING: Final[Mapping[int, Measured]] = MappingProxyType({})
_UNDER_WAY: Final = timedelta(hours=1)  # no batch takes longer to be written, nor is a clock off so


def record(
    *,
    book: Book,
    catalogue: Snapshot,
    batch_id: int,
    numbered: Mapping[int, Measured],
    received_at: datetime,
) -> list[int]:
    """
    Write new events with their ids, move what they move, and return the transactions' ids.

    Every event's subject must be mapped. Must run inside the transaction that claimed the keys.
    """
    owners = catalogue.customers_of(m.fact.subject for m in numbered.values())
    terms = catalogue.terms_of({owners[m.fact.subject] for m in numbered.values()})
    own = own_items.of(book_id=book.pk, customer_ids=terms.keys(), unit_ids=catalogue.unit_ids)
    items = items_of(
        catalogue=catalogue, numbered=numbered, owners=owners, terms=terms, own=own.items
    )
    if catalogue.moves_on:
        items = late.moved_on(items, catalogue=catalogue, at=received_at)
    work = open_work(
        catalogue=catalogue,
        items=items,
        terms=terms,
        budgets=snapshot.budgets_of(catalogue, own.catalogue_version),
        at=received_at,
        has_contracts=own.has_contracts,
        has_units=own.has_units,
        has_captures=own.has_captures,
        has_shares=own.has_shares,
        numbered=numbered,
    )
    apply_all(items, work)
    prepaid.arrive_unmetered(work.prepaid, numbered, work.purse)
    digest = writing.digest_of(numbered)
    posted = post(book=book, key=f"usage:{batch_id}", kind="usage", work=work, evidence=digest)
    accruals.save(work.accruals.values())
    if catalogue.moves_on:
        late.note(items, work.accruals)
    writing.write_batch(
        book=book,
        batch_id=batch_id,
        events=len(numbered),
        posted=posted,
        digest=digest,
        at=received_at,
    )
    writing.write_events(
        book=book,
        numbered=numbered,
        owners=owners,
        moved=writing.moved_by(items),
        received_at=received_at,
    )
    if catalogue.costs is not None and catalogue.costs.looks_up_models:
        unpriced_models.note(book_id=book.pk, items=items)
    work.prepaid.settle(at=received_at)
    work.purse.count_shares()
    if own.has_watches:
        work.touch_watched()
    using.add_up(work.used, book_id=book.pk, at=received_at, cause=f"usage:{batch_id}")
    return posted


def open_work(
    *,
    catalogue: Snapshot,
    items: Sequence[Item],
    terms: Mapping[int, Terms],
    budgets: Budgets,
    at: datetime,
    leaving: Sequence[Item] = (),
    has_contracts: bool = True,
    has_units: bool = True,
    has_captures: bool = False,
    has_shares: bool = False,
    numbered: Mapping[int, Measured] = _NOTHING,
) -> Work:
    """
    Lock accruals, then balances, and find every account that these items may move.

    ``leaving`` are readings of events that are taken back. What is charged by usage when a period
    or a contract's year ends is locked before all else, and falls due once more if that is over.
    ``numbered`` are events that come for the first time: captures may wait for them.
    """
    touched = [*leaving, *items]
    series = list({id(item.of): item.of for item in touched}.values())
    now = _now(catalogue, at)
    rechecking.subscriptions(_charged_at_the_end(series, now))
    if has_contracts:
        rechecking.contracts(_earliest(touched))
    opened = accruals.lock({one.series: _wanted(one, now) for one in series})
    times = [item.at for item in touched] or [at]
    expected = prepaid.find(numbered, terms.keys()) if has_captures else Prepaid()
    purse = open_purse(
        catalogue=catalogue,
        wanted={(one.series.customer_id, one.asset_id) for one in series if one.rate},
        terms=terms,
        since=min(times),
        until=max(times),
        at=at,
        taken=_may_go_back(opened, items, leaving) | expected.accounts,
        units={(one.series.customer_id, one.meter.unit_id) for one in series if has_units},
    )
    found = prepaid.under_lock(numbered, terms.keys(), purse, expected)
    if has_shares:
        purse.bind(since=min(times), until=max(times), also=found.customer_ids)
        found.bind(purse.caps)
    burners = burning.open_burners(catalogue, purse, opened, series, at) if has_units else {}
    accounts = open_accounts(
        catalogue=catalogue,
        sold={one.series: SoldSeries(one.meter, one.rate, one.asset_id) for one in series},
        at=at,
    )
    supplies = {item.cost.supply for item in touched if type(item.cost) is Cost}
    work = Work(
        accruals=opened,
        purse=purse,
        cost_accounts=open_cost_accounts(catalogue=catalogue, supplies=supplies, at=at),
        prepaid=found,
    )
    if budgets:
        budgets.lines_of({one.series.customer_id for one in series})
    for one in series:
        one.accrual = opened[one.series]
        one.unit_counters, one.counters = _counters(one, budgets) if budgets else ((), ())
        if one.events is not None and one.accrual.events is None:
            one.accrual.events = EventState.load(one.accrual.priced, one.events.free_events)
        one.accounts = accounts[one.series]
        one.payer = purse.payers.get((one.series.customer_id, one.asset_id))
        one.burner = burners.get((one.series.customer_id, one.meter.id))
        one.moves = work.moves[one.month]
    work.fresh = unique_values.see(
        (item.of.accrual.id, item.measure.text) for item in items if item.measure.text is not None
    )
    return work


def _counters(one: OpenSeries, budgets: Budgets) -> tuple[Sequence[Counter], Sequence[Counter]]:
    """Return the budgets that may count a series' units, and those of its amounts."""
    customer_id = one.series.customer_id
    units = budgets.counters(customer_id, one.meter, one.meter.unit_id)
    return units, budgets.counters(customer_id, one.meter, one.asset_id) if one.rate else ()


def _wanted(one: OpenSeries, now: datetime) -> Wanted:
    """Say how a series is opened: what is over, or nearly, may have been billed to its end."""
    is_late = one.rate is not None and one.period_ends_at <= now + _UNDER_WAY
    return Wanted(one.meter.scale, one.period_ends_at, is_late)


def _now(catalogue: Snapshot, at: datetime) -> datetime:
    """Return how far anybody's time has come: customers on a test clock may be ahead."""
    return max(at, catalogue.latest_clock_at or at)


def _charged_at_the_end(series: Iterable[OpenSeries], at: datetime) -> dict[int, datetime]:
    """
    Return the subscriptions that charge by these series when their periods end, with that end.

    Minimums are, and coupons: of the latter only late usage is told, for it is hardly ever there.
    What was sent before a period's end may be written after others have charged for it: for an
    hour before, usage counts as late.
    """
    ends: dict[int, datetime] = {}
    for one in series:
        if one.item is not None and (one.item.has_minimum or one.period_ends_at <= at + _UNDER_WAY):
            number = one.item.subscription_id
            ends[number] = min(one.period_ends_at, ends.get(number, one.period_ends_at))
    return ends


def _earliest(items: Iterable[Item]) -> dict[int, datetime]:
    """Return when the first of these readings of each customer happened."""
    earliest: dict[int, datetime] = {}
    for item in items:
        customer_id = item.of.series.customer_id
        earliest[customer_id] = min(item.at, earliest.get(customer_id, item.at))
    return earliest


def _may_go_back(
    opened: Mapping[Series, OpenAccrual], items: Iterable[Item], leaving: Iterable[Item]
) -> set[int]:
    """Return the accounts that gave to a series which these items may lower."""
    falling = {item.of for item in leaving}
    for item in items:
        if item.of.may_fall or item.measure.value < ZERO:
            falling.add(item.of)
    return {number for one in falling for number in opened[one.series].givers if number}


def apply_all(items: Iterable[Item], work: Work) -> None:
    """
    Take readings into their series, in order.

    Raises:
        PrecisionError: what they come to is more than the ledger keeps.
    """
    try:
        if work.prepaid:
            _apply_prepaid(items, work)
            return
        for item in items:
            apply(item, work)
    except DecimalException:
        raise PrecisionError(remedy="send a smaller value") from None


def _apply_prepaid(items: Iterable[Item], work: Work) -> None:
    """Take readings in, event by event: what is left of a capture returns after its last one."""
    for event_id, readings in groupby(items, key=attrgetter("event_id")):
        for item in readings:
            apply(item, work)
        work.prepaid.arrive(event_id, item.at, work.purse)


def apply(item: Item, work: Work) -> None:
    """Take one reading into its series, and note the moves it makes."""
    _, at, name, (meter, value, text, labels), of, cost = item
    accrual = of.accrual
    is_new = meter.aggregation == UNIQUE_COUNT and (accrual.id, text) in work.fresh
    if is_new:
        work.fresh.discard((accrual.id, text or ""))
    change = meter.observe(accrual.running, value, at, name, is_new)
    owed = None if cost is None else cost.of(change)
    if of.events is not None and accrual.events is not None:
        named = meter.named(labels)
        accrual.events.add(at, name, of.events.contribution(value, named, owed))
        if rate := of.events.place(named):
            accrual.events.sell(rate, of.events.event_units(value))
    if change or of.is_due_anyway:
        charge(item, change, work)
        if owed and type(cost) is Cost:
            owe(item, owed, work.cost_accounts[cost.supply])


def charge(item: Item, change: Decimal, work: Work) -> None:
    """Move what follows from a change of a series: units and price."""
    event_id, at, _, _, of, _ = item
    accrual, rate = of.accrual, of.rate
    if change:
        accounts = of.accounts
        of.moves.append(_directed(accounts.consumed_id, accounts.metered_id, change, at, event_id))
        if of.unit_counters:
            work.used.count(of.unit_counters, item.measure.labels, at, change)
        if of.burner is not None:
            own = work.own_units(item) if change < 0 else None
            of.moves += burning.moves(item, change, of.burner, own)
    if rate is None:
        return
    if of.events is not None and accrual.events is not None:
        amount = of.events.amount(accrual.running.value, accrual.events.contributed)
    else:
        amount = rate.price.amount(accrual.running.value)
    if not accrual.running.count and of.item is None:
        amount = ZERO  # a price list knows no start of a period: its usage is gone, and all of it
    due, accrual.amount = subtract(amount, accrual.amount), amount
    if due:
        _settle(item, due, work)


def owe(item: Item, owed: Decimal, accounts: tuple[int, int]) -> None:
    """Move what a provider is owed for a reading; less, if it is below zero."""
    of = item.of
    of.accrual.cost = add(of.accrual.cost, owed)
    of.moves.append(_directed(*accounts, owed, item.at, item.event_id))


def _settle(item: Item, due: Decimal, work: Work) -> None:
    """Have the customer pay an amount, or give it back where it came from if it is negative."""
    event_id, at, _, _, of, _ = item
    takings, revenue_id, payer = of.accrual.takings, of.accounts.revenue_id, of.payer
    assert payer is not None, "what is priced is paid by somebody"
    if of.counters:
        work.used.count(of.counters, item.measure.labels, at, due)
    if due > 0:
        captured = prepaid.pay(item, due, work.prepaid) if work.prepaid else ()
        paid = payer.pay(due, at, of.feature_key, takings, of.is_credit_only, captured)
        for account_id, part in paid:
            of.moves.append(Move(account_id, revenue_id, part, at, event_id))
        return
    own = work.own.get((event_id, revenue_id), ())
    for account_id, part in payer.give_back(negate(due), takings, own, at):
        of.moves.append(Move(revenue_id, account_id, part, at, event_id))


def _directed(debit: int, credit: int, change: Decimal, at: datetime, event_id: int) -> Move:
    if change > 0:
        return Move(debit, credit, change, at, event_id)
    return Move(credit, debit, negate(change), at, event_id)
