"""The accounts that a series of usage moves between."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.metering.accruals import Series
from billing.metering.compiling import CompiledMeter
from billing.metering.naming import product_of
from billing.metering.snapshot import SeriesAccounts, Snapshot
from billing.rating.match import Dated
from ledger import chart
from ledger.chart import Spec


@dataclass(frozen=True, slots=True)
class SoldSeries:
    """What a series sells: the meter, the rate, and the asset that the price is in."""

    meter: CompiledMeter
    rate: Dated | None
    asset_id: int


def open_accounts(
    *, catalogue: Snapshot, sold: Mapping[Series, SoldSeries], at: datetime
) -> dict[Series, SeriesAccounts]:
    """Return the accounts of each series, opening those that don't exist yet."""
    known = catalogue.series_accounts
    found = {series: open_ for series in sold if (open_ := known.get(series[:3]))}
    if len(found) == len(sold):
        return found
    named = {s: _specs(catalogue, s, what) for s, what in sold.items() if s not in found}
    numbers = chart.accounts((spec for specs in named.values() for spec in specs), at=at)
    fresh = {
        series: SeriesAccounts(*[numbers[spec] for spec in specs])
        for series, specs in named.items()
    }
    # Remembered only once committed: what is rolled back was never there.
    transaction.on_commit(lambda: known.update({s[:3]: open_ for s, open_ in fresh.items()}))
    return found | fresh


def open_burned(
    *, catalogue: Snapshot, meters: Collection[CompiledMeter], at: datetime
) -> dict[int, int]:
    """Return the account of each meter, by its number, for the granted units that usage burns."""
    specs = {
        meter.id: Spec(catalogue.book_id, None, "burned_units", meter.unit_id, meter.key)
        for meter in meters
    }
    numbers = chart.accounts(specs.values(), at=at)
    return {meter_id: numbers[spec] for meter_id, spec in specs.items()}


def open_cost_accounts(
    *, catalogue: Snapshot, supplies: Collection[str], at: datetime
) -> dict[str, tuple[int, int]]:
    """Return the accounts of cost and of what is owed for it, by what providers supply."""
    if not supplies:
        return {}
    asset_id = catalogue.base_currency_id
    assert asset_id is not None, "costs are in an asset"
    pairs = {
        supply: (
            Spec(catalogue.book_id, None, "cost_of_revenue", asset_id, supply),
            Spec(catalogue.book_id, None, "accrued_provider_cost", asset_id, supply),
        )
        for supply in supplies
    }
    numbers = chart.accounts((spec for pair in pairs.values() for spec in pair), at=at)
    return {supply: (numbers[cost], numbers[owed]) for supply, (cost, owed) in pairs.items()}


def _specs(catalogue: Snapshot, series: Series, what: SoldSeries) -> list[Spec]:
    book_id, meter, rate = catalogue.book_id, what.meter, what.rate
    specs = [
        Spec(book_id, series.customer_id, "consumed_units", meter.unit_id, meter.key),
        Spec(book_id, None, "metered_units", meter.unit_id, meter.key),
    ]
    if rate is None:
        return specs
    product = product_of(meter.key, rate.match)
    specs.append(Spec(book_id, None, "usage_revenue", what.asset_id, product))
    return specs
