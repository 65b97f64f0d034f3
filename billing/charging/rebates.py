"""
What comes back for volume at the end of a term (pure).

``volume``: the percentage of the highest tier that was reached is taken of all that was spent.
``graduated``: each tier's percentage is taken of what was spent within it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from ledger.errors import InvalidInputError
from ledger.money import SCALE, ZERO, add, exact, multiply, round_half_away, subtract, text

VOLUME: Final = "volume"
GRADUATED: Final = "graduated"
_MOST_TIERS: Final = 100
_HUNDRED: Final = Decimal(100)
_PLACES: Final = 6  # of a percentage


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """From how much spending on which percentage comes back."""

    above: Decimal
    percentage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebate:
    """What was agreed of it."""

    basis: str
    tiers: tuple[Tier, ...]

    def amount(self, spent: Decimal, exponent: int) -> Decimal:
        """
        Return what comes back of what was spent, rounded once.

        >>> tiers = (Tier(above=Decimal(100), percentage=Decimal(5)),
        ...          Tier(above=Decimal(200), percentage=Decimal(10)))
        >>> [Rebate(basis=basis, tiers=tiers).amount(Decimal(300), 2)
        ...  for basis in (VOLUME, GRADUATED)]
        [Decimal('30.00'), Decimal('15.00')]
        """
        back = self._volume(spent) if self.basis == VOLUME else self._graduated(spent)
        return round_half_away(back, exponent)

    def document(self) -> dict[str, Any]:
        """Write it as it is kept."""
        tiers = [
            {"above": text(tier.above), "percentage": text(tier.percentage)} for tier in self.tiers
        ]
        return {"basis": self.basis, "tiers": tiers}

    def _volume(self, spent: Decimal) -> Decimal:
        reached = [tier for tier in self.tiers if spent > tier.above]
        return _share(spent, reached[-1]) if reached else ZERO

    def _graduated(self, spent: Decimal) -> Decimal:
        back = ZERO
        ceilings = [*(tier.above for tier in self.tiers[1:]), max(spent, ZERO)]
        for tier, ceiling in zip(self.tiers, ceilings, strict=True):
            within = subtract(min(spent, max(ceiling, tier.above)), tier.above)
            if within > ZERO:
                back = add(back, _share(within, tier))
        return back


def parse(document: Mapping[str, Any] | None) -> Rebate | None:
    """
    Read what was agreed; nothing stays nothing.

    Raises:
        InvalidInputError: an unknown basis, no tiers or too many, tiers that do not rise, a
            percentage outside 0 … 100, numbers that are none.
    """
    if document is None:
        return None
    basis = document.get("basis", VOLUME)
    if basis not in {VOLUME, GRADUATED}:
        remedy = f"use {VOLUME} or {GRADUATED}"
        raise InvalidInputError(field="rebates.basis", value=basis, remedy=remedy)
    written = document.get("tiers")
    if not isinstance(written, Sequence) or not 1 <= len(written) <= _MOST_TIERS:
        remedy = f"name 1 to {_MOST_TIERS} tiers"
        raise InvalidInputError(field="rebates.tiers", value=written, remedy=remedy)
    tiers = tuple(_tier(place, one) for place, one in enumerate(written))
    for place, (lower, upper) in enumerate(pairwise(tiers), 1):
        if upper.above <= lower.above:
            remedy = "let each tier begin above the one before it"
            field = f"rebates.tiers.{place}.above"
            raise InvalidInputError(field=field, value=text(upper.above), remedy=remedy)
    return Rebate(basis=basis, tiers=tiers)


def _tier(place: int, written: Any) -> Tier:
    path = f"rebates.tiers.{place}"
    if not isinstance(written, Mapping) or written.keys() != {"above", "percentage"}:
        remedy = "send above and percentage"
        raise InvalidInputError(field=path, value=str(written), remedy=remedy)
    above = _number(f"{path}.above", written["above"], SCALE)
    percentage = _number(f"{path}.percentage", written["percentage"], _PLACES)
    if not ZERO < percentage <= _HUNDRED:
        remedy = "send a number above 0, up to 100"
        raise InvalidInputError(field=f"{path}.percentage", value=text(percentage), remedy=remedy)
    return Tier(above=above, percentage=percentage)


def _number(field: str, written: Any, places: int) -> Decimal:
    try:
        number = Decimal(str(written))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or number < ZERO:
        raise InvalidInputError(field=field, value=str(written), remedy="send a number, 0 or more")
    return exact(number, places)


def _share(spent: Decimal, tier: Tier) -> Decimal:
    return multiply(spent, tier.percentage.scaleb(-2))
