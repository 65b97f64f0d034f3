"""
Graduated and volume prices: tiers with inclusive upper ends (pure).

Graduated: each unit costs what the tier says in which it falls. Volume: all units cost what the
tier says that holds the whole quantity, so that reaching the next one may lower the amount.
A tier's flat price is due once it is entered; the first is entered when the period starts.
Tiers of percentages are graduated: their unit is a unit of money.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from billing.rating import part
from billing.rating.part import Part
from ledger.money import WIDE, ZERO

_add: Final = WIDE.add
_subtract: Final = WIDE.subtract
_multiply: Final = WIDE.multiply


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A step of a price: units up to and including ``up_to``."""

    up_to: Decimal | None = None  # None means without end
    unit_price: Decimal = ZERO
    flat_price: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Graduated:
    """
    Each unit at the price of the tier in which it falls.

    >>> price = Graduated(tiers=[Tier(up_to=Decimal(100), unit_price=Decimal("0.10")),
    ...                          Tier(unit_price=Decimal("0.05"), flat_price=Decimal(2))])
    >>> price.amount(Decimal(100)), price.amount(Decimal(150))
    (Decimal('10.00'), Decimal('14.50'))
    """

    tiers: Sequence[Tier]
    _ends: list[Decimal] = field(init=False, repr=False)
    # Of each tier: where it starts, what is due before its first unit, its price.
    _steps: list[tuple[Decimal, Decimal, Decimal]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ends = _ends(self.tiers)
        steps, floor, due = [], ZERO, ZERO
        for tier, end in zip(self.tiers, [*ends, ZERO], strict=True):
            due = _add(due, tier.flat_price)
            steps.append((floor, due, tier.unit_price))
            due = _add(due, _multiply(_subtract(end, floor), tier.unit_price))
            floor = end
        object.__setattr__(self, "_ends", ends)
        object.__setattr__(self, "_steps", steps)

    def amount(self, quantity: Decimal, /) -> Decimal:
        """Return the price of ``quantity`` units."""
        floor, due, unit_price = self._steps[bisect_left(self._ends, quantity)]
        return _add(due, _multiply(_subtract(quantity, floor), unit_price))

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return the units and the flat price of each tier that was entered."""
        parts, floor = [], ZERO
        for place, tier in enumerate(self.tiers, 1):
            ceiling = quantity if tier.up_to is None else min(quantity, tier.up_to)
            parts += _parts(tier, place, _subtract(ceiling, floor))
            if ceiling == quantity:
                break
            floor = ceiling
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """
    All units at the price of the tier that holds their number.

    >>> price = Volume(tiers=[Tier(up_to=Decimal(100), unit_price=Decimal("0.10")),
    ...                       Tier(unit_price=Decimal("0.05"))])
    >>> price.amount(Decimal(100)), price.amount(Decimal(101))
    (Decimal('10.00'), Decimal('5.05'))
    """

    tiers: Sequence[Tier]
    _ends: list[Decimal] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", _ends(self.tiers))

    def amount(self, quantity: Decimal, /) -> Decimal:
        """Return the price of ``quantity`` units."""
        tier = self.tiers[bisect_left(self._ends, quantity)]
        return _add(tier.flat_price, _multiply(quantity, tier.unit_price))

    def parts(self, quantity: Decimal, /) -> list[Part]:
        """Return all units in their one tier, and its flat price."""
        place = bisect_left(self._ends, quantity)
        return _parts(self.tiers[place], place + 1, quantity)


def _ends(tiers: Sequence[Tier]) -> list[Decimal]:
    assert tiers, "a price needs a tier"
    assert tiers[-1].up_to is None, "the last tier must be open"
    return [tier.up_to for tier in tiers if tier.up_to is not None]


def _parts(tier: Tier, place: int, quantity: Decimal) -> list[Part]:
    units = part.usage(quantity, tier.unit_price, place)
    return [part.flat(tier.flat_price, place), units] if tier.flat_price else [units]
