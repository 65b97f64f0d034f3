"""
Prices that look at each event: percentages with parts per event, rate tables, cost (pure).

They add up what each event contributes. A contribution depends on its event alone, so that
their sum is the same in any order; which events are free is settled by their time, see
``free_events``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, Protocol

from billing.rating import part
from billing.rating.part import USAGE, Part
from ledger.money import MAX_DIGITS, ONE, SCALE, WIDE, ZERO, add, multiply

_EVEN: Final = Context(prec=2 * MAX_DIGITS, rounding=ROUND_HALF_EVEN)
_KEPT: Final = 65_536  # combinations remembered; labels come from outside and have no end

Labels = Mapping[str, str | None]


class EventPrice(Protocol):
    """What a quantity costs whose events have contributed so much."""

    def amount(self, quantity: Decimal, contributed: Decimal, /) -> Decimal:
        """Return the price, exactly."""

    def parts(self, quantity: Decimal, contributed: Decimal, /) -> list[Part]:
        """Return what the price is made of."""

    def contribution(self, value: Decimal, labels: Labels, cost: Decimal | None, /) -> Decimal:
        """Return what one event adds to ``contributed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePerEvent:
    """
    A share of the total, and a fee for each event that is not below zero.

    >>> price = FeePerEvent(rate=Decimal("0.029"), fee=Decimal("0.30"))
    >>> price.amount(Decimal(100), Decimal("0.60"))
    Decimal('3.500')
    """

    rate: Decimal  # a share: 0.029 is 2.9 %
    fee: Decimal

    def amount(self, quantity: Decimal, contributed: Decimal, /) -> Decimal:
        """Return the share of ``quantity`` and the fees."""
        return add(multiply(quantity, self.rate), contributed)

    def parts(self, quantity: Decimal, contributed: Decimal, /) -> list[Part]:
        """Return the share and the fees."""
        events = WIDE.divide(contributed, self.fee) if self.fee else ZERO
        return [
            part.usage(quantity, self.rate),
            Part("fee", None, events, self.fee, contributed),
        ]

    def contribution(self, value: Decimal, _labels: Labels, _cost: Decimal | None, /) -> Decimal:
        """Return the fee of one event."""
        return ZERO if value < ZERO else self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePerEvent:
    """
    A share of each event and a fee, within bounds.

    An event below zero (a refund) gives its share back, up to the maximum; it bears no fee.

    >>> SharePerEvent(rate=Decimal("0.02"), fee=Decimal("0.10"), least=Decimal("0.50"),
    ...               most=Decimal(5)).contribution(Decimal(10), {}, None)
    Decimal('0.50')
    """

    rate: Decimal
    fee: Decimal = ZERO
    least: Decimal | None = None
    most: Decimal | None = None

    def amount(self, _quantity: Decimal, contributed: Decimal, /) -> Decimal:
        """Return what events have contributed; never below zero."""
        return max(ZERO, contributed)

    def parts(self, quantity: Decimal, contributed: Decimal, /) -> list[Part]:
        """Return one part for all events: no single price made it."""
        return [Part(USAGE, None, quantity, None, max(ZERO, contributed))]

    def contribution(self, value: Decimal, _labels: Labels, _cost: Decimal | None, /) -> Decimal:
        """Return the price of one event."""
        share = multiply(value, self.rate)
        if value < ZERO:
            return share if self.most is None else max(share, -self.most)
        price = add(share, self.fee)
        if self.least is not None and price < self.least:
            return self.least
        if self.most is not None and price > self.most:
            return self.most
        return price


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMultiple:
    """
    What the provider charges for an event, times a multiplier.

    The product is kept, half-even, at ``places``, event by event: costs are finer than prices.
    An event whose cost nobody knows adds nothing.

    >>> CostMultiple(multiplier=Decimal("1.2")).contribution(Decimal(9), {}, Decimal("0.05"))
    Decimal('0.060')
    """

    multiplier: Decimal
    places: int = SCALE

    def amount(self, _quantity: Decimal, contributed: Decimal, /) -> Decimal:
        """Return what events have contributed; never below zero."""
        return max(ZERO, contributed)

    def parts(self, quantity: Decimal, contributed: Decimal, /) -> list[Part]:
        """Return one part for all events."""
        return [Part(USAGE, None, quantity, None, max(ZERO, contributed))]

    def contribution(self, _value: Decimal, _labels: Labels, cost: Decimal | None, /) -> Decimal:
        """Return the price of one event."""
        if cost is None:
            return ZERO
        price = multiply(cost, self.multiplier)
        exponent = price.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -self.places:
            return _EVEN.quantize(price, ONE.scaleb(-self.places))
        return price


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A price for usage that has exactly these values; others may be anything."""

    match: Mapping[str, str]
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTable:
    """
    Unit prices by dimensions: the row that names most of them wins, the first of equals.

    What no row fits costs ``default``.

    >>> table = RateTable(dimensions=["model"], default=Decimal(1),
    ...                   rows=[Row(match={"model": "small"}, unit_price=Decimal("0.5"))])
    >>> table.contribution(Decimal(3), {"model": "small"}, None)
    Decimal('1.5')
    """

    dimensions: Sequence[str]
    rows: Sequence[Row]
    default: Decimal = ZERO
    _all: Sequence[Row] = field(init=False, repr=False, compare=False)
    _ranked: Sequence[int] = field(init=False, repr=False, compare=False)
    _found: dict[tuple[str | None, ...], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = [*self.rows, Row(match={}, unit_price=self.default)]
        ranked = sorted(range(len(rows)), key=lambda place: len(rows[place].match), reverse=True)
        object.__setattr__(self, "_all", rows)
        object.__setattr__(self, "_ranked", ranked)  # stable
        object.__setattr__(self, "_found", {})

    def amount(self, _quantity: Decimal, contributed: Decimal, /) -> Decimal:
        """Return what events have contributed; never below zero."""
        return max(ZERO, contributed)

    def parts(self, quantity: Decimal, contributed: Decimal, /) -> list[Part]:
        """Return one part for all rows."""
        return [Part(USAGE, None, quantity, None, max(ZERO, contributed))]

    def contribution(self, value: Decimal, labels: Labels, _cost: Decimal | None, /) -> Decimal:
        """Return the price of one event."""
        return multiply(value, self.unit_price(labels))

    def itemise(self, used: Iterable[tuple[Decimal, Labels]]) -> list[Part]:
        """
        Return a part for each combination of values, given the billing units of each event.

        >>> table = RateTable(dimensions=["model"], rows=[], default=Decimal(2))
        >>> [part] = table.itemise([(Decimal(3), {"model": "a"}), (Decimal(4), {"model": "a"})])
        >>> part.name, part.quantity, part.exact
        ('a', Decimal('7'), Decimal('14'))
        """
        totals: dict[tuple[str, Decimal], Decimal] = {}
        for units, labels in used:
            named = ", ".join(labels.get(name) or "—" for name in self.dimensions)
            sold = named, self.unit_price(labels)  # different values may be written alike
            totals[sold] = add(totals.get(sold, ZERO), units)
        return _priced(totals)

    def sold(self, units: Mapping[str, Decimal]) -> list[Part]:
        """
        Return a part for each rate, given the billing units by the ``place`` that priced them.

        >>> table = RateTable(dimensions=["model"], default=Decimal(1),
        ...                   rows=[Row(match={"model": "small"}, unit_price=Decimal("0.5"))])
        >>> [(part.name, part.exact) for part in table.sold({"0": Decimal(4), "1": Decimal(1)})]
        [('small', Decimal('2.0')), ('other', Decimal('1'))]
        """
        totals: dict[tuple[str, Decimal], Decimal] = {}
        for place in sorted(map(int, units)):
            row = self._all[place]
            named = ", ".join([row.match.get(name, "—") for name in self.dimensions])
            sold = named if row.match else "other", row.unit_price
            totals[sold] = add(totals.get(sold, ZERO), units[str(place)])
        return _priced(totals)

    def unit_price(self, labels: Labels) -> Decimal:
        """Return the price of a unit with these labels."""
        return self._all[self.place(labels)].unit_price

    def place(self, labels: Labels) -> int:
        """Return which row prices units with these labels; after the last one: the default."""
        named = tuple([labels.get(name) for name in self.dimensions])
        found = self._found.get(named)
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[named] = self._look_up(labels)
        return found

    def _look_up(self, labels: Labels) -> int:
        fits = (
            place
            for place in self._ranked
            if all(labels.get(name) == value for name, value in self._all[place].match.items())
        )
        return next(fits)  # the last one names nothing, and fits all


def _priced(totals: Mapping[tuple[str, Decimal], Decimal]) -> list[Part]:
    return [
        part.usage(units, unit_price)._replace(name=named)
        for (named, unit_price), units in totals.items()
    ]
