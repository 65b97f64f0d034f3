"""Meters and rates, made ready for what comes with every event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.metering import paths
from billing.metering.aggregations import COUNT, OBSERVE, SUM, Observe
from billing.metering.naming import product_of, supply_of
from billing.models import Meter, Rate
from billing.rating import terms
from billing.rating.filters import Labels
from billing.rating.match import Cost, Dated
from billing.rating.unit import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMeter:
    """A meter, ready to read events."""

    id: int
    key: str
    aggregation: str
    observe: Observe
    value_path: paths.Path | None  # none: only the event counts
    dimensions: tuple[str, ...]
    dimension_paths: tuple[paths.Path, ...]
    unit_id: int
    scale: int
    feature_key: str
    created_at: datetime
    moves_on: bool = False  # what comes late counts in the period that is running then

    @property
    def adds_up(self) -> bool:
        """Whether its value is the sum of what its events are by themselves."""
        return self.aggregation in (SUM, COUNT)

    def named(self, labels: Labels) -> dict[str, str | None]:
        """Return labels by the names of their dimensions."""
        return dict(zip(self.dimensions, labels, strict=True))


def compiled(meter: Meter) -> CompiledMeter:
    """Make a meter ready to read events."""
    names = dimensions_of(meter)
    return CompiledMeter(
        id=meter.pk,
        key=meter.key,
        aggregation=meter.aggregation,
        observe=OBSERVE[meter.aggregation],
        value_path=paths.parse(meter.value_path) if meter.value_path else None,
        dimensions=names,
        dimension_paths=tuple([paths.parse(meter.dimensions[name]) for name in names]),
        unit_id=meter.unit_id,
        scale=meter.unit.scale,
        feature_key=meter.feature_key,
        created_at=meter.created_at,
        moves_on=meter.late_usage == Meter.LateUsage.NEXT_PERIOD,
    )


def dimensions_of(meter: Meter) -> tuple[str, ...]:
    """Return the names of a meter's dimensions, in the order of its labels."""
    return tuple(sorted(meter.dimensions))


def dated_of(rate: Rate) -> Dated:
    """Return a rate as rating sees it; it comes with its asset, its meter and the meter's unit."""
    meter = rate.meter
    rated = None
    if rate.terms is not None:
        rated = terms.parse(
            rate.terms,
            scale=meter.unit.scale,
            dimensions=meter.dimensions,
            aggregation=meter.aggregation,
            kept=rate.asset.scale,
        )
    return Dated(
        id=rate.pk,
        meter_id=rate.meter_id,
        price=rated or Unit(unit_price=rate.unit_price.normalize()),
        rated=rated,
        cost=_cost(rate),
        match=rate.match,
        effective_from=rate.effective_from,
    )


def _cost(rate: Rate) -> Cost | None:
    unit: Decimal | None = rate.unit_cost
    if unit is None:
        return None
    return Cost(unit.normalize(), supply_of(rate.provider, product_of(rate.meter.key, rate.match)))
