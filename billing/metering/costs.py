"""
What usage costs us whose rate does not say so: the unit cost of its feature, at its time.

That is the meter's feature whose filters fit: those with most dimensions first, then the one made
last; archived ones come after all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing.costs.costbook import CostBook
from billing.metering.compiling import CompiledMeter
from billing.metering.naming import product_of, supply_of
from billing.models import Feature
from billing.rating import filters
from billing.rating.filters import Filter, Labels
from billing.rating.match import Cost, Dated, Unpriced
from billing.rating.price import places_of
from ledger.money import ONE

LLM: Final = "llm"
_KEPT: Final = 65_536  # combinations remembered; labels come from outside and have no end


@dataclass(slots=True)
class _Manual:
    """So much a unit; the accounts are named by what is sold."""

    unit: Decimal
    scale: int
    _costs: dict[str, Cost] = field(default_factory=dict)

    def at(self, _instant: datetime, meter: CompiledMeter, rate: Dated | None) -> Cost:
        product = product_of(meter.key, rate.match if rate else {})
        cost = self._costs.get(product)
        if cost is None:
            cost = self._costs[product] = _cost(self.unit, product, meter, self.scale)
        return cost


@dataclass(slots=True)
class _Model:
    """One kind of token of one model, as usage names it."""

    asked: Unpriced
    book: CostBook
    scale: int
    _latest: Cost | None = None

    def at(self, instant: datetime, meter: CompiledMeter, _rate: Dated | None) -> Cost | Unpriced:
        unit = self.book.find(*self.asked, instant)
        if unit is None:
            return self.asked
        latest = self._latest
        if latest is None or latest.unit is not unit:  # the price book keeps each price once
            supply = supply_of(self.asked.provider.lower(), self.asked.model.lower())
            latest = self._latest = _cost(unit, supply, meter, self.scale)
        return latest


class Costs:
    """The unit costs of a book's features, in its base currency."""

    def __init__(
        self,
        features: Iterable[Feature],
        meters: Mapping[int, CompiledMeter],
        book: CostBook | None,
        *,
        scale: int,
    ) -> None:
        """
        ``features`` have a meter and a unit cost; ``scale`` is the base currency's.

        The price book may be left out if none of them looks costs up in it.
        """
        self._book, self._scale = book, scale
        self.looks_up_models = book is not None
        self._features: dict[int, list[tuple[Feature, Filter | None]]] = {}
        self._found: dict[tuple[int, Labels], _Manual | _Model | None] = {}
        for feature in sorted(features, key=_rank, reverse=True):
            meter = meters[feature.meter_id or 0]
            if _is_divisible(feature, meter):
                held = feature, filters.compiled(feature.filters, meter.dimensions)
                self._features.setdefault(meter.id, []).append(held)

    def of(
        self, meter: CompiledMeter, rate: Dated | None, labels: Labels, at: datetime
    ) -> Cost | Unpriced | None:
        """Return what a unit of usage costs us whose rate names no cost of its own."""
        if meter.id not in self._features:
            return None
        asked = meter.id, labels
        found = self._found.get(asked)
        if found is None and asked not in self._found:
            if len(self._found) >= _KEPT:
                self._found = {}
            found = self._found[asked] = self._find(meter, labels)
        return None if found is None else found.at(at, meter, rate)

    def _find(self, meter: CompiledMeter, labels: Labels) -> _Manual | _Model | None:
        for feature, fitting in self._features[meter.id]:
            if fitting is None or fitting.fits(labels):
                cost: dict[str, Any] = feature.unit_cost or {}
                if cost["type"] != LLM:
                    return _Manual(Decimal(str(cost["amount"])), self._scale)
                named = meter.named(labels)
                parts = [_part(cost, part, named) for part in ("provider", "model", "token_type")]
                assert self._book is not None, "a feature looks up costs of models"
                return _Model(Unpriced(*parts), self._book, self._scale)
        return None


def _rank(feature: Feature) -> tuple[bool, int, int]:
    return feature.archived_at is None, len(feature.filters), feature.pk


def _is_divisible(feature: Feature, meter: CompiledMeter) -> bool:
    """Whether each event has a cost of its own: a maximum's belongs to no model, no filter."""
    is_llm = (feature.unit_cost or {})["type"] == LLM
    return meter.adds_up or not (is_llm or feature.filters)


def _part(cost: Mapping[str, Any], name: str, labels: Mapping[str, str | None]) -> str:
    """Return a constant, or what usage says in the dimension that is named for it."""
    return (cost.get(name) or labels.get(cost.get(f"{name}_property") or "") or "").strip()


def _cost(unit: Decimal, supply: str, meter: CompiledMeter, scale: int) -> Cost:
    is_finer = places_of(unit) + meter.scale > scale
    return Cost(unit.normalize(), supply, ONE.scaleb(-scale) if is_finer else None)
