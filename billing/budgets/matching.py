"""
Which budgets count a reading, and in which of their periods.

A budget counts what its customer and everybody below it use: in money (its asset is the price's)
or in units (its asset is the meter's unit); of one feature or of all, of usage with certain labels
or of all. It counts from the start of the period in which it was made, whenever usage arrives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from django.db import connection

from billing.models import Budget, Feature
from billing.rating.filters import Filter, Labels
from ledger import arrays, durations
from ledger.durations import Duration, cycle_of
from ledger.periods import Period

Filters = Mapping[str, Any]  # of a feature, as its document


class Counted(Protocol):
    """A meter, as far as budgets look at it."""

    @property
    def id(self) -> int:
        """Return its number."""

    @property
    def dimensions(self) -> Sequence[str]:
        """Return the names of its dimensions, in the order of its labels."""

    @property
    def feature_key(self) -> str:
        """Return what credit for its usage may be restricted to."""


@dataclass(slots=True, kw_only=True, eq=False)
class OpenBudget:
    """A budget, ready to be asked."""

    id: int
    book_id: int
    key: str
    customer_id: int
    customer_key: str
    asset_id: int
    asset_code: str
    feature_key: str
    labels: Mapping[str, str]
    amount: Decimal
    action: str
    warn_at: tuple[Decimal, ...]  # percent of the amount, rising
    anchor: datetime
    cadence: Duration
    zone: ZoneInfo
    created_at: datetime
    _latest: Period | None = field(default=None, init=False)

    def period_of(self, at: datetime) -> Period:
        """Return the period that holds an instant."""
        latest = self._latest
        if latest is None or not latest.starts_at <= at < latest.ends_at:
            latest = self._latest = cycle_of(at, self.anchor, self.cadence, self.zone)
        return latest

    @property
    def counts_from(self) -> datetime:
        """Return when its first period started: what happened before counts nowhere."""
        return cycle_of(self.created_at, self.anchor, self.cadence, self.zone).starts_at


class Counter(NamedTuple):
    """A budget that counts a meter's usage, where the filters fit."""

    budget: OpenBudget
    filters: tuple[Filter, ...]
    since: datetime

    def counts(self, labels: Labels, at: datetime) -> bool:
        """Say whether usage with these labels that happened at an instant counts."""
        return at >= self.since and all(one.fits(labels) for one in self.filters)


class Budgets:
    """
    The budgets of a book that have not been ended, at one version of the catalogue.

    >>> bool(Budgets())
    False
    """

    __slots__ = ("_counters", "_features", "_lines", "_of", "all")

    def __init__(
        self,
        budgets: Iterable[OpenBudget] = (),
        features: Mapping[str, Sequence[tuple[int, Filters]]] | None = None,
    ) -> None:
        """``features`` gives the meters of each feature by key, with the filters of its usage."""
        self.all = tuple(budgets)
        self._features = features or {}
        self._of: defaultdict[int, list[OpenBudget]] = defaultdict(list)
        for budget in self.all:
            self._of[budget.customer_id].append(budget)
        self._lines: dict[int, tuple[int, ...]] = {}
        self._counters: dict[tuple[int, int, int], tuple[Counter, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.all)

    def lines_of(self, customer_ids: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        """Return customers with their ancestors, themselves first; one query for unknown ones."""
        if unknown := [one for one in customer_ids if one not in self._lines]:
            if len(self._lines) > _REMEMBERED:
                self._lines, self._counters = {}, {}
                unknown = list(customer_ids)
            self._lines |= _lines_of(unknown)
        return self._lines

    def of(self, customer_id: int) -> list[OpenBudget]:
        """Return the budgets of a customer and its ancestors, its own first."""
        return [
            budget
            for one in self.lines_of([customer_id])[customer_id]
            for budget in self._of.get(one, ())
        ]

    def counters(self, customer_id: int, meter: Counted, asset_id: int) -> tuple[Counter, ...]:
        """Return the budgets in an asset that may count a customer's usage of a meter."""
        named = (customer_id, meter.id, asset_id)
        found = self._counters.get(named)
        if found is None:
            found = self._counters[named] = tuple(
                counter
                for budget in self.of(customer_id)
                if budget.asset_id == asset_id and (counter := self.counter(budget, meter))
            )
        return found

    def counter(self, budget: OpenBudget, meter: Counted) -> Counter | None:
        """Return a budget as what counts a meter's usage; None if that never counts."""
        filters: list[Filter] = []
        if budget.labels:
            if not budget.labels.keys() <= set(meter.dimensions):
                return None
            wanted = {name: {"eq": value} for name, value in budget.labels.items()}
            filters.append(Filter(wanted, meter.dimensions))
        if budget.feature_key and budget.feature_key != meter.feature_key:
            documents = [
                document
                for meter_id, document in self._features.get(budget.feature_key, ())
                if meter_id == meter.id
            ]
            if not documents:
                return None
            filters += [Filter(document, meter.dimensions) for document in documents if document]
        return Counter(budget, tuple(filters), budget.counts_from)


def load(book_id: int, *, also_ended: bool = False) -> Budgets:
    """Read a book's budgets; two queries, one if there are none."""
    rows = Budget.objects.filter(book_id=book_id).select_related("customer", "asset")
    budgets = [opened(row) for row in (rows if also_ended else rows.filter(ended_at=None))]
    features: defaultdict[str, list[tuple[int, Filters]]] = defaultdict(list)
    if keys := {budget.feature_key for budget in budgets if budget.feature_key}:
        named = Feature.objects.filter(book_id=book_id, key__in=keys, meter__isnull=False)
        for key, meter_id, filters in named.values_list("key", "meter_id", "filters"):
            assert meter_id is not None, "it was asked for by its meter"
            features[key].append((meter_id, filters))
    return Budgets(budgets, features)


def opened(row: Budget) -> OpenBudget:
    """Return a budget ready to be asked; it comes with its customer and asset."""
    return OpenBudget(
        id=row.pk,
        book_id=row.book_id,
        key=row.key,
        customer_id=row.customer_id,
        customer_key=row.customer.key,
        asset_id=row.asset_id,
        asset_code=row.asset.code,
        feature_key=row.feature_key,
        labels=row.labels,
        amount=row.amount,
        action=row.action,
        warn_at=tuple(sorted(row.warn_at)),
        anchor=row.anchor,
        cadence=durations.parse("cadence", row.cadence),
        zone=ZoneInfo(row.time_zone),
        created_at=row.created_at,
    )


_REMEMBERED: Final = 200_000  # customers
_LINES: Final = """
    WITH RECURSIVE line AS (
        SELECT id AS customer_id, id AS node, parent_id, 0 AS distance
        FROM ledger_customer WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT line.customer_id, above.id, above.parent_id, line.distance + 1
        FROM line JOIN ledger_customer above ON above.id = line.parent_id
    )
    SELECT customer_id, array_agg(node ORDER BY distance) FROM line GROUP BY customer_id
"""


def _lines_of(customer_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [arrays.whole(customer_ids)])
        return {customer_id: tuple(line) for customer_id, line in cursor.fetchall()}
