"""
The published price list: what the installed release of ``genai-prices`` says.

It comes with the package; nothing is fetched. Dated prices keep their dates. Where a price depends
on the length of the context or the hour of the day, the base price is taken and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import metadata
from typing import Final

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from billing.costs import tokens

CURRENCY: Final = "USD"
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)  # no usage is older

_LISTED: Final = {
    tokens.INPUT: "input_mtok",
    tokens.OUTPUT: "output_mtok",
    tokens.CACHE_READ: "cache_read_mtok",
    tokens.CACHE_WRITE: "cache_write_mtok",
    tokens.REASONING: "output_reasoning_mtok",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A model's prices per token from an instant on, and what they leave out."""

    starts_at: datetime
    prices: dict[str, Decimal | None]  # by kind of token
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A provider's model, with its prices in the order of their time."""

    provider: str
    provider_name: str
    model: str
    model_name: str
    prices: tuple[Price, ...]


def release() -> str:
    """Return the version of the price list."""
    return metadata.version("genai-prices")


def models() -> Iterator[Model]:
    """Return every model that is priced by the token."""
    for provider in get_snapshot().providers:
        for model in provider.models:
            if prices := _dated(model):
                yield Model(
                    provider=provider.id,
                    provider_name=provider.name,
                    model=model.id,
                    model_name=model.name or "",
                    prices=prices,
                )


class Matcher:
    """Finds the model that a reference in usage means, by the price list's own rules."""

    def __init__(self) -> None:
        # A snapshot of our own: what it remembers goes when the matcher goes.
        self._snapshot = DataSnapshot(providers=get_snapshot().providers, from_auto_update=False)
        self._owners = {
            id(model): provider.id
            for provider in self._snapshot.providers
            for model in provider.models
        }

    def find(self, provider: str | None, model: str) -> tuple[str, str, str] | None:
        """
        Return who served it, whose model it is, and the model; None if the rules know none.

        The two providers differ where one sells another's models. Without a provider, the one
        whose models go by such a name is meant.
        """
        try:
            serving, found = self._snapshot.find_provider_model(
                model.strip(), None, provider or None, None
            )
        except LookupError:
            return None
        return serving.id, self._owners[id(found)], found.id


def _dated(model: ModelInfo) -> tuple[Price, ...]:
    prices = model.prices
    listed = [ConditionalPrice(prices=prices)] if isinstance(prices, ModelPrice) else prices
    is_hourly = any(isinstance(one.constraint, TimeOfDateConstraint) for one in listed)
    found: list[Price] = []
    for place, one in enumerate(listed):
        starts_at = _start(one) if place else BEGINNING  # the first holds where no other does
        price = starts_at and _price(one.prices, starts_at, is_hourly=is_hourly)
        if price:  # of those that hold at a time, the list's last is the one
            found = [before for before in found if before.starts_at < price.starts_at]
            found.append(price)
    return tuple(found)


def _start(listed: ConditionalPrice) -> datetime | None:
    match listed.constraint:
        case None:
            return BEGINNING
        case StartDateConstraint(start_date=start):
            return _midnight(start)
    return None  # of some hours only


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _price(listed: ModelPrice, starts_at: datetime, *, is_hourly: bool) -> Price | None:
    prices: dict[str, Decimal | None] = {}
    notes = ["differs at some hours of the day; the base price is kept"] if is_hourly else []
    is_tiered = False
    for kind, name in _LISTED.items():
        value = getattr(listed, name)
        if isinstance(value, TieredPrices):
            is_tiered, value = True, value.base
        prices[kind] = value
        if value is not None:
            prices[kind], is_exact = tokens.per_token(value)
            if not is_exact:
                notes.append(f"{kind} is listed as {value} per million, rounded to 12 places")
    if is_tiered:
        notes.append("differs for long contexts; the base price is kept")
    if all(value is None for value in prices.values()):
        return None
    return Price(starts_at=starts_at, prices=prices, note="; ".join(notes))
