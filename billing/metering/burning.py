"""Granted units of a batch's customers, laid at hand, and the moves that usage of them makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.accruals import OpenAccrual, Series
from billing.metering.attribution import Item, OpenSeries
from billing.metering.compiling import CompiledMeter
from billing.metering.funding import Purse
from billing.metering.series_accounts import open_burned
from billing.metering.snapshot import Snapshot
from billing.metering.takings import Part
from billing.metering.units import Burner, Sold, Usage, features_of
from ledger.money import absolute, subtract
from ledger.moves import Move

Metered = tuple[int, int]  # a customer, and a meter


def open_burners(
    catalogue: Snapshot,
    purse: Purse,
    opened: Mapping[Series, OpenAccrual],
    series: Iterable[OpenSeries],
    at: datetime,
) -> dict[Metered, Burner]:
    """Return what customers may burn of meters' units; one query if there is any, else none."""
    wanted: dict[Metered, CompiledMeter] = {}
    for one in series:
        customer_id, meter = one.series.customer_id, one.meter
        if (
            opened[one.series].units
            or purse.candidates.pool(customer_id, meter.unit_id)
            or purse.allowances_for(customer_id, meter.id)
        ):
            wanted[customer_id, meter.id] = meter
    if not wanted:
        return {}
    meters = {meter.id: meter for meter in wanted.values()}
    burned = open_burned(catalogue=catalogue, meters=meters.values(), at=at)
    features = features_of(meters)
    wallets = {one.wallet_id for one in purse.allowances}
    return {
        (customer_id, meter.id): Burner(
            burned_id=burned[meter.id],
            lots=purse.candidates.pool(customer_id, meter.unit_id),
            allowances=purse.allowances_for(customer_id, meter.id),
            allowance_wallets=wallets,
            features=[*features.get(meter.id, ()), Sold(meter.feature_key, None)],
            known=purse.candidates.lots,
        )
        for (customer_id, _), meter in wanted.items()
    }


def moves(
    item: Item, change: Decimal, burner: Burner, own: Sequence[Part] | None
) -> Iterator[Move]:
    """
    Yield the moves of units that follow from a change of a series.

    ``own`` is what the event itself had burned, if it is taken back.
    """
    event_id, at, _, measure, of, _ = item
    before = subtract(of.accrual.running.value, change)
    usage = Usage(absolute(change), measure.labels, at, of.feature_key, before)
    if change > 0:
        for account_id, part in burner.burn(usage, of.accrual.units):
            yield Move(account_id, burner.burned_id, part, at, event_id)
        return
    for account_id, part in burner.give_back(usage, of.accrual.units, own):
        yield Move(burner.burned_id, account_id, part, at, event_id)
