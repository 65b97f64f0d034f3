"""Capture: what was set aside is taken, and what of it was not needed is given back."""

from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Account, Balance, Entry, Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import (
    balance_of,
    capture,
    held_of,
    held_on,
    hold,
    reserve,
    standing_on,
)
from tests.wallets.spending import left_in, use
from wallets import holds
from wallets.errors import CaptureExceedsHoldError, CreditExhaustedError, HoldClosedError
from wallets.holds import Credit
from wallets.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant():
    return factories.grant(amount=100)


@pytest.fixture
def customer(grant):
    return grant.wallet.customer


def test_less_is_taken_and_the_rest_given_back(grant, customer):
    made = hold(customer, 75)

    capture(made, 30)

    made.refresh_from_db()
    assert (left_in(grant), held_on(grant)) == (70, 0)
    assert (made.state, made.captured, made.closed_at) == (Hold.State.CAPTURED, 30, NOON)


def test_what_is_captured_is_revenue_of_the_feature(grant, customer):
    capture(hold(customer, 75, feature_key="chat"), 30)

    entry = Entry.objects.get(transaction__kind="capture")
    revenue = Account.objects.get(pk=entry.credit_account_id)
    assert (revenue.purpose, revenue.discriminator) == ("usage_revenue", "chat")
    assert (entry.debit_account_id, entry.amount) == (grant.account_id, 30)


def test_a_capture_takes_from_lots_in_the_order_they_were_held():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, amount=10, priority=1)
    second = factories.grant(wallet=wallet, amount=50)

    capture(hold(wallet.customer, 40), 25)

    assert (left_in(first), left_in(second)) == (0, 35)
    assert held_on(second) == 0


def test_what_was_held_on_account_is_owed():
    customer = factories.customer()

    capture(hold(customer, 40, credit=Credit()), 25)

    unbilled = balance_of(customer, "unbilled")
    assert (unbilled.debits, unbilled.held) == (25, 0)


def test_a_lease_is_captured_many_times_until_the_last(grant, customer):
    lease = hold(customer, 75, purpose="lease")

    capture(lease, 30, is_final=False)
    capture(lease, 20, is_final=False)

    assert (held_of(lease), held_on(grant), left_in(grant)) == (25, 25, 50)
    capture(lease, 5)
    assert (held_on(grant), left_in(grant)) == (0, 45)


def test_the_same_capture_under_the_same_key_happens_once(grant, customer):
    made = hold(customer, 75)

    first = capture(made, 30, key="c1")
    again = capture(made, 30, key="c1")

    assert first == again
    assert left_in(grant) == 70


def test_another_capture_under_the_key_is_refused(customer):
    made = hold(customer, 75)
    capture(made, 30, key="c1")

    with pytest.raises(IdempotencyConflictError, match="c1"):
        capture(made, 31, key="c1")
    with pytest.raises(IdempotencyConflictError, match="c1"):
        capture(hold(customer, 5), 30, key="c1")


def test_a_hold_is_captured_for_good_once(customer):
    made = hold(customer, 75)
    capture(made, 30)

    with pytest.raises(HoldClosedError, match="captured"):
        capture(made, 10)


def test_nothing_may_be_captured_of_a_denied_hold(customer):
    denied = reserve(customer, 101).hold

    with pytest.raises(HoldClosedError, match="denied"):
        capture(denied, 1)


def test_nothing_captured_for_good_releases_it_all(grant, customer):
    capture(hold(customer, 75), 0)

    assert (left_in(grant), held_on(grant)) == (100, 0)
    assert not Transaction.objects.filter(kind="capture")


def test_more_than_was_held_is_rejected_unless_the_caller_says_otherwise(grant, customer):
    made = hold(customer, 75)

    with pytest.raises(CaptureExceedsHoldError, match="held: 75"):
        capture(made, 76)

    assert (held_on(grant), left_in(grant)) == (75, 100)


def test_more_is_taken_if_it_is_available(grant, customer):
    made = hold(customer, 75)

    capture(made, 90, beyond="allow_if_available")

    made.refresh_from_db()
    assert (left_in(grant), held_on(grant), made.captured) == (10, 0, 90)


def test_more_than_is_available_is_refused_and_changes_nothing(grant, customer):
    made = hold(customer, 75)

    with pytest.raises(CreditExhaustedError, match="available: 25"):
        capture(made, 101, beyond="allow_if_available")

    assert (held_on(grant), left_in(grant)) == (75, 100)


def test_what_others_hold_is_not_available(customer):
    made = hold(customer, 75)
    hold(customer, 20)

    with pytest.raises(CreditExhaustedError, match="available: 5"):
        capture(made, 85, beyond="allow_if_available")


def test_what_nothing_covers_is_an_overdraft_if_the_caller_says_so(grant, customer):
    made = hold(customer, 75)

    capture(made, 120, beyond="overdraft")

    assert (left_in(grant), standing_on(customer, "overdraft")) == (0, -20)


def test_more_may_go_on_account_up_to_its_limit(customer):
    made = hold(customer, 75)

    capture(made, 120, beyond="overdraft", credit=Credit(limit=Decimal(15)))

    assert standing_on(customer, "unbilled") == -15
    assert standing_on(customer, "overdraft") == -5


def test_a_lease_may_go_beyond_and_on(grant, customer):
    lease = hold(customer, 10)
    capture(lease, 30, is_final=False, beyond="allow_if_available")

    holds.extend(hold=lease, amount=Decimal(20), at=NOON)
    capture(lease, 20)

    assert (left_in(grant), held_on(grant)) == (50, 0)


def test_usage_meanwhile_cannot_take_what_is_held(grant, customer):
    made = hold(customer, 75)
    use(customer, 60, at=NOON)

    capture(made, 75)

    assert left_in(grant) == 0
    assert Balance.objects.get(pk=grant.account_id).debits == 100
    assert standing_on(customer, "overdraft") == -35


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"amount": -1}, "amount"),
        ({"key": "a\0b"}, "key"),
        ({"beyond": "always"}, "beyond"),
        ({"events": [("s", "1"), ("s", "1")]}, "events"),
        ({"events": [("s", str(n)) for n in range(1001)]}, "events"),
    ],
)
def test_what_no_capture_can_be_is_refused(customer, wanted, field):
    made = hold(customer, 10)

    with pytest.raises(InvalidInputError) as refused:
        capture(made, **({"amount": 1} | wanted))

    assert refused.value.field == field
