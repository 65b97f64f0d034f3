"""
What customers may set aside: credit in burn order, then the room of a credit limit.

    survey = means.survey(wanted, …)            # locks nothing
    funds = bulk.lock({*survey.accounts, …})
    survey.fill(parts.give_back_expired(funds, at=…))
    survey.bind(since=…, until=…)               # to shares of others' wallets, where there are any
    … survey.means[customer, asset].take(…) per order …
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ledger import chart, limits
from ledger.bulk import Funds
from ledger.chart import Spec
from ledger.money import ZERO, add, negate, subtract
from wallets import funding
from wallets.burndown import Cap, Lot, allocate
from wallets.caps import Place, caps_of, open_uses
from wallets.holds.orders import Credit
from wallets.holds.parts import Part

Whose = tuple[int, int]  # customer, asset


@dataclass(slots=True, kw_only=True)
class Means:
    """One customer's means in one asset, under lock; they shrink as they are set aside."""

    lots: Sequence[Lot]
    unbilled_id: int
    credit: Credit
    room: Decimal | None = ZERO  # what may still stand unbilled; None: without limit
    caps: Mapping[int, Cap] = field(default_factory=dict)  # of wallets of others, by wallet

    def available(self, at: datetime, feature: str) -> Decimal | None:
        """Return what may be set aside for a feature at an instant; None: without limit."""
        if self.room is None:
            return None
        total, capped = self.room, defaultdict[int, Decimal](Decimal)
        for lot in self.lots:
            if lot.remaining > ZERO and lot.pays_for(feature, at):
                if lot.wallet_id in self.caps:
                    capped[lot.wallet_id] = add(capped[lot.wallet_id], lot.remaining)
                else:
                    total = add(total, lot.remaining)
        for wallet_id, amount in capped.items():
            total = add(total, min(amount, self.caps[wallet_id].room(at)))
        return total

    def take(self, amount: Decimal, at: datetime, feature: str) -> tuple[list[Part], Decimal]:
        """Take up to an amount, and return what each account gives, and what is missing."""
        parts: list[Part] = []
        for lot, taken in allocate(self.lots, amount, at, feature, self.caps):
            parts.append((lot.account_id, taken))
            amount = subtract(amount, taken)
        owed = amount if self.room is None else min(amount, self.room)
        if owed:
            parts.append((self.unbilled_id, owed))
            self.room = None if self.room is None else subtract(self.room, owed)
        return parts, subtract(amount, owed)


@dataclass(slots=True, kw_only=True)
class Survey:
    """The accounts that some customers may draw on, and once they are locked, how far."""

    candidates: funding.Candidates
    means: dict[Whose, Means] = field(default_factory=dict)

    @property
    def accounts(self) -> set[int]:
        """Return the accounts to be locked."""
        return {*self.candidates.lots, *(one.unbilled_id for one in self.means.values())}

    def fill(self, funds: Mapping[int, Funds]) -> None:
        """Say what is left, from balances under lock; set limits that accounts do not know yet."""
        for account_id, lot in self.candidates.lots.items():
            lot.remaining = max(funds[account_id].available or ZERO, ZERO)
        unbounded: dict[int, Decimal] = {}
        for one in self.means.values():
            unbilled = funds[one.unbilled_id]
            room = unbilled.available
            if unbilled.floor is None and one.credit.limit is not None:
                unbounded[one.unbilled_id] = negate(one.credit.limit)
                room = add(subtract(unbilled.settled, unbilled.held), one.credit.limit)
            if not one.credit.may_owe:
                room = ZERO
            one.room = room if room is None else max(room, ZERO)
        limits.bound(unbounded)

    def bind(self, *, since: datetime, until: datetime, held_since: datetime | None = None) -> None:
        """
        Hold customers to their shares of others' wallets between two instants, under their locks.

        What is added to a hold counts in the period that this was made in, ``held_since``. No
        query where nobody has a share.
        """
        if not self.candidates.has_shares:
            return
        first = since if held_since is None else held_since
        customer_ids = {customer_id for customer_id, _ in self.means}
        found = caps_of(customer_ids, since=first, until=until)
        for (customer_id, _), one in self.means.items():
            one.caps = found.get(customer_id, {})
            if held_since is not None:
                for cap in one.caps.values():
                    cap.hold_to(held_since)

    def place_of(self, whose: Whose, account_id: int, at: datetime) -> Place | None:
        """Return the period of a customer's share that a lot's credit counts in, if any."""
        lot = self.candidates.lots.get(account_id)
        cap = None if lot is None else self.means[whose].caps.get(lot.wallet_id)
        return None if cap is None else (cap.share_id, cap.start_of(at))


def numbered(places: Iterable[Place | None]) -> list[int]:
    """Return the numbers of shares' periods, 0 for none; no query if there are none."""
    wanted = list(places)
    named = [place for place in wanted if place is not None]
    uses = open_uses(named) if named else {}
    return [0 if place is None else uses[place] for place in wanted]


def survey(
    *, book_id: int, wanted: Mapping[Whose, Credit], since: datetime, until: datetime
) -> Survey:
    """Return what these customers may draw on between two instants. Two queries, locks nothing."""
    candidates = funding.lots_of(
        customer_ids=sorted({customer_id for customer_id, _ in wanted}),
        since=since,
        until=until,
        asset_ids=sorted({asset_id for _, asset_id in wanted}),
    )
    unbilled = unbilled_accounts(book_id, wanted, at=until)
    return Survey(
        candidates=candidates,
        means={
            whose: Means(lots=candidates.pool(*whose), unbilled_id=unbilled[whose], credit=credit)
            for whose, credit in wanted.items()
        },
    )


def unbilled_accounts(book_id: int, wanted: Iterable[Whose], *, at: datetime) -> dict[Whose, int]:
    """Return the customers' accounts for what they owe; every change of holds locks them."""
    specs = {whose: Spec(book_id, whose[0], "unbilled", whose[1]) for whose in wanted}
    opened = chart.accounts(specs.values(), at=at)
    return {whose: opened[spec] for whose, spec in specs.items()}
