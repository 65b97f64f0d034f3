"""Meter, price and burn-down together: the same usage costs the same however it arrives."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.aggregations import OBSERVE, Reading, Running, value_of
from billing.rating.price import charge
from billing.rating.unit import Unit
from ledger.money import add, subtract
from wallets.burndown import Lot, allocate, give_back, sort_lots

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
PRICE = Unit(unit_price=Decimal("0.003"))
readings = st.lists(
    st.tuples(
        st.decimals(0, 10_000, places=2, allow_nan=False),
        st.sampled_from("abc"),
        st.integers(0, 9),
    ),
    max_size=10,
).map(
    lambda drawn: [
        Reading(value, text, NOON + timedelta(minutes=minutes), f"event {number}")
        for number, (value, text, minutes) in enumerate(drawn)
    ]
)
lots = st.lists(st.decimals(0, 20, places=2, allow_nan=False), min_size=1, max_size=4).map(
    lambda amounts: [
        Lot(account_id=number, grant_id=number, remaining=amount, effective_at=NOON)
        for number, amount in enumerate(amounts)
    ]
)


class Wallet:
    """Funds each charge from lots, records what they gave, and owes the rest."""

    def __init__(self, purse: list[Lot]) -> None:
        self.lots = sort_lots(purse)
        self.recorded: list[tuple[int, Decimal]] = []
        self.owed = Decimal(0)

    def settle(self, amount: Decimal) -> None:
        if amount >= 0:
            takes = allocate(self.lots, amount, NOON, "api")
            self.recorded += [(take.lot.account_id, take.amount) for take in takes]
            rest = amount
            for take in takes:
                rest = subtract(rest, take.amount)
            self.owed = add(self.owed, rest)
            return
        back = -amount
        less_owed = min(self.owed, back)
        self.owed = subtract(self.owed, less_owed)
        for account_id, part in give_back(self.recorded, subtract(back, less_owed)):
            lot = next(lot for lot in self.lots if lot.account_id == account_id)
            lot.remaining = add(lot.remaining, part)
            self._forget(part)

    def _forget(self, part: Decimal) -> None:
        account_id, taken = self.recorded.pop()
        if taken > part:
            self.recorded.append((account_id, subtract(taken, part)))


@pytest.mark.parametrize(
    "aggregation", ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
)
@given(items=readings, purse=lots, data=st.data())
def test_balances_do_not_depend_on_the_order_of_events(aggregation, items, purse, data):
    at_once, piece_by_piece = Wallet(deepcopy(purse)), Wallet(purse)
    at_once.settle(PRICE.amount(value_of(aggregation, items)))

    state, seen, charged = Running(), set(), Fraction(0)
    for item in data.draw(st.permutations(items), label="order"):
        before = state.value
        OBSERVE[aggregation](state, item.value, item.at, item.key, item.text not in seen)
        seen.add(item.text)
        change = charge(PRICE, before, state.value)
        charged += Fraction(change)
        piece_by_piece.settle(change)

    assert charged == Fraction(PRICE.amount(value_of(aggregation, items)))
    assert [lot.remaining for lot in piece_by_piece.lots] == [lot.remaining for lot in at_once.lots]
    assert piece_by_piece.owed == at_once.owed
