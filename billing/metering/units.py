"""
Units granted ahead: allowances of entitlements and packs, burned as usage is counted.

Their lots are in the meter's unit. What usage adds is taken from them in burn order, by the time of
usage; what it takes back returns last in first out. Packs pay with the allowance of the feature
that is used; if several allowances count the same usage, each counts it by itself, and packs pay
for what the one that falls shortest leaves. What nothing covers is forgotten, unless the
entitlement preserves it: then it stands on its owner's overdraft in units until the next grant
covers it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from billing.metering.compiling import dimensions_of
from billing.metering.takings import Part, Takings
from billing.models import Entitlement, Feature
from billing.rating import filters
from billing.rating.filters import Filter, Labels
from ledger import chart
from ledger.chart import Spec
from ledger.money import ZERO, add, negate, subtract
from wallets import burndown
from wallets.burndown import Lot

Stacks = dict[str, Takings]  # by whose they are: an entitlement's number, or empty for packs
NOBODY: Final = 0  # in place of an account: units that nothing covered
_PACKS: Final = ""


class Sold(NamedTuple):
    """A feature: its key, and which usage of its meter it is about."""

    key: str
    filter: Filter | None

    def fits(self, labels: Labels) -> bool:
        """Say whether usage with these labels is meant."""
        return self.filter is None or self.filter.fits(labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What an entitlement grants of a meter's units."""

    name: str
    customer_id: int
    wallet_id: int
    meter_id: int
    unit_id: int
    sold: Sold
    starts_at: datetime
    ends_at: datetime | None
    preserves_overage: bool
    overdraft_id: int = NOBODY

    def counts(self, labels: Labels, at: datetime) -> bool:
        """Say whether usage with these labels, at an instant, is of its feature."""
        is_in_force = self.starts_at <= at and (self.ends_at is None or at < self.ends_at)
        return is_in_force and self.sold.fits(labels)


class Usage(NamedTuple):
    """By how much a reading changes its series, and what it is about."""

    change: Decimal  # above zero
    labels: Labels
    at: datetime
    feature_key: str
    before: Decimal = ZERO  # the quantity of the series until then


@dataclass(slots=True, kw_only=True)
class Burner:
    """
    What one customer may burn of one meter's units, under lock.

    What a series came to before anybody granted units of it is nobody's. Below zero, that much is
    owed to what comes next: it burns nothing.
    """

    burned_id: int  # the book's account for what usage took
    lots: Sequence[Lot]  # in burn order
    allowances: Sequence[Allowance]  # of this meter
    allowance_wallets: Collection[int]  # of any meter: each pays for its own feature only
    features: Sequence[Sold]
    known: Mapping[int, Lot]  # the lots of all customers of the batch, by account

    def burn(self, usage: Usage, stacks: Stacks) -> list[Part]:
        """Take a change, note who gave it, and return what each account gives."""
        counting = self._counting(usage)
        if len(counting) <= 1:
            wallets = {one.wallet_id for one in counting}
            lots = [lot for lot in self.lots if self._is_pack(lot) or lot.wallet_id in wallets]
            whose = counting[0] if counting else None
            due = _less_owed(usage, _stack(stacks, whose.name if whose else _PACKS, usage))
            given = self._allocated(lots, due, usage)
            return _noted(stacks, whose, given, subtract(due, _sum(given)))
        return self._burned_apart(counting, usage, stacks)

    def _burned_apart(
        self, counting: Sequence[Allowance], usage: Usage, stacks: Stacks
    ) -> list[Part]:
        """Have each allowance count a change by itself, and packs what falls shortest."""
        due = {one: _less_owed(usage, _stack(stacks, one.name, usage)) for one in counting}
        given = {
            one: self._allocated(
                [lot for lot in self.lots if lot.wallet_id == one.wallet_id], due[one], usage
            )
            for one in counting
        }
        short = {one: subtract(due[one], _sum(parts)) for one, parts in given.items()}
        most = max(short.values())
        _stack(stacks, _PACKS, usage)
        packs = self._allocated([lot for lot in self.lots if self._is_pack(lot)], most, usage)
        covered = _sum(packs)
        moved: list[Part] = []
        for one in counting:
            beyond = max(subtract(short[one], covered), ZERO)
            bought = [(NOBODY, part)] if (part := subtract(short[one], beyond)) else []
            moved += _noted(stacks, one, [*given[one], *bought], beyond)
        return moved + _noted(stacks, None, packs, subtract(most, covered))

    def give_back(
        self, usage: Usage, stacks: Stacks, own: Sequence[Part] | None = None
    ) -> list[Part]:
        """
        Return a change to where it came from, last in first out.

        Of an event that is taken back, what that burned itself (``own``) comes first.
        """
        counting = self._counting(usage)
        names = [one.name for one in counting] or [_PACKS]
        popped = {}
        for name in names:
            takings = _stack(stacks, name, usage)
            popped[name], rest = _popped(takings, usage.change, own)
            if rest:
                takings.push(NOBODY, negate(rest))
        if len(counting) > 1:
            bought = max(_sum(part for part in one if not part[0]) for one in popped.values())
            popped[_PACKS], _ = _popped(_stack(stacks, _PACKS, usage), bought, own)
        parts = [part for one in popped.values() for part in one if part[0] != NOBODY]
        for account_id, amount in parts:
            if lot := self.known.get(account_id):
                lot.remaining = add(lot.remaining, amount)
        return parts

    def _counting(self, usage: Usage) -> list[Allowance]:
        return [one for one in self.allowances if one.counts(usage.labels, usage.at)]

    def _is_pack(self, lot: Lot) -> bool:
        return lot.wallet_id not in self.allowance_wallets

    def _allocated(self, lots: Iterable[Lot], amount: Decimal, usage: Usage) -> list[Part]:
        keys = [one.key for one in self.features if one.fits(usage.labels)]
        takes = burndown.allocate(lots, amount, usage.at, frozenset([usage.feature_key, *keys]))
        return [(take.lot.account_id, take.amount) for take in takes]


def allowances_of(
    customer_ids: Collection[int], unit_ids: Collection[int], *, book_id: int, at: datetime
) -> list[Allowance]:
    """Return the allowances of customers in units of meters, ended ones among them. One query."""
    rows = (
        Entitlement.objects.filter(
            customer__in=customer_ids, feature__meter__unit__in=unit_ids, wallet__isnull=False
        )
        .select_related("feature__meter")
        .order_by("pk")
    )
    found = [_allowance(row) for row in rows]
    owing = [one for one in found if one.preserves_overage]
    specs = {one.name: Spec(book_id, one.customer_id, "overdraft", one.unit_id) for one in owing}
    opened = chart.accounts(specs.values(), at=at) if specs else {}
    return [
        replace(one, overdraft_id=opened[specs[one.name]]) if one.name in specs else one
        for one in found
    ]


def features_of(meter_ids: Collection[int]) -> dict[int, list[Sold]]:
    """Return the features of meters, by meter. One query."""
    found: defaultdict[int, list[Sold]] = defaultdict(list)
    for feature in Feature.objects.filter(meter__in=meter_ids).select_related("meter"):
        found[feature.meter_id or 0].append(_sold(feature))
    return found


def _allowance(row: Entitlement) -> Allowance:
    meter, wallet_id = row.feature.meter, row.wallet_id
    assert meter is not None, "it was asked for by its unit"
    assert wallet_id is not None, "it was asked for by its wallet"
    return Allowance(
        name=str(row.pk),
        customer_id=row.customer_id,
        wallet_id=wallet_id,
        meter_id=meter.pk,
        unit_id=meter.unit_id,
        sold=_sold(row.feature),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        preserves_overage=row.preserves_overage,
    )


def _sold(feature: Feature) -> Sold:
    assert feature.meter is not None, "it was asked for by its meter"
    return Sold(feature.key, filters.compiled(feature.filters, dimensions_of(feature.meter)))


def _stack(stacks: Stacks, name: str, usage: Usage) -> Takings:
    """Return who gave what; what came before anybody was asked is nobody's."""
    takings = stacks.get(name)
    if takings is None:
        takings = stacks[name] = Takings()
        if usage.before:
            takings.push(NOBODY, usage.before)
    return takings


def _less_owed(usage: Usage, takings: Takings) -> Decimal:
    """Return what is to be burned of a change: what a series below zero was short of is not."""
    again = min(usage.change, takings.owed_to(NOBODY))
    if again:
        takings.push(NOBODY, again)
    return subtract(usage.change, again)


def _noted(
    stacks: Stacks, whose: Allowance | None, given: Sequence[Part], rest: Decimal
) -> list[Part]:
    """Note what each account gave, and who owes the rest; return what is moved."""
    parts = list(given)
    if rest:
        parts.append((whose.overdraft_id if whose is not None else NOBODY, rest))
    takings = stacks[_PACKS if whose is None else whose.name]
    for account_id, amount in parts:
        takings.push(account_id, amount)
    return [part for part in parts if part[0] != NOBODY]


def _popped(
    takings: Takings, amount: Decimal, own: Sequence[Part] | None
) -> tuple[list[Part], Decimal]:
    """Take an amount from who gave it; return the parts, and what nobody had given."""
    parts: list[Part] = []
    if own is not None:
        wanted = [*burndown.give_back(own, amount), (NOBODY, amount)]
        for account_id, part in wanted:
            found = takings.remove(account_id, min(part, subtract(amount, _sum(parts))))
            parts += [(account_id, found)] if found else []
    popped, rest = takings.pop(subtract(amount, _sum(parts)))
    return parts + popped, rest


def _sum(parts: Iterable[Part]) -> Decimal:
    total = ZERO
    for _, amount in parts:
        total = add(total, amount)
    return total
