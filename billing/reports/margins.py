"""
What each meter's usage earned and what its providers are owed for it, by model where that is told.

Revenue stands under what a price names: a meter, and a model if the price is for one. Cost stands
under the same name, or under provider and model if a price book was asked. What cannot be told
apart on both sides is one row, so that cost is never shown without the revenue that it is for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from billing.metering.costs import LLM
from billing.metering.naming import product_of, supply_of
from billing.models import Feature, Meter, Rate
from ledger import balances
from ledger.models import Account, Book
from ledger.money import ZERO, exactly

MODEL: Final = "model"  # the dimension that revenue and cost are shown by
_REVENUE: Final = "usage_revenue"
_COST: Final = "cost_of_revenue"


@dataclass(slots=True, kw_only=True)
class MarginRow:
    """What usage of a meter, or of one model of it, earned in an asset and what it cost."""

    meter: str
    model: str  # or whatever its price is for; empty: all that no price names
    asset: str
    revenue: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def margin(self) -> Decimal:
        """What is left of revenue."""
        with exactly():
            return self.revenue - self.cost

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin as a share of revenue; None without revenue."""
        return self.margin / self.revenue * 100 if self.revenue else None


class _Place(NamedTuple):
    meter: str
    model: str = ""


class _Sum(NamedTuple):
    purpose: str
    asset: str
    named: str  # after what the account is named
    amount: Decimal


def margins(*, book: Book) -> list[MarginRow]:
    """Return revenue and provider cost by meter and model."""
    sums = _sums(book)
    places = _places(book, sums)
    rows: dict[tuple[_Place, str], MarginRow] = {}
    for purpose, asset, named, amount in sums:
        place = places.get(named) or _Place(named)
        row = rows.setdefault(
            (place, asset), MarginRow(meter=place.meter, model=place.model, asset=asset)
        )
        with exactly():
            if purpose == _REVENUE:
                row.revenue += amount
            else:
                row.cost += amount
    return [row for _, row in sorted(rows.items())]


def _sums(book: Book) -> list[_Sum]:
    """Return the balances of the book's own accounts of revenue and cost."""
    accounts = Account.objects.filter(
        book=book, customer=None, purpose__in=[_REVENUE, _COST]
    ).values_list("purpose", "asset__code", "discriminator", "pk")
    present = balances.now(number for *_, number in accounts)
    return [
        _Sum(purpose, asset, named, present[number].settled)
        for purpose, asset, named, number in accounts
    ]


def _places(book: Book, sums: Iterable[_Sum]) -> dict[str, _Place]:
    """Map what accounts are named after to the rows they belong to."""
    rates = list(Rate.objects.filter(rate_card__book=book).select_related("meter"))
    places = {
        key: _Place(key) for key in Meter.objects.filter(book=book).values_list("key", flat=True)
    }
    for rate in rates:
        key = rate.meter.key
        product = product_of(key, rate.match)
        place = _Place(key, rate.match.get(MODEL, product[len(key) + 1 :]))
        places[product] = places[supply_of(rate.provider, product)] = place
    looked_up = {one.named for one in sums if one.purpose == _COST} - places.keys()
    asking = sorted(
        set(
            Feature.objects.filter(book=book, unit_cost__type=LLM).values_list(
                "meter__key", flat=True
            )
        )
    )
    if not asking or not looked_up:
        return places
    open_rates = [rate for rate in rates if rate.unit_cost is None and rate.meter.key in asking]
    is_bare = any(one.purpose == _REVENUE and one.named in asking for one in sums)
    if len(asking) == 1 and open_rates and not is_bare:
        return places | _by_model(asking[0], looked_up, open_rates)
    whole = _Place(", ".join(asking))
    if len(asking) > 1 or open_rates:
        # Their revenue has other names than this cost: all of it is one row.
        places = {name: whole if at.meter in asking else at for name, at in places.items()}
    return places | dict.fromkeys(looked_up, whole)


def _by_model(meter: str, supplies: Iterable[str], rates: Iterable[Rate]) -> dict[str, _Place]:
    """Map what a price book's costs are named after to the models of a price list."""
    models = {rate.match[MODEL].lower(): rate.match[MODEL] for rate in rates if MODEL in rate.match}
    named = {supply: supply.partition("/")[2] for supply in supplies}
    return {supply: _Place(meter, models.get(model, model)) for supply, model in named.items()}
