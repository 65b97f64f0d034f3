"""
From new events to entries: quantify, rate, fund, post.

An event's quantity is the change of its series' running value; its price is the change of the
amount of that value. Events are taken in the order they happened, so that a batch gives what its
events would give one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from billing.metering import accruals, unique_values, writing
from billing.metering.accruals import OpenAccrual, Series
from billing.metering.aggregations import AVG, LATEST, MIN, UNIQUE_COUNT
from billing.metering.funding import Payer, Purse, open_purse
from billing.metering.measuring import Measure, Measured
from billing.metering.series_accounts import Sold, open_accounts
from billing.metering.snapshot import CompiledMeter, SeriesAccounts, Snapshot, Terms
from billing.rating.match import Dated
from ledger import bulk
from ledger.models import Book
from ledger.money import ZERO, subtract
from ledger.moves import Move, Posting
from ledger.periods import Period, month_of
from wallets.burndown import BURN_ORDER_VERSION

_MAY_FALL: Final = frozenset({AVG, LATEST, MIN})  # by an event; others by a value below zero
_MOVES_A_POSTING: Final = bulk.MAX_MOVES - 1024  # leaves room for credit that is reclaimed


@dataclass(slots=True, eq=False)
class OpenSeries:
    """A series that a batch moves; ``open_work`` locks it and lays at hand all that it moves."""

    series: Series
    meter: CompiledMeter
    rate: Dated | None
    asset_id: int  # what its price is in; 0 when nothing prices it
    accrual: OpenAccrual = field(init=False)
    accounts: SeriesAccounts = field(init=False)
    payer: Payer | None = field(init=False)
    moves: list[Move] = field(init=False)  # of its month; other series add to it, too


class Item(NamedTuple):
    """One reading that moves one series."""

    event_id: int
    at: datetime
    order_key: str  # settles which of two readings at one time is the latest
    measure: Measure
    of: OpenSeries


@dataclass(slots=True, kw_only=True)
class Work:
    """All that recording a batch needs at hand, under lock."""

    accruals: dict[Series, OpenAccrual]
    purse: Purse
    fresh: set[tuple[int, str]] = field(default_factory=set)  # unique values not seen before
    # What events that are taken back have paid from, by event and revenue account.
    own: dict[tuple[int, int], list[tuple[int, Decimal]]] = field(default_factory=dict)
    moves: defaultdict[datetime, list[Move]] = field(default_factory=lambda: defaultdict(list))


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
    items = items_of(catalogue=catalogue, numbered=numbered, owners=owners, terms=terms)
    work = open_work(catalogue=catalogue, items=items, terms=terms, at=received_at)
    for item in items:
        apply(item, work)
    digest = writing.digest_of(numbered)
    posted = post(book=book, key=f"usage:{batch_id}", kind="usage", work=work, evidence=digest)
    accruals.save(work.accruals.values())
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
        moved=moved_by(items),
        received_at=received_at,
    )
    return posted


def items_of(
    *,
    catalogue: Snapshot,
    numbered: Mapping[int, Measured],
    owners: Mapping[str, int],
    terms: Mapping[int, Terms],
) -> list[Item]:
    """Attribute every reading to its series, in the order the events happened."""
    zone = ZoneInfo(catalogue.zone)
    month: Period | None = None
    known: dict[tuple[int, int, int], OpenSeries] = {}  # of the month
    items = []
    for event_id, measured in sorted(numbered.items(), key=_occurred_at):
        fact, _, _, at, measures = measured
        if month is None or not month.starts_at <= at < month.ends_at:
            month, known = month_of(at, zone), {}
        customer_id = owners[fact.subject]
        card_id = terms[customer_id].rate_card_id
        for reading in measures:
            meter = reading.meter
            rate = catalogue.rates[card_id].find(meter.id, reading.labels, at) if card_id else None
            named = (customer_id, meter.id, rate.id if rate else 0)
            opened = known.get(named)
            if opened is None:
                series = Series(customer_id, meter.id, rate.id if rate else None, month.starts_at)
                asset_id = catalogue.assets[card_id] if rate and card_id else 0
                opened = known[named] = OpenSeries(series, meter, rate, asset_id)
            order_key = fact.name if meter.aggregation == LATEST else ""
            items.append(Item(event_id, at, order_key, reading, opened))
    return items


def _occurred_at(numbered: tuple[int, Measured]) -> datetime:
    return numbered[1].occurred_at


def open_work(
    *,
    catalogue: Snapshot,
    items: Sequence[Item],
    terms: Mapping[int, Terms],
    at: datetime,
    leaving: Sequence[Item] = (),
) -> Work:
    """
    Lock accruals, then balances, and find every account that these items may move.

    ``leaving`` are readings of events that are taken back.
    """
    touched = [*leaving, *items]
    series = list({id(item.of): item.of for item in touched}.values())
    opened = accruals.lock({one.series: one.meter.scale for one in series})
    times = [item.at for item in touched] or [at]
    purse = open_purse(
        catalogue=catalogue,
        wanted={(one.series.customer_id, one.asset_id) for one in series if one.rate},
        terms=terms,
        since=min(times),
        until=max(times),
        at=at,
        taken=_may_go_back(opened, items, leaving),
    )
    accounts = open_accounts(
        catalogue=catalogue,
        sold={one.series: Sold(one.meter, one.rate, one.asset_id) for one in series},
        at=at,
    )
    work = Work(accruals=opened, purse=purse)
    for one in series:
        one.accrual = opened[one.series]
        one.accounts = accounts[one.series]
        one.payer = purse.payers.get((one.series.customer_id, one.asset_id))
        one.moves = work.moves[one.series.period_start]
    work.fresh = unique_values.see(
        (item.of.accrual.id, item.measure.text) for item in items if item.measure.text is not None
    )
    return work


def _may_go_back(
    opened: Mapping[Series, OpenAccrual], items: Iterable[Item], leaving: Iterable[Item]
) -> set[int]:
    """Return the accounts that gave to a series which these items may lower."""
    falling = {item.of for item in leaving}
    for item in items:
        if item.of.meter.aggregation in _MAY_FALL or item.measure.value < ZERO:
            falling.add(item.of)
    return {number for one in falling for number in opened[one.series].takings.accounts}


def apply(item: Item, work: Work) -> None:
    """Take one reading into its series, and note the moves it makes."""
    _, at, order_key, (meter, value, text, _), of = item
    is_new = meter.aggregation == UNIQUE_COUNT and (of.accrual.id, text) in work.fresh
    if is_new:
        work.fresh.discard((of.accrual.id, text or ""))
    change = meter.observe(of.accrual.running, value, at, order_key, is_new)
    if change:
        charge(item, change, work)


def charge(item: Item, change: Decimal, work: Work) -> None:
    """Move what follows from a change of a series' quantity: units, price, provider cost."""
    event_id, at, _, _, of = item
    accrual, accounts, rate, moves = of.accrual, of.accounts, of.rate, of.moves
    moves.append(_directed(accounts.consumed_id, accounts.metered_id, change, at, event_id))
    if rate is None:
        return
    quantity = accrual.running.value
    amount = rate.price.amount(quantity)
    due, accrual.amount = subtract(amount, accrual.amount), amount
    if due:
        _settle(item, due, work)
    if rate.cost is not None and accounts.cost_id:
        cost = rate.cost.amount(quantity)
        owed, accrual.cost = subtract(cost, accrual.cost), cost
        if owed:
            moves.append(_directed(accounts.cost_id, accounts.accrued_cost_id, owed, at, event_id))


def post(
    *, book: Book, key: str, kind: str, work: Work, evidence: bytes | None = None
) -> list[int]:
    """Post the moves of a batch, a transaction a month, and return the transactions' ids."""
    reclaimed = work.purse.reclaims()
    postings = []
    for month, moves in sorted(work.moves.items()):
        for start in range(0, len(moves), _MOVES_A_POSTING):
            part = moves[start : start + _MOVES_A_POSTING]
            postings.append(
                Posting(
                    book_id=book.pk,
                    kind=kind,
                    key=f"{key}:{month:%Y-%m}:{start}",
                    effective_at=max(move.effective_at or month for move in part),
                    moves=[*reclaimed, *part],
                    metadata={"burn_order": BURN_ORDER_VERSION},
                    evidence=evidence,
                    content=evidence,
                )
            )
            reclaimed = []
    return [posted.transaction_id for posted in bulk.post(postings=postings)] if postings else []


def moved_by(items: Iterable[Item]) -> dict[int, str]:
    """List the accruals that each event moved, by commas."""
    moved: dict[int, str] = {}
    for item in items:
        event_id, number = item.event_id, item.of.accrual.id
        moved[event_id] = f"{moved[event_id]},{number}" if event_id in moved else str(number)
    return moved


def _settle(item: Item, due: Decimal, work: Work) -> None:
    """Have the customer pay an amount, or give it back where it came from if it is negative."""
    event_id, at, _, _, of = item
    takings, revenue_id, payer = of.accrual.takings, of.accounts.revenue_id, of.payer
    assert payer is not None, "what is priced is paid by somebody"
    if due > 0:
        for account_id, part in payer.pay(due, at, of.meter.feature_key, takings):
            of.moves.append(Move(account_id, revenue_id, part, at, event_id))
        return
    own = work.own.get((event_id, revenue_id), ())
    for account_id, part in payer.give_back(-due, takings, own):
        of.moves.append(Move(revenue_id, account_id, part, at, event_id))


def _directed(debit: int, credit: int, change: Decimal, at: datetime, event_id: int) -> Move:
    if change > 0:
        return Move(debit, credit, change, at, event_id)
    return Move(credit, debit, -change, at, event_id)
