"""Where a commitment stands: drawn, remaining, how fast, and what that comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

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
    committed: Decimal
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
    figures = [_figures(contract, rung, at, is_past=is_past) for rung in begun]
    current = figures[-1] if begun and at in begun[-1].period else None
    committed = used = remaining = ZERO
    for rung in steps:
        committed = add(committed, rung.committed)
    for one in figures:
        used = add(used, one.drawn)
        remaining = add(remaining, one.remaining)
    for rung in steps[len(begun) :]:
        remaining = add(remaining, rung.committed)
    return Balance(
        at=at, committed=committed, drawn=used, remaining=remaining, current=current, steps=figures
    )


def _figures(contract: Contract, rung: Rung, at: datetime, *, is_past: bool) -> StepBalance:
    period, places = rung.period, exponent_of(contract.asset)
    until = min(period.ends_at, max(at, period.starts_at + _TICK))
    used = drawn(contract, Period(period.starts_at, until) if is_past else period)
    passed = Fraction((until - period.starts_at) // _TICK)
    projected = (
        used
        if at >= period.ends_at
        else round_share(used, Fraction(period.duration // _TICK) / passed, places)
    )
    beyond = max(ZERO, subtract(used, rung.committed))
    return StepBalance(
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        committed=rung.committed,
        drawn=used,
        remaining=max(ZERO, subtract(rung.committed, used)),
        overage=beyond,
        overage_surcharge=surcharge(contract, beyond),
        burn_rate=round_share(used, Fraction(_DAY // _TICK) / passed, places),
        projected_drawn=projected,
        projected_shortfall=max(ZERO, subtract(rung.committed, projected)),
    )
