"""
What usage, credit and corrections must come to, in plain Python: lists and fractions.

Written from the design alone; it shares no code with what it judges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

Account = tuple[str, int]  # ("lot", number), ("unbilled" or "overdraft", customer)


@dataclass
class Lot:
    """A grant: what is left on its account, and what went to breakage when it expired."""

    owner: int
    left: Fraction
    starts: datetime
    ends: datetime | None
    feature: str
    priority: int
    number: int
    is_shared: bool
    lost: Fraction = Fraction(0)
    is_closed: bool = False

    def pays(self, feature: str, at: datetime) -> bool:
        return (
            self.starts <= at
            and (self.ends is None or at < self.ends)
            and self.feature in ("", feature)
            and self.left + self.lost > 0
        )

    @property
    def rank(self) -> tuple[object, ...]:
        never = datetime.max.replace(tzinfo=self.starts.tzinfo)
        return (self.feature == "", self.priority, self.ends or never, self.starts, self.number)


@dataclass(frozen=True)
class Meter:
    name: str
    kind: str
    price: Fraction


@dataclass(frozen=True)
class Event:
    name: str
    customer: int
    value: Fraction
    at: datetime


@dataclass
class Series:
    """Readings that stand, what they came to, and where the money came from."""

    standing: list[Event] = field(default_factory=list)
    value: Fraction = Fraction(0)
    stack: list[tuple[Account, Fraction]] = field(default_factory=list)


class Oracle:
    """One book: customer 0, and customer 1 below it."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self.meters = sorted(meters, key=lambda meter: meter.name)
        self.lots: list[Lot] = []
        self.owed: defaultdict[Account, Fraction] = defaultdict(Fraction)
        self.bound: dict[int, Fraction | None] = {0: None, 1: None}
        self.series: defaultdict[tuple[int, str, tuple[int, int]], Series] = defaultdict(Series)
        self.paid: defaultdict[tuple[Event, str], list[tuple[Account, Fraction]]] = defaultdict(
            list
        )
        self.revenue: defaultdict[str, Fraction] = defaultdict(Fraction)

    def grant(self, lot: Lot, at: datetime) -> None:
        self.lots.append(lot)
        debt = ("overdraft", lot.owner)
        is_alive = lot.starts <= at and (lot.ends is None or at < lot.ends)
        if lot.feature == "" and is_alive and self.owed[debt] > 0:
            part = min(lot.left, self.owed[debt])
            lot.left -= part
            self.owed[debt] -= part

    def limit(self, customer: int, amount: Fraction | None) -> None:
        stands = self.owed["unbilled", customer]
        self.bound[customer] = None if amount is None else max(amount, stands)

    def sweep(self, at: datetime) -> None:
        for lot in self.lots:
            if lot.ends is not None and lot.ends <= at:
                lot.is_closed = True
                lot.lost, lot.left = lot.lost + lot.left, Fraction(0)

    def send(self, events: Iterable[Event]) -> None:
        for event in sorted(events, key=lambda event: event.at):
            self._arrive(event, self.meters)
        self._reclaim()

    def void(self, event: Event) -> None:
        self._leave(event, self.meters)
        self._reclaim()

    def amend(self, event: Event, replacement: Event) -> None:
        same = [meter for meter in self.meters if self._is_same_value(event, replacement, meter)]
        for meter in same:  # a unique value that is replaced by itself never went
            series = self._series(event, meter)
            series.standing[series.standing.index(event)] = replacement
            kept = self.paid.pop((event, meter.name), [])
            self.paid[replacement, meter.name].extend(kept)
        changed = [meter for meter in self.meters if meter not in same]
        self._leave(event, changed)
        self._arrive(replacement, changed)
        self._reclaim()

    def _is_same_value(self, event: Event, other: Event, meter: Meter) -> bool:
        is_unique, is_same = meter.kind == "unique_count", event.value == other.value
        return is_unique and is_same and self._series(event, meter) is self._series(other, meter)

    def _series(self, event: Event, meter: Meter) -> Series:
        return self.series[event.customer, meter.name, (event.at.year, event.at.month)]

    def _arrive(self, event: Event, meters: Iterable[Meter]) -> None:
        for meter in meters:
            series = self._series(event, meter)
            series.standing.append(event)
            self._settle(event, meter, series, is_leaving=False)

    def _leave(self, event: Event, meters: Iterable[Meter]) -> None:
        for meter in meters:
            series = self._series(event, meter)
            series.standing.remove(event)
            self._settle(event, meter, series, is_leaving=True)

    def _settle(self, event: Event, meter: Meter, series: Series, *, is_leaving: bool) -> None:
        before, series.value = series.value, reading(meter.kind, series.standing)
        due = meter.price * (series.value - before)
        self.revenue[meter.name] += due
        if due > 0:
            for account, part in self._pay(event, meter, series, due):
                self.paid[event, meter.name].append((account, part))
        elif due < 0:
            own = self.paid[event, meter.name] if is_leaving else []
            self._give_back(event.customer, series, -due, own)

    def _pay(
        self, event: Event, meter: Meter, series: Series, due: Fraction
    ) -> list[tuple[Account, Fraction]]:
        parts: list[tuple[Account, Fraction]] = []

        def take(account: Account, part: Fraction) -> None:
            if part > 0:
                parts.append((account, part))
                push(series.stack, account, part)
                self._move(account, -part)

        unbilled: Account = ("unbilled", event.customer)
        room = self._room(event.customer, due)
        if series.stack and series.stack[-1][0] == unbilled and series.stack[-1][1] < 0:
            take(unbilled, min(due, -series.stack[-1][1], room))
        for lot in self._lots_for(event.customer):
            due_now = due - sum(part for _, part in parts)
            if due_now > 0 and lot.pays(meter.name, event.at):
                take(("lot", lot.number), min(due_now, lot.left + lot.lost))
        due_now = due - sum((part for _, part in parts), Fraction(0))
        take(unbilled, min(due_now, self._room(event.customer, due_now)))
        take(("overdraft", event.customer), due - sum((part for _, part in parts), Fraction(0)))
        return parts

    def _lots_for(self, customer: int) -> list[Lot]:
        own = sorted((lot for lot in self.lots if lot.owner == customer), key=lambda lot: lot.rank)
        above = [lot for lot in self.lots if customer == 1 and lot.owner == 0 and lot.is_shared]
        return own + sorted(above, key=lambda lot: lot.rank)

    def _room(self, customer: int, wanted: Fraction) -> Fraction:
        bound = self.bound[customer]
        return (
            wanted if bound is None else max(Fraction(0), bound - self.owed["unbilled", customer])
        )

    def _give_back(
        self,
        customer: int,
        series: Series,
        amount: Fraction,
        own: list[tuple[Account, Fraction]],
    ) -> None:
        wanted: list[tuple[Account, Fraction]] = []
        rest = amount
        for account, part in reversed(own):
            wanted.append((account, min(part, rest)))
            rest -= min(part, rest)
        for account, part in wanted:
            amount -= self._unstack(series, account, part)
        while amount > 0 and series.stack and series.stack[-1][1] > 0:
            amount -= self._unstack(series, series.stack[-1][0], min(amount, series.stack[-1][1]))
        if amount > 0:
            push(series.stack, ("unbilled", customer), -amount)
            self._move(("unbilled", customer), amount)

    def _unstack(self, series: Series, account: Account, amount: Fraction) -> Fraction:
        """Take an amount of an account out of a stack, topmost first, and give it back."""
        found = Fraction(0)
        for place in reversed(range(len(series.stack))):
            whose, held = series.stack[place]
            if whose == account and held > 0 and found < amount:
                part = min(held, amount - found)
                series.stack[place] = (whose, held - part)
                found += part
        series.stack[:] = merged(series.stack)
        self._move(account, found)
        return found

    def _move(self, account: Account, amount: Fraction) -> None:
        """Add to what a lot has, or take from what is owed."""
        if account[0] == "lot":
            self.lots[account[1]].left += amount
        else:
            self.owed[account] -= amount

    def _reclaim(self) -> None:
        """Bring back from breakage what usage of a lot's life has taken."""
        for lot in self.lots:
            if lot.left < 0:
                lot.lost, lot.left = lot.lost + lot.left, Fraction(0)


def push(stack: list[tuple[Account, Fraction]], account: Account, amount: Fraction) -> None:
    stack.append((account, amount))
    stack[:] = merged(stack)


def merged(stack: list[tuple[Account, Fraction]]) -> list[tuple[Account, Fraction]]:
    """Join neighbours of one account, and drop what is nothing."""
    joined: list[tuple[Account, Fraction]] = []
    for account, amount in stack:
        if joined and joined[-1][0] == account:
            joined[-1] = (account, joined[-1][1] + amount)
        else:
            joined.append((account, amount))
        if not joined[-1][1]:
            joined.pop()
    return joined


def reading(kind: str, standing: list[Event]) -> Fraction:
    """Say what a meter makes of events, by reading them all."""
    values = [event.value for event in standing]
    if not values:
        return Fraction(0)
    if kind == "avg":
        return half_even(sum(values, Fraction(0)) / len(values))
    if kind == "latest":
        return max(standing, key=lambda event: (event.at, event.name)).value
    whole = {
        "sum": lambda: sum(values, Fraction(0)),
        "count": lambda: Fraction(len(values)),
        "max": lambda: max(values),
        "min": lambda: min(values),
        "unique_count": lambda: Fraction(len(set(values))),
    }
    return whole[kind]()


def half_even(value: Fraction) -> Fraction:
    return Fraction(round(value * 100), 100)  # Python rounds halves to even
