"""Reserve: all or nothing, over lots in burn order, once per key."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger import limits
from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from ledger.models import Balance
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import (
    balance_of,
    held_of,
    held_on,
    hold,
    order,
    reserve,
)
from tests.wallets.spending import use
from wallets import holds
from wallets.holds import Credit
from wallets.models import Hold, HoldPart

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def wallet():
    return factories.wallet()


def test_what_is_reserved_is_held_and_cannot_be_spent(wallet):
    grant = factories.grant(wallet=wallet, amount=100)

    hold(wallet.customer, 70)
    use(wallet.customer, 50, at=NOON)

    assert held_on(grant) == 70
    assert Balance.objects.get(pk=grant.account_id).debits == 30


def test_what_is_held_cannot_be_reserved_again(wallet):
    factories.grant(wallet=wallet, amount=100)
    hold(wallet.customer, 70)

    denied = reserve(wallet.customer, 31)

    assert (denied.hold.state, denied.hold.reason) == (Hold.State.DENIED, "credit_exhausted")
    assert denied.available == 30
    assert reserve(wallet.customer, 30).hold.state == Hold.State.ACTIVE


def test_a_hold_spreads_over_lots_in_burn_order(wallet):
    last = factories.grant(wallet=wallet, amount=100)
    urgent = factories.grant(wallet=wallet, amount=10, priority=1)
    limited = factories.grant(wallet=wallet, amount=5, feature_keys=["chat"])

    spread = hold(wallet.customer, 20, feature_key="chat")

    parts = HoldPart.objects.filter(hold=spread).values_list("account_id", "amount")
    assert list(parts) == [(limited.account_id, 5), (urgent.account_id, 10), (last.account_id, 5)]


def test_credit_for_other_features_is_left_alone(wallet):
    factories.grant(wallet=wallet, amount=50, feature_keys=["images"])

    assert reserve(wallet.customer, 1, feature_key="chat").available == 0


def test_own_credit_comes_before_what_is_shared():
    company = factories.customer()
    team = factories.customer(parent=company)
    shared = factories.grant(wallet=factories.wallet(customer=company, is_shared=True), amount=50)
    own = factories.grant(wallet=factories.wallet(customer=team), amount=20)

    hold(team, 30)

    assert (held_on(own), held_on(shared)) == (20, 10)


@pytest.mark.parametrize("terms", [{"expires_at": NOON + HOUR}, {"effective_at": NOON + 3 * HOUR}])
def test_credit_that_is_not_effective_is_no_credit(wallet, terms):
    factories.grant(wallet=wallet, **terms)

    assert reserve(wallet.customer, 1, at=NOON + HOUR).available == 0


def test_what_credit_does_not_cover_is_held_on_account(wallet):
    factories.grant(wallet=wallet, amount=10)

    made = hold(wallet.customer, 25, credit=Credit())

    assert balance_of(wallet.customer, "unbilled").held == 15
    assert held_of(made) == 25


def test_a_credit_limit_bounds_what_is_held_on_account(wallet):
    factories.grant(wallet=wallet, amount=10)
    limited = Credit(limit=Decimal(20))

    hold(wallet.customer, 25, credit=limited)

    assert reserve(wallet.customer, 6, credit=limited).available == 5
    assert hold(wallet.customer, 5, credit=limited)


def test_a_limit_set_later_counts_what_is_held_by_then(wallet):
    hold(wallet.customer, 25, credit=Credit())
    limits.set_floor(customer=wallet.customer, purpose="unbilled", floor=Decimal(-30))

    assert reserve(wallet.customer, 6, credit=Credit(limit=Decimal(30))).available == 5


def test_a_customer_without_limit_is_never_denied():
    assert hold(factories.customer(), "1000000000", credit=Credit())


def test_nothing_is_set_aside_of_a_denied_hold(wallet):
    grant = factories.grant(wallet=wallet, amount=10)

    denied = reserve(wallet.customer, 11).hold

    assert (held_on(grant), held_of(denied), denied.closed_at) == (0, 0, NOON)


def test_the_same_order_under_the_same_key_is_one_hold(wallet):
    grant = factories.grant(wallet=wallet)

    first = reserve(wallet.customer, 10, key="k1")
    again = reserve(wallet.customer, "10.0", key="k1", at=NOON + timedelta(minutes=1))

    assert (first.is_new, again.is_new) == (True, False)
    assert first.hold == again.hold
    assert held_on(grant) == 10


@pytest.mark.parametrize("other", [{"amount": 11}, {"feature_key": "x"}, {"expires_in": 2 * HOUR}])
def test_another_order_under_the_key_is_refused(wallet, other):
    factories.grant(wallet=wallet)
    reserve(wallet.customer, 10, key="k1")

    with pytest.raises(IdempotencyConflictError, match="k1"):
        reserve(wallet.customer, **({"amount": 10, "key": "k1"} | other))


def test_another_customer_cannot_use_the_key():
    first, second = (factories.grant().wallet.customer for _ in range(2))
    second.book = first.book
    second = factories.customer(book=first.book)
    reserve(first, 10, key="k1")

    with pytest.raises(IdempotencyConflictError, match="k1"):
        reserve(second, 10, key="k1")


def test_a_denied_key_stays_denied_whatever_came_since(wallet):
    first = reserve(wallet.customer, 10, key="k1")
    factories.grant(wallet=wallet, amount=100)

    again = reserve(wallet.customer, 10, key="k1")

    assert again.hold == first.hold
    assert (again.hold.state, again.hold.reason) == (Hold.State.DENIED, "credit_exhausted")


def test_an_order_may_be_denied_for_a_reason_of_the_caller(wallet):
    grant = factories.grant(wallet=wallet, amount=100)

    denied = reserve(wallet.customer, 10, key="k1", refused_for="budget_reached").hold

    assert (denied.state, denied.reason, held_on(grant)) == ("denied", "budget_reached", 0)
    assert reserve(wallet.customer, 10, key="k1").hold.reason == "budget_reached"


def test_orders_at_once_are_decided_in_their_order(wallet):
    factories.grant(wallet=wallet, amount=100)
    wanted = [order(wallet.customer, amount) for amount in (60, 50, 40)]

    decided = [one.hold.state for one in holds.reserve_all(wanted)]

    assert decided == ["active", "denied", "active"]


def test_the_same_order_twice_at_once_is_one_hold(wallet):
    grant = factories.grant(wallet=wallet, amount=100)

    first, second = holds.reserve_all([order(wallet.customer, 10, key="k1")] * 2)

    assert first.hold == second.hold
    assert held_on(grant) == 10


def test_children_cannot_hold_shared_credit_twice():
    company = factories.customer()
    teams = [factories.customer(parent=company) for _ in range(2)]
    factories.grant(wallet=factories.wallet(customer=company, is_shared=True), amount=100)

    decided = holds.reserve_all([order(team, 60) for team in teams])

    assert [one.hold.state for one in decided] == ["active", "denied"]
    assert decided[1].available == 40


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"key": ""}, "key"),
        ({"key": "a\0b"}, "key"),
        ({"key": "k" * 256}, "key"),
        ({"expires_in": timedelta(0)}, "expires_in"),
        ({"expires_in": timedelta(hours=24, microseconds=1)}, "expires_in"),
        ({"metadata": {"x": float("nan")}}, "metadata"),
    ],
)
def test_what_no_hold_can_be_is_refused(wallet, wanted, field):
    with pytest.raises(InvalidInputError) as refused:
        reserve(wallet.customer, **({"amount": 1} | wanted))

    assert refused.value.field == field


def test_an_amount_finer_than_its_asset_is_refused():
    cents = factories.asset(code="EUR", scale=2)
    wallet = factories.wallet(asset=cents)

    with pytest.raises(PrecisionError):
        reserve(wallet.customer, "0.001", asset=cents)
