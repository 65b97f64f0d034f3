"""What is to be posted: by how much charges change, what of them is earned, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from billing.charging.refunds import refund
from billing.metering.accruals import OpenAccrual, Series, Wanted
from billing.metering.snapshot import Snapshot, Terms
from billing.metering.takings import Part, Takings
from billing.models import Charge
from ledger.money import ZERO, subtract


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose charges they are, and how they are paid."""

    catalogue: Snapshot
    customer_id: int
    asset_id: int
    terms: Terms
    key: str  # of the subscription's or contract's next transaction


@dataclass(slots=True, kw_only=True)
class Sources:
    """Where the money of a cycle came from, as far as a coupon may give it back."""

    mine: Sequence[Charge | str]  # what the coupon is for: charges, and the takings of usage
    cycle: Sequence[Charge | str]  # all of the cycle, with what its coupons have given back

    def refund(self, amount: Decimal) -> tuple[list[Part], Decimal]:
        """Return what goes to which account, and what nothing is left for."""
        return refund(amount, mine=_taken(self.mine), all_taken=_taken(self.cycle))

    @property
    def accounts(self) -> set[int]:
        """Return what it may go back to."""
        return {number for taken in _taken(self.cycle) for number in Takings(taken).accounts}


@dataclass(slots=True, kw_only=True)
class Line:
    """A charge, and by how much it changes."""

    charge: Charge
    amount: Decimal  # above zero: to be paid; below: to be given back
    effective_at: datetime
    label: str  # which of several accounts of a purpose
    feature: str = ""  # what credit may be restricted to
    explanation: dict[str, Any] = field(default_factory=dict)
    sources: Sources | None = None  # of a coupon: where what it is for came from
    ended_at: datetime | None = None  # of what was charged already: where its time ended


@dataclass(slots=True, kw_only=True)
class Earning:
    """A fee paid in advance, and how much more of it is revenue."""

    charge: Charge
    amount: Decimal
    effective_at: datetime
    label: str


@dataclass(slots=True, kw_only=True)
class Start:
    """A period of usage that costs something before anything is used."""

    series: Series
    wanted: Wanted
    due: Decimal  # what it costs so far, if nothing is used
    label: str
    feature: str = ""
    accrual: OpenAccrual | None = None  # once it is locked
    amount: Decimal = ZERO  # by how much it changes

    @property
    def effective_at(self) -> datetime:
        """Return when it is owed."""
        return self.series.period_start

    def meet(self, accrual: OpenAccrual) -> bool:
        """Compare with what is locked; false: nothing is missing, or usage was priced with it."""
        self.accrual = accrual
        if not accrual.running.count:
            self.amount = subtract(self.due, accrual.amount)
        return bool(self.amount)


@dataclass(slots=True, kw_only=True)
class Slip:
    """All that is posted together."""

    lines: list[Line] = field(default_factory=list)
    earnings: list[Earning] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lines or self.earnings or self.starts)

    def __len__(self) -> int:
        return len(self.lines) + len(self.earnings) + len(self.starts)

    @property
    def paid(self) -> list[Line | Start]:
        """Return what somebody pays for, or has paid for."""
        return [*(line for line in self.lines if line.amount), *self.starts]

    @property
    def givers(self) -> set[int]:
        """Return the accounts that something may go back to."""
        found: set[int] = set()
        for line in self.lines:
            if line.amount:
                found |= Takings(line.charge.taken).accounts
                found |= line.sources.accounts if line.sources else set()
        for start in self.starts:
            assert start.accrual is not None, "it has been locked"
            found |= start.accrual.takings.accounts
        return found


class Bill(NamedTuple):
    """What one owner is charged at one instant."""

    owner: Owner
    slip: Slip


def is_deferred(charge: Charge) -> bool:
    """Say whether a fee is paid before the time that it is for."""
    return charge.kind == Charge.Kind.FLAT and charge.due_at == charge.starts_at < charge.ends_at


def _taken(sources: Sequence[Charge | str]) -> list[str]:
    return [one if isinstance(one, str) else one.taken for one in sources]
