"""The accounts that a series of usage moves between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.metering.accruals import Series
from billing.metering.snapshot import CompiledMeter, SeriesAccounts, Snapshot
from billing.rating.match import Dated
from ledger import chart
from ledger.chart import Spec


@dataclass(frozen=True, slots=True)
class Sold:
    """What a series sells: the meter, the rate, and the asset that the price is in."""

    meter: CompiledMeter
    rate: Dated | None
    asset_id: int


def open_accounts(
    *, catalogue: Snapshot, sold: Mapping[Series, Sold], at: datetime
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


def product_of(meter_key: str, match: Mapping[str, str]) -> str:
    """Name what a rate sells: the meter, and the dimension values that the rate is for."""
    return "/".join([meter_key, *(match[name] for name in sorted(match))])[:200]


def supply_of(provider: str, product: str) -> str:
    """Name what a provider is owed for."""
    return (f"{provider}/{product}" if provider else product)[:200]


def _specs(catalogue: Snapshot, series: Series, what: Sold) -> list[Spec]:
    book_id, meter, rate = catalogue.book_id, what.meter, what.rate
    specs = [
        Spec(book_id, series.customer_id, "consumed_units", meter.unit_id, meter.key),
        Spec(book_id, None, "metered_units", meter.unit_id, meter.key),
    ]
    if rate is None:
        return specs
    product = product_of(meter.key, rate.match)
    specs.append(Spec(book_id, None, "usage_revenue", what.asset_id, product))
    if rate.cost is not None and catalogue.base_currency_id is not None:
        supply = supply_of(rate.provider, product)
        specs += [
            Spec(book_id, None, purpose, catalogue.base_currency_id, supply)
            for purpose in ("cost_of_revenue", "accrued_provider_cost")
        ]
    return specs
