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
from billing.metering.funding import Purse, open_purse
from billing.metering.measuring import Measure, Measured
from billing.metering.series_accounts import SeriesAccounts, Sold, open_accounts
from billing.metering.snapshot import Snapshot, Terms
from billing.rating.match import Dated
from ledger import bulk
from ledger.models import Book
from ledger.money import ZERO, subtract
from ledger.moves import Move, Posting
from ledger.periods import Period, month_of

_MAY_FALL: Final = frozenset({AVG, LATEST, MIN})  # by an event; others by a value below zero
_MOVES_A_POSTING: Final = bulk.MAX_MOVES - 1024  # leaves room for credit that is reclaimed


class Item(NamedTuple):
    """One reading that moves one series."""

    event_id: int
    at: datetime
    order_key: str  # settles which of two readings at one time is the latest
    measure: Measure
    series: Series
    rate: Dated | None
    asset_id: int  # what its price is in; 0 when nothing prices it


@dataclass(slots=True, kw_only=True)
class Work:
    """All that recording a batch needs at hand, under lock."""

    accruals: dict[Series, OpenAccrual]
    accounts: dict[Series, SeriesAccounts]
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
        moved=moved_by(items, work),
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
    items = []
    for event_id, measured in sorted(numbered.items(), key=lambda pair: pair[1].occurred_at):
        at, customer_id = measured.occurred_at, owners[measured.fact.subject]
        if month is None or not month.starts_at <= at < month.ends_at:
            month = month_of(at, zone)
        card_id = terms[customer_id].rate_card_id
        rates = None if card_id is None else catalogue.rates[card_id]
        for reading in measured.measures:
            meter_id = reading.meter.id
            rate = rates.find(meter_id, reading.labels, at) if rates else None
            series = Series(customer_id, meter_id, rate.id if rate else None, month.starts_at)
            asset_id = catalogue.assets[card_id] if rate and card_id else 0
            named = measured.fact.name if reading.meter.aggregation == LATEST else ""
            items.append(Item(event_id, at, named, reading, series, rate, asset_id))
    return items


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
    sold = {i.series: Sold(i.measure.meter, i.rate, i.asset_id) for i in touched}
    opened = accruals.lock({series: what.meter.scale for series, what in sold.items()})
    times = [item.at for item in touched] or [at]
    purse = open_purse(
        book_id=catalogue.book_id,
        wanted={(series.customer_id, what.asset_id) for series, what in sold.items() if what.rate},
        terms=terms,
        since=min(times),
        until=max(times),
        at=at,
        taken=_may_go_back(opened, items, leaving),
    )
    return Work(
        accruals=opened,
        accounts=open_accounts(catalogue=catalogue, sold=sold, at=at),
        purse=purse,
        fresh=unique_values.see(
            (opened[item.series].id, item.measure.text)
            for item in items
            if item.measure.text is not None
        ),
    )


def _may_go_back(
    opened: Mapping[Series, OpenAccrual], items: Iterable[Item], leaving: Iterable[Item]
) -> set[int]:
    """Return the accounts that gave to a series which these items may lower."""
    falling = {item.series for item in leaving}
    for item in items:
        _, _, _, (meter, value, _, _), series, _, _ = item
        if meter.aggregation in _MAY_FALL or value < ZERO:
            falling.add(series)
    return {account_id for series in falling for account_id in opened[series].takings.accounts}


def apply(item: Item, work: Work) -> None:
    """Take one reading into its series, and note the moves it makes."""
    meter, value, text, _ = item.measure
    accrual = work.accruals[item.series]
    is_new = meter.aggregation == UNIQUE_COUNT and (accrual.id, text) in work.fresh
    if is_new:
        work.fresh.discard((accrual.id, text or ""))
    change = meter.observe(accrual.running, value, item.at, item.order_key, is_new)
    if change:
        charge(item, change, work)


def charge(item: Item, change: Decimal, work: Work) -> None:
    """Move what follows from a change of a series' quantity: units, price, provider cost."""
    event_id, at, _, _, series, rate, _ = item
    accrual, accounts = work.accruals[series], work.accounts[series]
    moves = work.moves[series.period_start]
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
                    evidence=evidence,
                    content=evidence,
                )
            )
            reclaimed = []
    return [posted.transaction_id for posted in bulk.post(postings=postings)] if postings else []


def moved_by(items: Sequence[Item], work: Work) -> dict[int, list[int]]:
    """Return the accruals that each event moved."""
    moved = defaultdict[int, list[int]](list)
    for item in items:
        moved[item.event_id].append(work.accruals[item.series].id)
    return moved


def _settle(item: Item, due: Decimal, work: Work) -> None:
    """Have the customer pay an amount, or give it back where it came from if it is negative."""
    event_id, at, _, reading, series, _, asset_id = item
    takings, revenue_id = work.accruals[series].takings, work.accounts[series].revenue_id
    payer, moves = work.purse.payers[series.customer_id, asset_id], work.moves[series.period_start]
    if due > 0:
        for account_id, part in payer.pay(due, at, reading.meter.feature_key, takings):
            moves.append(Move(account_id, revenue_id, part, at, event_id))
        return
    own = work.own.get((event_id, revenue_id), ())
    for account_id, part in payer.give_back(-due, takings, own):
        moves.append(Move(revenue_id, account_id, part, at, event_id))


def _directed(debit: int, credit: int, change: Decimal, at: datetime, event_id: int) -> Move:
    if change > 0:
        return Move(debit, credit, change, at, event_id)
    return Move(credit, debit, -change, at, event_id)
