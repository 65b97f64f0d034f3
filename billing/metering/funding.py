"""
Who pays for what usage costs: credit by burn order, then the account, then an overdraft.

What has been used is always recorded: an amount that neither lots nor the credit limit cover
stands on the customer's overdraft account, in the open. Negative amounts go back where the money
came from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from billing import credit_limits
from billing.metering import pace
from billing.metering.snapshot import Snapshot, Terms
from billing.metering.takings import Takings
from billing.metering.units import Allowance, allowances_of
from ledger import bulk, chart, limits
from ledger.bulk import Funds
from ledger.chart import Spec
from ledger.money import ZERO, add, negate, subtract, total
from ledger.moves import Move
from wallets import burndown, funding
from wallets.burndown import Cap, Lot
from wallets.caps import Caps, caps_of, count
from wallets.holds.parts import give_back_expired


@dataclass(slots=True, kw_only=True)
class Payer:
    """One customer's means in one asset, under lock; they shrink as usage is paid."""

    lots: Sequence[Lot]
    unbilled_id: int
    overdraft_id: int
    room: Decimal | None  # what may still stand unbilled; None: without limit
    known: Mapping[int, Lot]  # the lots of all payers of the batch, by account
    caps: Mapping[int, Cap] = field(default_factory=dict)  # of wallets of others, by wallet

    def pay(
        self,
        amount: Decimal,
        at: datetime,
        feature: str,
        takings: Takings,
        is_credit_only: bool = False,
        prepaid: Sequence[tuple[int, Decimal]] = (),
    ) -> list[tuple[int, Decimal]]:
        """
        Take an amount above zero, note it, and return what each account gives, in order.

        With ``is_credit_only``, what credit does not cover is not put on account. ``prepaid`` is
        what has come back to accounts to pay for this, and for nothing else.
        """
        parts: list[tuple[int, Decimal]] = []
        if takings.is_owing and (again := self._taken_again(amount, takings, is_credit_only)):
            parts.append((self.unbilled_id, again))
            amount = subtract(amount, again)
        parts += prepaid
        for account_id, part in prepaid:
            amount = subtract(amount, part)
            self._count(account_id, part, at)
        parts += self._allocated(amount, at, feature, is_credit_only)
        for account_id, part in parts:
            takings.push(account_id, part)
        return parts

    def _taken_again(self, amount: Decimal, takings: Takings, is_credit_only: bool) -> Decimal:
        """Take what was given back before anything had come: it stands to the account's credit."""
        again = min(amount, takings.owed_to(self.unbilled_id))
        if again and self.room is not None:
            if not is_credit_only:
                again = min(again, max(self.room, ZERO))
            self.room = subtract(self.room, again)
        return again

    def _allocated(
        self, amount: Decimal, at: datetime, feature: str, is_credit_only: bool
    ) -> list[tuple[int, Decimal]]:
        parts: list[tuple[int, Decimal]] = []
        if self.lots:
            for lot, taken in burndown.allocate(self.lots, amount, at, feature, self.caps):
                parts.append((lot.account_id, taken))
                amount = subtract(amount, taken)
        if not amount:
            return parts
        if is_credit_only:
            return [*parts, (self.overdraft_id, amount)]
        if self.room is None:
            return [*parts, (self.unbilled_id, amount)]
        owed = min(amount, max(self.room, ZERO))
        if owed:
            self.room = subtract(self.room, owed)
            parts.append((self.unbilled_id, owed))
        if rest := subtract(amount, owed):
            parts.append((self.overdraft_id, rest))
        return parts

    def give_back(
        self,
        amount: Decimal,
        takings: Takings,
        own: Sequence[tuple[int, Decimal]] = (),
        at: datetime | None = None,
    ) -> list[tuple[int, Decimal]]:
        """
        Return an amount where it came from, last in first out; what came from nowhere is owed.

        What returns counts for the share of a wallet in the period of the usage, ``at``.
        ``own`` is what the event that is taken back has paid from: that is returned first.
        """
        parts = [
            (account_id, found)
            for account_id, part in burndown.give_back(own, amount)
            if (found := takings.remove(account_id, part))
        ]
        rest = subtract(amount, total(part for _, part in parts))
        popped, rest = takings.pop(rest)
        parts += popped
        if rest:
            takings.push(self.unbilled_id, negate(rest))
            parts.append((self.unbilled_id, rest))
        for account_id, part in parts:
            self.restore(account_id, part)
            if at is not None:
                self._count(account_id, negate(part), at)
        return parts

    def _count(self, account_id: int, amount: Decimal, at: datetime) -> None:
        """Count what a lot of a shared wallet gave, in the customer's share."""
        if not self.caps:
            return
        lot = self.known.get(account_id)
        if lot is not None and (cap := self.caps.get(lot.wallet_id)) is not None:
            cap.take(amount, at)

    def left_on(self, account_id: int, most: Decimal, at: datetime) -> Decimal:
        """
        Return how much of an amount an account can give at an instant.

        A lot of the customer's gives what is left of it, while it lives: whoever else is charged
        in the same batch changes nothing about that. Its other accounts give all.
        """
        if account_id in {self.unbilled_id, self.overdraft_id}:
            return most
        lot = next((lot for lot in self.lots if lot.account_id == account_id), None)
        return lot.remaining if lot is not None and lot.lives(at) else ZERO

    def restore(self, account_id: int, amount: Decimal) -> None:
        """Make an amount that goes back to an account available again within this batch."""
        if account_id == self.unbilled_id:
            if self.room is not None:
                self.room = add(self.room, amount)
        elif lot := self.known.get(account_id):
            lot.remaining = add(lot.remaining, amount)


@dataclass(slots=True, kw_only=True)
class Purse:
    """All payers of a batch."""

    payers: dict[tuple[int, int], Payer] = field(default_factory=dict)  # (customer, asset)
    candidates: funding.Candidates = field(default_factory=funding.Candidates)
    allowances: Sequence[Allowance] = ()
    locked: Collection[int] = ()
    caps: Caps = field(default_factory=dict)

    def bind(self, *, since: datetime, until: datetime, also: Iterable[int] = ()) -> None:
        """
        Hold customers to their shares of others' wallets, for usage in ``[since, until]``.

        ``also`` are customers who pay for nothing of it, but may be given back to.
        """
        customer_ids = {*also, *(customer_id for customer_id, _ in self.payers)}
        self.caps = caps_of(customer_ids, since=since, until=until)
        for (customer_id, _), payer in self.payers.items():
            payer.caps = self.caps.get(customer_id, payer.caps)

    def count_shares(self) -> None:
        """Write down what was taken of shares."""
        count([cap for caps in self.caps.values() for cap in caps.values()])

    def restore(self, account_id: int, amount: Decimal) -> None:
        """Make an amount that comes back to an account available again within this batch."""
        for payer in self.payers.values():
            if account_id == payer.unbilled_id or account_id in payer.known:
                payer.restore(account_id, amount)
                return

    def allowances_for(self, customer_id: int, meter_id: int) -> list[Allowance]:
        """Return the allowances that may count a customer's usage of a meter: its line's."""
        line = self.candidates.lines.get(customer_id, ())
        return [
            one for one in self.allowances if one.meter_id == meter_id and one.customer_id in line
        ]

    def reclaims(self) -> list[Move]:
        """Return the moves that bring expired credit back for usage from before its expiry."""
        return funding.reclaims(self.candidates)


def open_purse(
    *,
    catalogue: Snapshot,
    wanted: Iterable[tuple[int, int]],
    terms: Mapping[int, Terms],
    since: datetime,
    until: datetime,
    at: datetime,
    taken: Collection[int] = (),
    units: Collection[tuple[int, int]] = (),
) -> Purse:
    """
    Lock all that these (customer, asset) pairs may pay with for usage in ``[since, until]``.

    ``units`` are (customer, asset) pairs of what meters count in: lots granted ahead.

    Everything guarded that the batch may move is locked here, in one sorted pass: what the database
    locks later, it has already. ``taken`` are accounts that something may go back to. What was held
    and has expired by ``at`` pays again, whether a sweep has come by or not.
    """
    pairs = sorted(set(wanted))
    if not pairs and not units:
        return Purse()
    owing = _owing(catalogue, pairs, at)
    candidates = funding.lots_of(
        customer_ids=sorted({customer_id for customer_id, _ in [*pairs, *units]}),
        since=since,
        until=until,
        asset_ids=sorted({asset_id for _, asset_id in [*pairs, *units]}),
        also=taken,
    )
    allowances = _allowances(catalogue, candidates, units, at) if units else []
    owed_on = [number for numbers in owing.values() for number in numbers]
    owed_on += [one.overdraft_id for one in allowances if one.overdraft_id]
    locked = bulk.lock({*candidates.lots, *owed_on, *taken})
    if any(one.held for one in locked.values()):
        pace.meet_holds(catalogue.book_id, at=at)
    funds = give_back_expired(locked, at=at)
    funding.fill(candidates, funds)
    if bounded := _bounded(owing, funds, terms):
        funds = {**funds, **bounded}
    purse = Purse(candidates=candidates, allowances=allowances, locked=funds.keys())
    for customer_id, asset_id in pairs:
        unbilled_id, overdraft_id = owing[customer_id, asset_id]
        purse.payers[customer_id, asset_id] = Payer(
            lots=candidates.pool(customer_id, asset_id),
            unbilled_id=unbilled_id,
            overdraft_id=overdraft_id,
            room=funds[unbilled_id].available,
            known=candidates.lots,
        )
    return purse


def _allowances(
    catalogue: Snapshot,
    candidates: funding.Candidates,
    units: Collection[tuple[int, int]],
    at: datetime,
) -> list[Allowance]:
    owners = {owner for customer_id, _ in units for owner in candidates.lines[customer_id]}
    unit_ids = {unit_id for _, unit_id in units}
    return allowances_of(sorted(owners), sorted(unit_ids), book_id=catalogue.book_id, at=at)


def _owing(
    catalogue: Snapshot, pairs: Iterable[tuple[int, int]], at: datetime
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the unbilled and the overdraft account of each (customer, asset)."""
    known = catalogue.owing_accounts
    found = {pair: numbers for pair in pairs if (numbers := known.get(pair))}
    if missing := [pair for pair in pairs if pair not in found]:
        specs = {
            (pair, purpose): Spec(catalogue.book_id, pair[0], purpose, pair[1])
            for pair in missing
            for purpose in ("unbilled", "overdraft")
        }
        opened = chart.accounts(specs.values(), at=at)
        fresh = {
            pair: (opened[specs[pair, "unbilled"]], opened[specs[pair, "overdraft"]])
            for pair in missing
        }
        # Remembered only once committed: what is rolled back was never there.
        transaction.on_commit(lambda: known.update(fresh))
        found |= fresh
    return found


def _bounded(
    owing: Mapping[tuple[int, int], tuple[int, int]],
    funds: Mapping[int, Funds],
    terms: Mapping[int, Terms],
) -> dict[int, Funds]:
    """Bind accounts that were opened since a limit was set; return them as they are then."""
    fresh = {
        unbilled_id: (customer_id, negate(limit))
        for (customer_id, _), (unbilled_id, _) in owing.items()
        if (limit := terms[customer_id].credit_limit) is not None
        and funds[unbilled_id].floor is None
    }
    if not fresh:
        return {}
    limits.bound({number: floor for number, (_, floor) in fresh.items()})
    credit_limits.follow({customer_id for customer_id, _ in fresh.values()})
    return bulk.lock(fresh)
