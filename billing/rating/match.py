"""
Which rate prices a usage: the most specific one in force (pure).

A rate names the dimensions it is for, ``{"model": "gpt-5", "token": "input"}``, and fits usage
that has exactly those values; one that names none fits all. Of the rates in force at the
time of the usage that fit, the one with most dimensions wins, then the one in force last,
then the one written last (the greatest id).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from operator import attrgetter
from typing import Final, NamedTuple

from billing.rating.filters import Labels
from billing.rating.price import Price
from billing.rating.rated import Rated
from ledger.money import MAX_DIGITS, ZERO, multiply

VOLUME: Final = "volume"
_EVEN: Final = Context(prec=2 * MAX_DIGITS, rounding=ROUND_HALF_EVEN)
_KEPT: Final = 65_536  # combinations remembered; labels come from outside and have no end


class Cost(NamedTuple):
    """What a unit costs us, in the book's base currency, and the name of what we owe it for."""

    unit: Decimal
    supply: str
    step: Decimal | None = None  # what amounts are rounded to, where they may be finer

    def of(self, change: Decimal) -> Decimal | None:
        """
        Return what a change of quantity costs, half-even.

        >>> Cost(Decimal("0.0005"), "acme", Decimal("0.001")).of(Decimal(3))
        Decimal('0.002')
        """
        owed = multiply(self.unit, change)
        return owed if self.step is None else _EVEN.quantize(owed, self.step)


class Unpriced(NamedTuple):
    """A model whose price nobody knows: its cost is not posted, it is listed."""

    provider: str
    model: str
    token_type: str

    def of(self, _change: Decimal) -> Decimal | None:
        """Return nothing: a cost is never guessed."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A rate as rating sees it: whom it fits, from when on, and its price."""

    id: int
    meter_id: int
    price: Price
    effective_from: datetime
    match: Mapping[str, str]  # dimension -> value; empty fits all
    rated: Rated | None = None  # the price again, if it is more than so much per unit
    cost: Cost | None = None  # what the provider charges us

    events: Rated | None = field(init=False)  # the price, if it looks at each event by itself
    starting: Decimal = field(init=False)  # what is due before anything is used
    may_fall: bool = field(init=False)  # more usage may cost less: volume tiers, free events

    def __post_init__(self) -> None:
        rated = self.rated
        is_of_events = rated is not None and rated.basis == "events"
        may_fall = rated is not None and (rated.type == VOLUME or rated.free_events > 0)
        object.__setattr__(self, "events", rated if is_of_events else None)
        object.__setattr__(self, "starting", ZERO if rated is None else rated.starting)
        object.__setattr__(self, "may_fall", may_fall)


class Rates:
    """
    An index over the rates of one rate card.

    ``find`` costs one dictionary look-up for labels seen before. An index is built from a
    snapshot and never changes what it answers: build a new one when rates are added.
    """

    def __init__(self, rates: Iterable[Dated], dimensions: Mapping[int, Sequence[str]]) -> None:
        """``dimensions`` gives each meter's dimension names, in the order of its labels."""
        self._names = {meter_id: tuple(names) for meter_id, names in dimensions.items()}
        self._rates: dict[int, list[Dated]] = {}
        for rate in sorted(rates, key=attrgetter("effective_from", "id"), reverse=True):
            self._rates.setdefault(rate.meter_id, []).append(rate)
        for ranked in self._rates.values():
            ranked.sort(key=lambda rate: len(rate.match), reverse=True)  # stable
        self._fitting: dict[tuple[int, Labels], tuple[Dated, ...]] = {}

    def find(self, meter_id: int, labels: Labels, at: datetime) -> Dated | None:
        """Return the rate for usage with these labels at ``at``; None if it has no price."""
        fitting = self._fitting.get((meter_id, labels))
        if fitting is None:
            fitting = self._fit(meter_id, labels)
        for rate in fitting:
            if rate.effective_from <= at:
                return rate
        return None

    def _fit(self, meter_id: int, labels: Labels) -> tuple[Dated, ...]:
        held = dict(zip(self._names.get(meter_id, ()), labels, strict=True)).items()
        fitting = tuple(
            rate for rate in self._rates.get(meter_id, ()) if rate.match.items() <= held
        )
        if len(self._fitting) >= _KEPT:
            self._fitting.clear()
        self._fitting[meter_id, labels] = fitting
        return fitting
