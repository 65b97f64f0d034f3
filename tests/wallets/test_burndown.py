"""Burn-down spends lots in the recorded order and never goes short while a lot has value."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from wallets.burndown import Lot, allocate, give_back, order_key, sort_lots

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
FEATURES = ["api", "chat", "image"]
hours = st.integers(-5, 5).map(lambda count: NOON + timedelta(hours=count))
values = st.decimals(min_value=0, max_value=100, places=3, allow_nan=False)


def lot(grant_id: int = 1, remaining: str = "10", **facts: object) -> Lot:
    defaults = {"effective_at": NOON - timedelta(days=1), "account_id": grant_id + 1000}
    return Lot(grant_id=grant_id, remaining=Decimal(remaining), **{**defaults, **facts})


lots_ = st.lists(
    st.builds(
        Lot,
        account_id=st.integers(1, 10**6),
        grant_id=st.integers(1, 10**6),
        remaining=values,
        effective_at=hours,
        expires_at=st.none() | hours,
        priority=st.integers(0, 3),
        features=st.frozensets(st.sampled_from(FEATURES), max_size=3),
        is_promotional=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda made: made.grant_id,
)
events = st.lists(st.tuples(hours, st.sampled_from(FEATURES), values), max_size=6)


def burn_by_hand(lots, amount, at, feature, *, promotional_first):
    """Do what DESIGN says in the slowest way: again and again find the best lot."""
    purses = {made.grant_id: Fraction(made.remaining) for made in lots}
    owed, paid = Fraction(amount), []

    def better(one: Lot, two: Lot) -> bool:
        for left, right in (
            (len(one.features) or 99, len(two.features) or 99),
            (one.priority, two.priority),
            (
                one.expires_at.timestamp() if one.expires_at else float("inf"),
                two.expires_at.timestamp() if two.expires_at else float("inf"),
            ),
            (
                one.is_promotional != promotional_first,
                two.is_promotional != promotional_first,
            ),
            (one.effective_at, two.effective_at),
            (one.grant_id, two.grant_id),
        ):
            if left != right:
                return left < right
        raise AssertionError

    while owed:
        usable = [
            made
            for made in lots
            if purses[made.grant_id] > 0
            and made.effective_at <= at
            and (made.expires_at is None or at < made.expires_at)
            and (not made.features or feature in made.features)
        ]
        if not usable:
            break
        best = usable[0]
        for other in usable[1:]:
            best = other if better(other, best) else best
        part = min(owed, purses[best.grant_id])
        purses[best.grant_id] -= part
        owed -= part
        paid.append((best.grant_id, part))
    return paid, purses


@given(lots_, values, hours, st.sampled_from(FEATURES), st.booleans())
def test_allocation_agrees_with_the_order_done_by_hand(lots, amount, at, feature, first):
    paid, purses = burn_by_hand(lots, amount, at, feature, promotional_first=first)

    takes = allocate(sort_lots(lots, promotional_first=first), amount, at, feature)

    assert [(take.lot.grant_id, Fraction(take.amount)) for take in takes] == paid
    assert {made.grant_id: Fraction(made.remaining) for made in lots} == purses


@given(lots_, events)
def test_credit_is_conserved_and_short_only_when_no_eligible_lot_has_value(lots, batch):
    ordered = sort_lots(lots)
    for at, feature, amount in sorted(batch):
        before = sum(Fraction(made.remaining) for made in ordered)
        takes = allocate(ordered, amount, at, feature)
        taken = sum((Fraction(take.amount) for take in takes), Fraction(0))

        assert all(take.amount > 0 for take in takes)
        assert all(made.remaining >= 0 for made in ordered)
        assert sum(Fraction(made.remaining) for made in ordered) == before - taken
        if taken < Fraction(amount):
            assert not any(made.remaining and made.pays_for(feature, at) for made in ordered)


@given(lots_, values, values, hours, st.sampled_from(FEATURES))
def test_an_amount_may_be_spent_in_parts(lots, one, two, at, feature):
    at_once, in_parts = sort_lots(deepcopy(lots)), sort_lots(lots)

    allocate(at_once, one + two, at, feature)
    allocate(in_parts, one, at, feature)
    allocate(in_parts, two, at, feature)

    assert at_once == in_parts


@given(lots_, hours, st.sampled_from(FEATURES), values, st.data())
def test_what_is_given_back_undoes_the_last_part_of_the_spending(lots, at, feature, amount, data):
    ordered = sort_lots(lots)
    spent_less = deepcopy(ordered)
    takes = allocate(ordered, amount, at, feature)
    taken = sum((take.amount for take in takes), Decimal(0))
    back = data.draw(
        st.decimals(min_value=0, max_value=taken, places=3, allow_nan=False), label="back"
    )

    for account_id, part in give_back([(t.lot.grant_id, t.amount) for t in takes], back):
        next(made for made in ordered if made.grant_id == account_id).remaining += part
    allocate(spent_less, taken - back, at, feature)

    assert ordered == spent_less


def test_more_than_was_taken_is_never_given_back():
    recorded = [(1, Decimal(3)), (2, Decimal(2))]

    assert give_back(recorded, Decimal(9)) == [(2, Decimal(2)), (1, Decimal(3))]
    assert give_back(recorded, Decimal(0)) == []
    assert give_back([], Decimal(9)) == []


def test_each_rule_of_the_order_decides_when_those_before_it_are_equal():
    late, early = NOON + timedelta(days=2), NOON + timedelta(days=1)
    in_order = [
        lot(9, features=frozenset({"api"}), priority=200),
        lot(8, features=frozenset({"api", "chat"})),
        lot(7, priority=1),
        lot(6, expires_at=early),
        lot(5, expires_at=late, is_promotional=True),
        lot(4, expires_at=late, effective_at=NOON - timedelta(days=9)),
        lot(2, expires_at=late),
        lot(3, expires_at=late),
        lot(1),
    ]

    assert sort_lots(reversed(in_order)) == in_order


def test_a_book_may_burn_paid_credit_first():
    paid, given_away = lot(2), lot(1, is_promotional=True)

    assert sort_lots([paid, given_away]) == [given_away, paid]
    assert sort_lots([paid, given_away], promotional_first=False) == [paid, given_away]


@given(lots_)
def test_no_two_grants_share_a_place(lots):
    assert len({order_key(made) for made in lots}) == len(lots)


def test_a_lot_pays_from_its_first_instant_until_just_before_its_last():
    ends = NOON + timedelta(hours=1)
    made = lot(effective_at=NOON, expires_at=ends)

    assert made.pays_for("api", NOON)
    assert made.pays_for("api", ends - timedelta(microseconds=1))
    assert not made.pays_for("api", ends)
    assert not made.pays_for("api", NOON - timedelta(microseconds=1))


def test_amounts_of_38_digits_are_spent_exactly():
    made = lot(remaining="9" * 26 + "." + "9" * 12)

    allocate([made], Decimal("0.000000000001"), NOON, "api")

    assert made.remaining == Decimal("9" * 26 + "." + "9" * 11 + "8")
