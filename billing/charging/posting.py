"""
From differences to entries: who pays or is paid back, which accounts, what stays on record.

Everything of one instant of one owner is one transaction of the journal. An entry names its
charge as its source, so that a charge can be held against its entries. Many owners cost as many
queries as one: what is locked, for all of them, is what is billed, then accruals, then balances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from billing.charging import recording
from billing.charging.slips import Bill, Earning, Line, Owner, Slip, Start, is_deferred
from billing.metering import accruals
from billing.metering.funding import Payer, Purse, open_purse
from billing.metering.takings import Part, Takings
from billing.models import Charge
from ledger import bulk, chart
from ledger.chart import Spec
from ledger.money import ZERO, absolute, add, negate, subtract
from ledger.moves import Move, Posting
from wallets import watches
from wallets.burn_order import version_of

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

_Moves = defaultdict[datetime, list[Move]]
_Accounts = Mapping[Spec, int]


def post(*, owner: Owner, slip: Slip, at: datetime) -> None:
    """Post what differs for one owner, as ``post_all`` does."""
    post_all(bills=[Bill(owner, slip)], at=at)


def post_all(*, bills: Sequence[Bill], at: datetime) -> None:
    """
    Post what differs for owners of one book; who comes first is paid first.

    Must run inside a transaction that has locked what the charges are of. Of each slip, only
    those starts are left that something was missing of.
    """
    _open(bills)
    bills = [bill for bill in bills if bill.slip]
    if not bills:
        return
    new = recording.number([line.charge for _, slip in bills for line in slip.lines])
    accounts = chart.accounts({spec for bill in bills for spec in _specs(bill)}, at=at)
    purse = _purse(bills, at)
    moves = [_moves(bill, purse, accounts) for bill in bills]
    posted = _post(bills, moves, purse)
    watches.touch(
        {number for one in moves for part in one.values() for move in part for number in move[:2]}
    )
    recording.save([slip for _, slip in bills], new, posted, at)


def _open(bills: Sequence[Bill]) -> None:
    """Lock what is billed of the charges, and the series that may begin; see what these lack."""
    charges = [line.charge for _, slip in bills for line in slip.lines]
    starts = {start.series: start.wanted for _, slip in bills for start in slip.starts}
    opened = accruals.lock(starts, charge_ids=[one.pk for one in charges if one.pk is not None])
    for _, slip in bills:
        slip.starts = [start for start in slip.starts if start.meet(opened[start.series])]


def _specs(bill: Bill) -> Iterator[Spec]:
    owner, slip = bill
    for line in slip.lines:
        if line.amount:
            yield _house(owner, _credited(line.charge), line.label)
    for start in slip.starts:
        yield _house(owner, "usage_revenue", start.label)
    for earning in slip.earnings:
        yield _house(owner, "deferred_revenue", earning.label)
        yield _house(owner, "subscription_revenue", earning.label)


def _house(owner: Owner, purpose: str, label: str) -> Spec:
    return Spec(owner.catalogue.book_id, None, purpose, owner.asset_id, label[:_LONGEST])


def _credited(charge: Charge) -> str:
    return "deferred_revenue" if is_deferred(charge) else _PURPOSES[Charge.Kind(charge.kind)]


def _purse(bills: Sequence[Bill], at: datetime) -> Purse | None:
    """Lock what the customers may pay with, and what something may go back to."""
    paying = [bill for bill in bills if bill.slip.paid]
    if not paying:
        return None
    times = [one.effective_at for _, slip in paying for one in slip.paid]
    return open_purse(
        catalogue=paying[0].owner.catalogue,
        wanted={(owner.customer_id, owner.asset_id) for owner, _ in paying},
        terms={owner.customer_id: owner.terms for owner, _ in paying},
        since=min(times),
        until=max(times),
        at=at,
        taken=set().union(*(slip.givers for _, slip in paying)),
    )


def _moves(bill: Bill, purse: Purse | None, accounts: _Accounts) -> _Moves:
    """Have one owner pay or be paid back; return what moves, by its instant."""
    owner, slip = bill
    moves: _Moves = defaultdict(list)
    if slip.paid:
        assert purse is not None, "it is there for who pays"
        payer = purse.payers[owner.customer_id, owner.asset_id]
        for line in sorted(slip.lines, key=_turn):
            _settle(owner, line, payer, accounts, moves)
        for start in slip.starts:
            _start(owner, start, payer, accounts, moves)
    for earning in slip.earnings:
        _earn(owner, earning, accounts, moves)
    return moves


def _turn(line: Line) -> tuple[datetime, bool, str]:
    return line.effective_at, line.charge.kind == Charge.Kind.COUPON, line.charge.key


def _settle(owner: Owner, line: Line, payer: Payer, accounts: _Accounts, moves: _Moves) -> None:
    """Have the customer pay a difference, or be paid back where it came from."""
    charge, at = line.charge, line.effective_at
    if line.amount:
        house = accounts[_house(owner, _credited(charge), line.label)]
        takings = Takings(charge.taken)
        if line.amount > ZERO:
            parts = _paid(line, payer, takings, is_credit_only=owner.terms.is_credit_only)
            for account_id, part in parts:
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
        again = min(negate(given), rest, payer.left_on(account_id, rest, line.effective_at))
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


def _start(owner: Owner, start: Start, payer: Payer, accounts: _Accounts, moves: _Moves) -> None:
    """Take a first tier's flat price into its series, as the first event would."""
    assert start.accrual is not None, "it has been locked"
    at, takings, is_credit_only = (
        start.effective_at,
        start.accrual.takings,
        owner.terms.is_credit_only,
    )
    house = accounts[_house(owner, "usage_revenue", start.label)]
    if start.amount > ZERO:
        for account_id, part in payer.pay(start.amount, at, start.feature, takings, is_credit_only):
            moves[at].append(Move(account_id, house, part, at))
    else:
        for account_id, part in payer.give_back(negate(start.amount), takings):
            moves[at].append(Move(house, account_id, part, at))
    start.accrual.amount = add(start.accrual.amount, start.amount)


def _earn(owner: Owner, earning: Earning, accounts: _Accounts, moves: _Moves) -> None:
    charge, at = earning.charge, earning.effective_at
    deferred, revenue = (
        accounts[_house(owner, purpose, earning.label)]
        for purpose in ("deferred_revenue", "subscription_revenue")
    )
    charge.earned = add(charge.earned, earning.amount)
    debit, credit = (deferred, revenue) if earning.amount > ZERO else (revenue, deferred)
    moves[at].append(Move(debit, credit, absolute(earning.amount), at, charge.pk))


def _post(
    bills: Sequence[Bill], moves: Sequence[_Moves], purse: Purse | None
) -> list[dict[datetime, int]]:
    """Post a transaction for each instant of each owner; return their ids, by instant."""
    postings: list[Posting] = []
    for (owner, _), mine in zip(bills, moves, strict=True):
        postings += _postings(owner, "", mine)
    if not postings:
        return [{} for _ in bills]
    posted = iter(bulk.post(postings=[*postings, *_reclaims(bills, purse)]))
    return [{at: next(posted).transaction_id for at in sorted(mine)} for mine in moves]


def _reclaims(bills: Sequence[Bill], purse: Purse | None) -> Iterator[Posting]:
    """Bring expired credit back, for who comes first of those that may have taken it."""
    rest = purse.reclaims() if purse is not None else []
    for owner, _ in bills if rest else ():
        assert purse is not None, "something comes back by it"
        pool = purse.candidates.pool(owner.customer_id, owner.asset_id)
        accounts = {lot.account_id for lot in pool}
        returned: _Moves = defaultdict(list)  # from breakage, when the lots expired
        for move in rest:
            assert move.effective_at is not None, "it is dated by itself"
            if move.credit in accounts:
                returned[move.effective_at].append(move)
        rest = [move for move in rest if move.credit not in accounts]
        yield from _postings(owner, "reclaim:", returned)


def _postings(owner: Owner, name: str, moves: _Moves) -> Iterator[Posting]:
    book_id = owner.catalogue.book_id
    for place, at in enumerate(sorted(moves)):
        yield Posting(
            book_id=book_id,
            kind=KIND,
            key=f"{owner.key}:{name}{place}",
            effective_at=at,
            moves=moves[at],
            metadata={"burn_order": version_of(book_id)},
        )
