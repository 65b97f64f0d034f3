"""
What an item owes for a cycle, and when: fees and minimums (pure).

In advance is due at the start of a stretch, in arrears in the last moment of it, so that it is
booked in the month it was for. A fee of which something is posted already changes where the
time that was paid for and the time that is covered part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from billing.charging.agreement import TICK, Agreement, Sold, Stretch, due_once
from billing.cycles import round_share
from ledger.money import ZERO, multiply, subtract, text
from ledger.periods import Period

FLAT: Final = "flat"
MINIMUM: Final = "minimum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the timeline says of one charge."""

    key: str
    item_id: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    due_at: datetime  # what ends then is due in the moment before
    is_in_advance: bool
    amount: Decimal
    explanation: dict[str, Any]

    @property
    def effective_at(self) -> datetime:
        """Return when it is owed."""
        return self.due_at if self.is_in_advance else self.due_at - TICK


class Standing(NamedTuple):
    """What is on record of a charge."""

    starts_at: datetime
    ends_at: datetime
    due_at: datetime
    posted: Decimal


def fee(sold: Sold, agreement: Agreement, stretch: Stretch) -> Wanted:
    """Return what a fee comes to for a stretch of time."""
    full = multiply(sold.fee, Decimal(sold.quantity))
    covered = stretch.covered
    return Wanted(
        key=key(FLAT, sold, stretch.cycle),
        item_id=sold.id,
        kind=FLAT,
        starts_at=covered.starts_at,
        ends_at=covered.ends_at,
        due_at=covered.starts_at if sold.is_in_advance else covered.ends_at,
        is_in_advance=sold.is_in_advance,
        amount=round_share(full, stretch.share, agreement.exponent),
        explanation=_explained(sold.fee, sold.quantity, stretch),
    )


def one_time(sold: Sold, agreement: Agreement) -> Wanted:
    """Return what a fee comes to that is due once."""
    due_at = due_once(sold, agreement)
    return Wanted(
        key=f"{FLAT}:{sold.id}",
        item_id=sold.id,
        kind=FLAT,
        starts_at=due_at,
        ends_at=due_at,
        due_at=due_at,
        is_in_advance=sold.is_in_advance,
        amount=round_share(
            multiply(sold.fee, Decimal(sold.quantity)), Fraction(1), agreement.exponent
        ),
        explanation={"price": text(sold.fee), "quantity": sold.quantity},
    )


def minimum(sold: Sold, agreement: Agreement, stretch: Stretch, used: Decimal) -> Wanted:
    """Return what usage lacks to the least that was agreed for the stretch."""
    assert sold.minimum is not None, "there is a least amount"
    least = sold.minimum
    if stretch.share != 1:
        least = round_share(least, stretch.share, agreement.exponent)
    covered = stretch.covered
    return Wanted(
        key=key(MINIMUM, sold, stretch.cycle),
        item_id=sold.id,
        kind=MINIMUM,
        starts_at=covered.starts_at,
        ends_at=covered.ends_at,
        due_at=covered.ends_at,
        is_in_advance=False,
        amount=max(ZERO, subtract(least, used)),
        explanation=_explained(sold.minimum, 1, stretch) | {"used": text(used)},
    )


def key(kind: str, sold: Sold, cycle: Period) -> str:
    """Name a charge: what it is for, and which cycle."""
    return f"{kind}:{sold.id}:{cycle.starts_at:%Y-%m-%dT%H:%M:%S.%f}"


def changes_at(before: Standing, wanted: Wanted | None) -> datetime | None:
    """
    Return the instant from which on what is posted differs from what is wanted; None: it agrees.

    ``wanted`` is None where nothing of the cycle is sold any more.
    """
    if wanted is None:
        return before.due_at if before.posted else None
    if before.posted == wanted.amount and before.ends_at == wanted.ends_at:
        return None
    if not wanted.is_in_advance:
        return wanted.due_at
    if before.ends_at == wanted.ends_at:
        return before.due_at
    return max(before.due_at, min(before.ends_at, wanted.ends_at))


def _explained(price: Decimal, quantity: int, stretch: Stretch) -> dict[str, Any]:
    share = stretch.share
    return {
        "price": text(price),
        "quantity": quantity,
        "share": f"{share.numerator}/{share.denominator}",
        "cycle": [stretch.cycle.starts_at.isoformat(), stretch.cycle.ends_at.isoformat()],
    }
