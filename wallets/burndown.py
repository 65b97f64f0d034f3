"""
Burn-down: which lots pay for an amount, in which order (pure).

The order (version 1): the lot that fits fewest features first and unrestricted lots last,
then low priority numbers, earliest expiry, promotional before paid, earliest start, id. In version
2, which a book may choose, paid comes before promotional.

One pass is enough. Restricted lots sort before general ones, so the walk down the eligible
lots *is* two passes: all restricted credit that fits the event, then general credit. No
allocation is short while an eligible lot has value, for the walk ends only when the amount is
met or the lots are. A batch needs no second pass either: its events are taken in time
order, each is judged at its own time, and a later event may use only what earlier ones
left, exactly as if they had come one by one. That is what makes a batch equal to its parts.

Callers run inside ``money.exactly()`` or not: the arithmetic here is exact either way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.money import ZERO, add, subtract

OrderKey = tuple[bool, int, int, datetime, bool, datetime, int, int]
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ANY: Final[frozenset[str]] = frozenset()


@dataclass(slots=True, kw_only=True)
class Lot:
    """
    A credit grant as burn-down sees it; ``remaining`` falls as it is spent.

    ``reclaimable`` of it lies in breakage, for the lot has been closed since, and is taken last.
    """

    account_id: int
    grant_id: int
    wallet_id: int = 0
    remaining: Decimal  # in the wallet's asset
    reclaimable: Decimal = ZERO
    effective_at: datetime
    expires_at: datetime | None = None  # the first instant it no longer pays; None is never
    priority: int = 100  # low burns first
    features: frozenset[str] = _ANY  # empty pays for any feature
    is_promotional: bool = False

    def lives(self, at: datetime) -> bool:
        """Say whether the lot may pay at all for what happens at ``at``."""
        return self.effective_at <= at and (self.expires_at is None or at < self.expires_at)

    def pays_for(self, feature: str | frozenset[str], at: datetime) -> bool:
        """Say whether the lot may pay for usage of a feature, or one of several, at ``at``."""
        if not self.lives(at):
            return False
        if not self.features:
            return True
        if isinstance(feature, str):
            return feature in self.features
        return not self.features.isdisjoint(feature)


@dataclass(slots=True, kw_only=True, eq=False)
class Cap:
    """How much one customer may take of a shared wallet in each period; it shrinks as it takes."""

    share_id: int
    amount: Decimal
    start_of: Callable[[datetime], datetime]  # of the period that holds an instant
    since_id: int = 0  # what was recorded before it does not count
    used: dict[datetime, Decimal] = field(default_factory=dict)  # or held, when it was read
    taken: dict[datetime, Decimal] = field(default_factory=dict)  # since then

    def room(self, at: datetime) -> Decimal:
        """Return what may still be taken for usage that happened at an instant."""
        start = self.start_of(at)
        spent = add(self.used.get(start, ZERO), self.taken.get(start, ZERO))
        return max(subtract(self.amount, spent), ZERO)

    def hold_to(self, instant: datetime) -> None:
        """Count all that is taken in the period that holds an instant."""
        start = self.start_of(instant)
        self.start_of = lambda _: start

    def take(self, amount: Decimal, at: datetime) -> None:
        """Count what was taken for usage at an instant; below zero, what was given back."""
        start = self.start_of(at)
        self.taken[start] = add(self.taken.get(start, ZERO), amount)


_UNCAPPED: Final[Mapping[int, Cap]] = {}


class Take(NamedTuple):
    """What one lot pays."""

    lot: Lot
    amount: Decimal


def version(*, promotional_first: bool) -> int:
    """Return the version of an order: stored on what it decided."""
    return 1 if promotional_first else 2


def order_key(lot: Lot, promotional_first: bool = True) -> OrderKey:
    """Return what lots are sorted by; no two lots of different grants compare equal."""
    return (
        not lot.features,
        len(lot.features),
        lot.priority,
        lot.expires_at or _NEVER,
        lot.is_promotional is not promotional_first,
        lot.effective_at,
        lot.grant_id,
        lot.account_id,
    )


def sort_lots(lots: Iterable[Lot], *, promotional_first: bool = True) -> list[Lot]:
    """Return the lots in the order they burn."""
    return sorted(lots, key=lambda lot: order_key(lot, promotional_first))


def allocate(
    lots: Iterable[Lot],
    amount: Decimal,
    at: datetime,
    feature: str | frozenset[str],
    caps: Mapping[int, Cap] = _UNCAPPED,
) -> list[Take]:
    """
    Spend ``amount`` from lots that are in burn order, and return what each pays.

    The lots' ``remaining`` falls. Expiry is judged by ``at``, the time of the usage. What the
    lots cannot pay is left to the caller: ``amount`` less the sum of the takes. ``caps`` bound
    what is taken of the lots of a wallet.

    >>> noon = datetime(2025, 1, 1, 12, tzinfo=UTC)
    >>> lots = [Lot(account_id=1, grant_id=1, remaining=Decimal(3), effective_at=noon),
    ...         Lot(account_id=2, grant_id=2, remaining=Decimal(9), effective_at=noon)]
    >>> [(take.lot.account_id, take.amount) for take in allocate(lots, Decimal(5), noon, "api")]
    [(1, Decimal('3')), (2, Decimal('2'))]
    """
    assert amount >= 0, "a negative change is given back, not allocated"
    takes: list[Take] = []
    for lot in lots:
        if not amount:
            break
        remaining = lot.remaining
        if remaining <= ZERO or not lot.pays_for(feature, at):
            continue
        if (cap := caps.get(lot.wallet_id)) is not None:
            takes += _capped(lot, amount, at, cap)
            amount = subtract(amount, subtract(remaining, lot.remaining))
            continue
        if remaining >= amount:
            lot.remaining = subtract(remaining, amount)
            takes.append(Take(lot, amount))
            break
        lot.remaining = ZERO
        takes.append(Take(lot, remaining))
        amount = subtract(amount, remaining)
    return takes


def _capped(lot: Lot, amount: Decimal, at: datetime, cap: Cap) -> list[Take]:
    part = min(lot.remaining, amount, cap.room(at))
    if not part:
        return []
    cap.take(part, at)
    lot.remaining = subtract(lot.remaining, part)
    return [Take(lot, part)]


def give_back(
    recorded: Sequence[tuple[int, Decimal]], amount: Decimal
) -> list[tuple[int, Decimal]]:
    """
    Return ``amount`` along recorded takes, last in first out, as (account id, amount).

    ``recorded`` is in the order the takes were made. No account gets more than it
    gave; what exceeds them all is left to the caller.

    >>> give_back([(1, Decimal(3)), (2, Decimal(2))], Decimal(4))
    [(2, Decimal('2')), (1, Decimal('2'))]
    """
    assert amount >= 0
    returned: list[tuple[int, Decimal]] = []
    for account_id, taken in reversed(recorded):
        if not amount:
            break
        part = min(taken, amount)
        returned.append((account_id, part))
        amount = subtract(amount, part)
    return returned
