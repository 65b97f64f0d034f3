"""
What a step of a commitment comes to, with what the steps before it have left open.

Where a shortfall rolls over, what was not spent in a step is added to what is to be spent in the
next one; only what the last step lacks is charged. Otherwise each step stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from billing.contracts.drawing import drawn
from billing.contracts.signing import Rung, rungs
from billing.models import Contract
from ledger.money import ZERO, add, subtract


class Standing(NamedTuple):
    """A step, and what of its commitment was spent."""

    rung: Rung
    rolled_in: Decimal  # from the step before
    drawn: Decimal
    is_charged: bool  # whether what it lacks is charged when it ends

    @property
    def committed(self) -> Decimal:
        """Return what was to be spent in it."""
        return add(self.rung.committed, self.rolled_in)

    @property
    def missing(self) -> Decimal:
        """Return what was not spent of it."""
        return max(ZERO, subtract(self.committed, self.drawn))

    @property
    def beyond(self) -> Decimal:
        """Return what was spent beyond it."""
        return max(ZERO, subtract(self.drawn, self.committed))

    @property
    def true_up(self) -> Decimal:
        """Return what is charged for it."""
        return self.missing if self.is_charged else ZERO


def standings(contract: Contract) -> Iterator[Standing]:
    """Return each step of a term with what was spent in it, in order, as far as they are asked."""
    rolls_over = contract.shortfall == Contract.Shortfall.ROLL_OVER
    steps = rungs(contract)
    rolled_in = ZERO
    for rung in steps:
        standing = Standing(
            rung=rung,
            rolled_in=rolled_in,
            drawn=drawn(contract, rung.period),
            is_charged=not rolls_over or rung.place == len(steps) - 1,
        )
        yield standing
        rolled_in = standing.missing if rolls_over else ZERO


def standing_of(contract: Contract, rung: Rung) -> Standing:
    """Return one step; those before it are looked at only where something rolls over."""
    if contract.shortfall == Contract.Shortfall.ROLL_OVER:
        return next(one for one in standings(contract) if one.rung.place == rung.place)
    return Standing(rung, ZERO, drawn(contract, rung.period), is_charged=True)
