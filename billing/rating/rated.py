"""
A price with everything around it, as one function of what was used (pure).

In this order: unit conversion, free units, price, percentage discount, maximum. The minimum is
no part of it: it is a line of its own, once, at the end of the period.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from billing.rating.conversion import Conversion
from billing.rating.events import EventPrice, Labels, RateTable
from billing.rating.flat import Flat
from billing.rating.price import Itemised
from ledger.money import WIDE, ZERO

_subtract: Final = WIDE.subtract
_multiply: Final = WIDE.multiply


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """
    Terms, ready to price.

    ``amount`` is exact and unrounded and depends on totals alone, so that any split of the
    same usage costs the same.

    >>> from billing.rating.unit import Unit
    >>> rated = Rated(price=Unit(unit_price=Decimal("0.10")), free_units=Decimal(100),
    ...               kept=Decimal("0.9"), maximum=Decimal(50))
    >>> [rated.amount(Decimal(quantity)) for quantity in (50, 300, 9999)]
    [Decimal('0.000'), Decimal('18.000'), Decimal('50')]
    """

    price: Itemised | None = None  # either this,
    event_price: EventPrice | None = None  # or this
    type: str = "unit"
    conversion: Conversion | None = None
    free_units: Decimal = ZERO  # in billing units
    free_events: int = 0
    kept: Decimal | None = None  # the share that a percentage discount leaves; None: all
    maximum: Decimal | None = None
    minimum: Decimal | None = None

    @property
    def basis(self) -> Literal["quantity", "events"]:
        """Whether ``amount`` needs what events have contributed."""
        return "quantity" if self.event_price is None else "events"

    @property
    def is_flat(self) -> bool:
        """Whether it is one amount, whatever is used."""
        return isinstance(self.price, Flat)

    @property
    def starting(self) -> Decimal:
        """What is due before anything is used: a flat price, the first tier's flat price."""
        return self.amount(ZERO)

    def amount(self, quantity: Decimal, /, contributed: Decimal = ZERO) -> Decimal:
        """
        Return what the period's first ``quantity`` units cost; below zero as zero.

        ``contributed`` is the sum of ``contribution`` over the events that are not free; only
        event prices look at it.
        """
        gross = self.gross(quantity, contributed)
        if self.kept is not None:
            gross = _multiply(gross, self.kept)
        if self.maximum is not None and gross > self.maximum:
            return self.maximum
        return gross

    def gross(self, quantity: Decimal, /, contributed: Decimal = ZERO) -> Decimal:
        """Return the price before the discount and the maximum."""
        if self.event_price is not None:
            return self.event_price.amount(self.billable(quantity), contributed)
        assert self.price is not None, "terms have a price"
        return self.price.amount(self.billable(quantity))

    def billable(self, quantity: Decimal, /) -> Decimal:
        """Return the billing units that are priced: converted, without the free ones."""
        units = self.converted(quantity)
        if self.free_units:
            return _subtract(units, self.free_units) if units > self.free_units else ZERO
        return units

    def converted(self, quantity: Decimal, /) -> Decimal:
        """Return the billing units of a quantity."""
        if quantity <= ZERO:
            return ZERO
        return quantity if self.conversion is None else self.conversion.apply(quantity)

    def contribution(self, value: Decimal, labels: Labels, cost: Decimal | None = None) -> Decimal:
        """
        Return what one event contributes: exact, and the same whatever came before.

        ``cost`` is what the provider charges for it. For event prices only.
        """
        assert self.event_price is not None, "the price looks at quantities only"
        return self.event_price.contribution(self.event_units(value), labels, cost)

    def place(self, labels: Labels) -> str:
        """Return which rate of a table prices usage with these labels; "" if there is no table."""
        table = self.event_price
        return str(table.place(labels)) if isinstance(table, RateTable) else ""

    def event_units(self, value: Decimal, /) -> Decimal:
        """Return the billing units of one event, of any sign; they are not rounded."""
        if self.conversion is None or self.conversion.multiplier is None:
            return value
        return _multiply(value, self.conversion.multiplier)
