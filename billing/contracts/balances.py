"""Where a commitment stands: drawn, remaining, how fast, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billing.charging import rebates
from billing.charging.reading import exponent_of
from billing.contracts.drawing import drawn
from billing.contracts.settling import surcharge
from billing.contracts.signing import Rung, rungs
from billing.cycles import round_share
from billing.models import Contract
from ledger.money import ZERO, add, subtract
from ledger.periods import Period

_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBalance:
    """One step of the term at an instant; what is projected goes on as it has so far."""

    starts_at: datetime
    ends_at: datetime
    committed: Decimal  # with what rolled over from the step before
    rolled_in: Decimal
    drawn: Decimal
    remaining: Decimal
    overage: Decimal  # spent beyond the commitment, at its price
    overage_surcharge: Decimal
    burn_rate: Decimal  # a day, over the time that has passed
    projected_drawn: Decimal
    projected_shortfall: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A whole contract at an instant."""

    at: datetime
    committed: Decimal
    drawn: Decimal
    remaining: Decimal
    rebate: Decimal  # that has been earned by what was spent so far
    current: StepBalance | None  # none: the term has not begun, or is over
    steps: list[StepBalance]  # those that have begun


def balance(*, contract: Contract, at: datetime, is_past: bool = False) -> Balance:
    """
    Return where a contract stands at an instant.

    The present is all usage recorded; ``is_past`` counts only what had happened by then. Rates
    and projections are rounded once, half away from zero, to the currency.
    """
    steps = rungs(contract)
    begun = [rung for rung in steps if rung.period.starts_at <= at]
    figures = list(_steps(contract, begun, at, is_past=is_past))
    current = figures[-1] if begun and at in begun[-1].period else None
    committed = used = remaining = ZERO
    for rung in steps:
        committed = add(committed, rung.committed)
    rolls_over = contract.shortfall == Contract.Shortfall.ROLL_OVER
    for one in figures:
        used = add(used, one.drawn)
        if one is figures[-1] or not rolls_over:
            remaining = add(remaining, one.remaining)
    for rung in steps[len(begun) :]:
        remaining = add(remaining, rung.committed)
    agreed = rebates.parse(contract.rebates)
    return Balance(
        at=at,
        committed=committed,
        drawn=used,
        remaining=remaining,
        rebate=agreed.amount(used, exponent_of(contract.asset)) if agreed else ZERO,
        current=current,
        steps=figures,
    )


def _steps(
    contract: Contract, begun: Iterable[Rung], at: datetime, *, is_past: bool
) -> Iterator[StepBalance]:
    rolled_in = ZERO
    for rung in begun:
        figures = _figures(contract, rung, rolled_in, at, is_past=is_past)
        yield figures
        if contract.shortfall == Contract.Shortfall.ROLL_OVER:
            rolled_in = figures.remaining


def _figures(
    contract: Contract, rung: Rung, rolled_in: Decimal, at: datetime, *, is_past: bool
) -> StepBalance:
    period, places = rung.period, exponent_of(contract.asset)
    committed = add(rung.committed, rolled_in)
    until = min(period.ends_at, max(at, period.starts_at + _TICK))
    used = drawn(contract, Period(period.starts_at, until) if is_past else period)
    passed = Fraction((until - period.starts_at) // _TICK)
    projected = (
        used
        if at >= period.ends_at
        else round_share(used, Fraction(period.duration // _TICK) / passed, places)
    )
    beyond = max(ZERO, subtract(used, committed))
    return StepBalance(
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        committed=committed,
        rolled_in=rolled_in,
        drawn=used,
        remaining=max(ZERO, subtract(committed, used)),
        overage=beyond,
        overage_surcharge=surcharge(contract, beyond),
        burn_rate=round_share(used, Fraction(_DAY // _TICK) / passed, places),
        projected_drawn=projected,
        projected_shortfall=max(ZERO, subtract(committed, projected)),
    )
