"""
From differences to entries: who pays or is paid back, which accounts, what stays on record.

Everything of one instant is one transaction of the journal. An entry names its charge as its
source, so that a charge can be held against its entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing import rechecking
from billing.charging.refunds import refund
from billing.metering import accruals
from billing.metering.accruals import OpenAccrual
from billing.metering.funding import Payer, Purse, open_purse
from billing.metering.snapshot import Snapshot, Terms
from billing.metering.takings import Part, Takings
from billing.models import Charge, ChargeChange
from ledger import bulk, chart
from ledger.chart import Spec
from ledger.money import ZERO, absolute, add, negate, subtract
from ledger.moves import Move, Posting
from wallets import watches
from wallets.burn_order import version_of

CHARGED: Final = "charged"
CHANGED: Final = "changed"
EARNED: Final = "earned"
KIND: Final = "charge"  # of transactions

_PURPOSES: Final = {
    Charge.Kind.FLAT: "subscription_revenue",
    Charge.Kind.MINIMUM: "commitment_revenue",
    Charge.Kind.TRUE_UP: "commitment_revenue",
    Charge.Kind.OVERAGE: "commitment_revenue",
    Charge.Kind.COUPON: "discounts",
    Charge.Kind.ONE_OFF: "one_off_revenue",
    Charge.Kind.ADJUSTMENT: "adjustment_revenue",
    Charge.Kind.REBATE: "rebates",
}
_LONGEST: Final = 200  # of the name of an account
_CHANGING: Final = (
    "posted", "earned", "earned_until", "taken", "ends_at", "scheduled_at", "updated_at",
)  # fmt: skip


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

    accrual: OpenAccrual
    amount: Decimal  # by how much it changes
    effective_at: datetime
    label: str
    feature: str = ""


@dataclass(slots=True, kw_only=True)
class Slip:
    """All that is posted together."""

    lines: list[Line] = field(default_factory=list)
    earnings: list[Earning] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lines or self.earnings or self.starts)


_Moves = defaultdict[datetime, list[Move]]
_Accounts = Mapping[tuple[str, str], int]


def is_deferred(charge: Charge) -> bool:
    """Say whether a fee is paid before the time that it is for."""
    return charge.kind == Charge.Kind.FLAT and charge.due_at == charge.starts_at < charge.ends_at


def post(*, owner: Owner, slip: Slip, at: datetime) -> list[int]:
    """
    Post what differs, and return the ids of the transactions.

    Must run inside a transaction that has locked what the charges are of.
    """
    if not slip:
        return []
    new = [line.charge for line in slip.lines if line.charge.pk is None]
    rechecking.charges([line.charge.pk for line in slip.lines if line.charge.pk is not None])
    Charge.objects.bulk_create(new)
    accounts = _accounts(owner, slip, at)
    moves: _Moves = defaultdict(list)
    purse = _purse(owner, slip, at)
    if purse is not None:
        payer = purse.payers[owner.customer_id, owner.asset_id]
        for line in sorted(slip.lines, key=_turn):
            _settle(line, payer, accounts, moves, is_credit_only=owner.terms.is_credit_only)
        for start in slip.starts:
            _start(start, payer, accounts, moves, is_credit_only=owner.terms.is_credit_only)
    for earning in slip.earnings:
        _earn(earning, accounts, moves)
    posted = _post(owner, moves, purse)
    watches.touch({number for part in moves.values() for move in part for number in move[:2]})
    _record(slip, posted, at)
    return list(posted.values())


def _turn(line: Line) -> tuple[datetime, bool, str]:
    return line.effective_at, line.charge.kind == Charge.Kind.COUPON, line.charge.key


def _accounts(owner: Owner, slip: Slip, at: datetime) -> _Accounts:
    wanted = {(_credited(line.charge), line.label[:_LONGEST]) for line in slip.lines if line.amount}
    wanted |= {("usage_revenue", start.label) for start in slip.starts}
    for earning in slip.earnings:
        wanted |= {
            (purpose, earning.label[:_LONGEST])
            for purpose in ("deferred_revenue", "subscription_revenue")
        }
    specs = {
        (purpose, label): Spec(owner.catalogue.book_id, None, purpose, owner.asset_id, label)
        for purpose, label in wanted
    }
    opened = chart.accounts(specs.values(), at=at)
    return {place: opened[spec] for place, spec in specs.items()}


def _credited(charge: Charge) -> str:
    return "deferred_revenue" if is_deferred(charge) else _PURPOSES[Charge.Kind(charge.kind)]


def _purse(owner: Owner, slip: Slip, at: datetime) -> Purse | None:
    """Lock what the customer may pay with, and what something may go back to."""
    lines = [line for line in slip.lines if line.amount]
    times = [line.effective_at for line in lines] + [start.effective_at for start in slip.starts]
    if not times:
        return None
    back = {account for line in lines for account in Takings(line.charge.taken).accounts}
    back |= {account for line in lines if line.sources for account in line.sources.accounts}
    back |= {account for start in slip.starts for account in start.accrual.takings.accounts}
    return open_purse(
        catalogue=owner.catalogue,
        wanted=[(owner.customer_id, owner.asset_id)],
        terms={owner.customer_id: owner.terms},
        since=min(times),
        until=max(times),
        at=at,
        taken=back,
    )


def _settle(
    line: Line, payer: Payer, accounts: _Accounts, moves: _Moves, *, is_credit_only: bool
) -> None:
    """Have the customer pay a difference, or be paid back where it came from."""
    charge, at = line.charge, line.effective_at
    if line.amount:
        house = accounts[_credited(charge), line.label[:_LONGEST]]
        takings = Takings(charge.taken)
        if line.amount > ZERO:
            for account_id, part in _paid(line, payer, takings, is_credit_only=is_credit_only):
                moves[at].append(Move(account_id, house, part, at, charge.pk))
        else:
            for account_id, part in _given_back(line, payer, takings):
                moves[at].append(Move(house, account_id, part, at, charge.pk))
        charge.taken = str(takings)
    charge.posted = add(charge.posted, line.amount)
    if not is_deferred(charge):
        charge.earned = charge.posted


def _paid(line: Line, payer: Payer, takings: Takings, *, is_credit_only: bool) -> list[Part]:
    """Take what was given back from where it went, as far as it is there; the rest as usage is."""
    parts, rest = list[Part](), line.amount
    for account_id, given in reversed(takings.parts) if line.sources is not None else ():
        again = min(negate(given), rest, payer.left_on(account_id, rest))
        if again > ZERO:
            parts.append((account_id, again))
            takings.push(account_id, again)
            payer.restore(account_id, negate(again))
            rest = subtract(rest, again)
    if rest:
        parts += payer.pay(rest, line.effective_at, line.feature, takings, is_credit_only)
    return parts


def _given_back(line: Line, payer: Payer, takings: Takings) -> list[Part]:
    if line.sources is None:
        return payer.give_back(negate(line.amount), takings)
    parts, rest = line.sources.refund(negate(line.amount))
    if rest:
        parts.append((payer.unbilled_id, rest))
    for account_id, part in parts:
        takings.push(account_id, negate(part))
        payer.restore(account_id, part)
    return parts


def _taken(sources: Sequence[Charge | str]) -> list[str]:
    return [one if isinstance(one, str) else one.taken for one in sources]


def _start(
    start: Start, payer: Payer, accounts: _Accounts, moves: _Moves, *, is_credit_only: bool
) -> None:
    """Take a first tier's flat price into its series, as the first event would."""
    at, takings = start.effective_at, start.accrual.takings
    house = accounts["usage_revenue", start.label]
    if start.amount > ZERO:
        for account_id, part in payer.pay(start.amount, at, start.feature, takings, is_credit_only):
            moves[at].append(Move(account_id, house, part, at))
    else:
        for account_id, part in payer.give_back(negate(start.amount), takings):
            moves[at].append(Move(house, account_id, part, at))
    start.accrual.amount = add(start.accrual.amount, start.amount)


def _earn(earning: Earning, accounts: _Accounts, moves: _Moves) -> None:
    charge, at = earning.charge, earning.effective_at
    deferred, revenue = (
        accounts[purpose, earning.label[:_LONGEST]]
        for purpose in ("deferred_revenue", "subscription_revenue")
    )
    charge.earned = add(charge.earned, earning.amount)
    debit, credit = (deferred, revenue) if earning.amount > ZERO else (revenue, deferred)
    moves[at].append(Move(debit, credit, absolute(earning.amount), at, charge.pk))


def _post(owner: Owner, moves: _Moves, purse: Purse | None) -> dict[datetime, int]:
    """Post a transaction for each instant, and return their ids; expired credit comes back too."""
    times = sorted(moves)
    postings = [_posting(owner, str(place), at, moves[at]) for place, at in enumerate(times)]
    if not postings:
        return {}
    returned: _Moves = defaultdict(list)  # from breakage, when the lots expired
    for move in purse.reclaims() if purse is not None else ():
        assert move.effective_at is not None, "it is dated by itself"
        returned[move.effective_at].append(move)
    postings += [
        _posting(owner, f"reclaim:{place}", at, returned[at])
        for place, at in enumerate(sorted(returned))
    ]
    posted = bulk.post(postings=postings)
    return {at: one.transaction_id for at, one in zip(times, posted, strict=False)}


def _posting(owner: Owner, name: str, at: datetime, moves: Sequence[Move]) -> Posting:
    return Posting(
        book_id=owner.catalogue.book_id,
        kind=KIND,
        key=f"{owner.key}:{name}",
        effective_at=at,
        moves=moves,
        metadata={"burn_order": version_of(owner.catalogue.book_id)},
    )


def _record(slip: Slip, posted: Mapping[datetime, int], at: datetime) -> None:
    accruals.save(start.accrual for start in slip.starts)
    changes = [
        ChargeChange(
            charge=line.charge,
            amount=line.amount,
            reason=CHANGED if line.charge.posted != line.amount else CHARGED,
            explanation=line.explanation,
            transaction_id=posted[line.effective_at],
            effective_at=line.effective_at,
            recorded_at=at,
        )
        for line in slip.lines
        if line.amount
    ]
    changes += [
        ChargeChange(
            charge=earning.charge,
            amount=earning.amount,
            reason=EARNED,
            transaction_id=posted[earning.effective_at],
            effective_at=earning.effective_at,
            recorded_at=at,
        )
        for earning in slip.earnings
    ]
    charges = {line.charge.pk: line.charge for line in slip.lines}
    charges |= {earning.charge.pk: earning.charge for earning in slip.earnings}
    for charge in charges.values():
        charge.updated_at = at
    Charge.objects.bulk_update(charges.values(), _CHANGING)
    ChargeChange.objects.bulk_create(changes)
