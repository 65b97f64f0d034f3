"""How much a rule has to buy (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final

from ledger.money import WIDE, ZERO, floor_to, multiply, subtract

NOTHING: Final = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a rule wants in its wallet; amounts are of credit."""

    amount: Decimal  # of one charge, or the target
    is_target: bool
    threshold: Decimal | None  # none: it buys at intervals
    places: int  # that an amount to be paid has

    def needed(self, balance: Decimal) -> Decimal:
        """
        Return what closes the gap in one charge; zero if there is none.

        A fixed amount is bought as often as it takes to come up to the threshold.

        >>> fixed = Wish(amount=Decimal(10), is_target=False, threshold=Decimal(20), places=2)
        >>> [fixed.needed(Decimal(balance)) for balance in (20, 19, -15)]
        [Decimal('0'), Decimal('10'), Decimal('40')]
        >>> target = Wish(amount=Decimal(50), is_target=True, threshold=Decimal(20), places=2)
        >>> target.needed(Decimal("19.994"))
        Decimal('30.01')
        """
        if self.threshold is not None and balance >= self.threshold:
            return NOTHING
        if self.is_target:
            return max(self._up(subtract(self.amount, balance)), NOTHING)
        if self.threshold is None:
            return self.amount
        return self._times(ceil(Fraction(subtract(self.threshold, balance)) / self._one))

    def within(self, needed: Decimal, room: Decimal | None) -> Decimal:
        """
        Return how much of what is needed may be bought, if only so much may; a fixed amount whole.

        >>> fixed = Wish(amount=Decimal(10), is_target=False, threshold=Decimal(20), places=2)
        >>> fixed.within(Decimal(40), Decimal("25.5")), fixed.within(Decimal(40), Decimal(5))
        (Decimal('20'), Decimal('0'))
        """
        if room is None or needed <= room:
            return needed
        if self.is_target:
            return max(floor_to(room, self.places), NOTHING)
        return max(self._times(floor(Fraction(room) / self._one)), NOTHING)

    @property
    def _one(self) -> Fraction:
        return Fraction(self.amount)

    def _times(self, times: int) -> Decimal:
        return multiply(self.amount, Decimal(times))

    def _up(self, amount: Decimal) -> Decimal:
        """Round up to what can be paid."""
        units = ceil(Fraction(amount) * 10**self.places)
        return Decimal(units).scaleb(-self.places, WIDE)
