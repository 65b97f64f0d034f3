"""Release, extend, expire: to the instant, whether a sweep has run or not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from ledger import bulk
from ledger.errors import InvalidInputError, PrecisionError
from ledger.models import Outbox, TestClock
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import (
    CREDIT_ONLY,
    capture,
    held_of,
    held_on,
    hold,
    reserve,
)
from wallets import grants, holds
from wallets.errors import CreditExhaustedError, HoldClosedError
from wallets.holds import parts
from wallets.models import Hold

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def grant():
    return factories.grant(amount=100)


@pytest.fixture
def customer(grant):
    return grant.wallet.customer


def test_a_release_gives_all_back(grant, customer):
    made = holds.release(hold=hold(customer, 75), at=NOON)

    assert (made.state, made.closed_at, held_on(grant)) == ("released", NOON, 0)


def test_releasing_again_changes_nothing(customer):
    made = hold(customer, 75)
    holds.release(hold=made, at=NOON)

    assert holds.release(hold=made, at=NOON + HOUR / 2).closed_at == NOON


def test_what_was_captured_cannot_be_released(customer):
    made = hold(customer, 75)
    capture(made, 10)

    with pytest.raises(HoldClosedError, match="captured"):
        holds.release(hold=made, at=NOON)


def test_a_lease_gives_back_what_was_not_captured(grant, customer):
    lease = hold(customer, 75)
    capture(lease, 30, is_final=False)

    holds.release(hold=lease, at=NOON)

    assert held_on(grant) == 0


def test_what_is_released_of_a_voided_grant_is_no_credit(grant, customer):
    made = hold(customer, 75)
    grants.void(grant=grant, at=NOON)

    holds.release(hold=made, at=NOON)

    assert reserve(customer, 1).available == 0


@pytest.mark.parametrize(("late", "state"), [(HOUR - MOMENT, "denied"), (HOUR, "active")])
def test_a_hold_expires_to_the_instant_though_no_sweep_has_run(grant, customer, late, state):
    hold(customer, 75, expires_in=HOUR)

    assert reserve(customer, 75, at=NOON + late).hold.state == state
    assert held_on(grant) == 75


def test_expired_credit_burns_again_in_its_order():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, priority=1)
    second = factories.grant(wallet=wallet)
    hold(wallet.customer, 75)

    hold(wallet.customer, 80, at=NOON + HOUR)

    assert (held_on(first), held_on(second)) == (80, 0)


def test_what_has_expired_is_not_given_back_twice(grant, customer):
    made = hold(customer, 75)
    reserve(customer, 75, at=NOON + HOUR)

    assert holds.expire(at=NOON + HOUR) == 1

    made.refresh_from_db()
    assert (made.state, made.closed_at, held_on(grant)) == ("expired", NOON + HOUR, 75)


@pytest.mark.parametrize(
    "late",
    [
        lambda made: capture(made, 1, at=NOON + HOUR),
        lambda made: holds.extend(hold=made, expires_in=HOUR, at=NOON + HOUR),
        lambda made: holds.extend(hold=made, amount=Decimal(1), at=NOON + HOUR),
    ],
    ids=["capture", "extend time", "extend amount"],
)
def test_an_expired_hold_is_over(customer, late):
    made = hold(customer, 75)

    with pytest.raises(HoldClosedError, match="expired"):
        late(made)


@pytest.mark.parametrize(
    "late",
    [
        lambda made: capture(made, 1, at=NOON),
        lambda made: holds.extend(hold=made, expires_in=HOUR, at=NOON),
    ],
    ids=["capture", "extend"],
)
def test_a_hold_that_expired_by_anothers_clock_is_over(customer, late):
    made = hold(customer, 75)
    reserve(customer, 75, at=NOON + HOUR)

    with pytest.raises(HoldClosedError, match="expired"):
        late(made)


def test_releasing_an_expired_hold_says_that_it_expired(grant, customer):
    made = holds.release(hold=hold(customer, 75), at=NOON + 2 * HOUR)

    assert (made.state, made.closed_at, held_on(grant)) == ("expired", NOON + HOUR, 0)


def test_a_sweep_ends_what_has_expired_and_nothing_else(grant, customer):
    hold(customer, 40)
    later = hold(customer, 20, expires_in=2 * HOUR)

    assert holds.expire(at=NOON + HOUR) == 1
    assert holds.expire(at=NOON + HOUR) == 0

    assert (held_on(grant), held_of(later)) == (20, 20)


def test_a_sweep_may_be_limited(customer):
    for _ in range(3):
        hold(customer, 1)

    assert [holds.expire(at=NOON + HOUR, limit=2), holds.expire(at=NOON + HOUR)] == [2, 1]


def test_a_test_clock_decides_for_those_who_live_by_it(grant, customer):
    clock = TestClock.objects.create(
        book=customer.book, key="c", now_at=NOON + 9 * HOUR, created_at=NOON
    )
    customer.clock = clock
    customer.save()
    made = hold(customer, 75, at=NOON + 9 * HOUR)

    assert holds.expire(at=NOON + 30 * HOUR) == 0
    assert parts.expired_on([grant.account_id], at=NOON + 30 * HOUR) == {}

    clock.now_at = NOON + 10 * HOUR
    clock.save()
    assert parts.expired_on([grant.account_id], at=NOON) == {grant.account_id: 75}
    assert holds.expire(at=NOON) == 1
    made.refresh_from_db()
    assert made.closed_at == NOON + 10 * HOUR


def events():
    """Return what was told of holds that expired: key, captured, given back."""
    told = Outbox.objects.filter(topic="event", payload__type="hold.expired").order_by("pk")
    data = [row.payload["data"] for row in told]
    return [(one["hold"], one["captured"], one["given_back"]) for one in data]


def test_expiry_is_told_once_by_whoever_ends_the_hold(customer):
    lease, late = (hold(customer, amount, expires_in=HOUR) for amount in (75, 5))
    capture(lease, 30, is_final=False)
    hold(customer, 1, expires_in=2 * HOUR)

    for _ in range(2):
        holds.release(hold=late, at=NOON + HOUR)
        holds.expire(at=NOON + HOUR)

    assert events() == [(late.key, "0", "5"), (lease.key, "30", "45")]


def test_what_ends_in_time_is_not_told_to_have_expired(customer):
    holds.release(hold=hold(customer, 75), at=NOON)
    capture(hold(customer, 75), 10)
    holds.expire(at=NOON + 30 * HOUR)

    assert events() == []


@pytest.mark.parametrize("many", [1, 20])
def test_sweep_takes_as_many_queries_for_one_hold_as_for_twenty(
    customer, many, django_assert_num_queries
):
    for _ in range(many):
        hold(customer, 1, expires_in=HOUR)

    with django_assert_num_queries(17):
        assert holds.expire(at=NOON + HOUR) == many


def test_whoever_locks_an_account_gives_back_what_has_expired_on_it(grant, customer):
    hold(customer, 75)
    hold(customer, 5, expires_in=2 * HOUR)

    with transaction.atomic():
        funds = bulk.lock([grant.account_id])
        after = parts.give_back_expired(funds, at=NOON + HOUR)

    assert after[grant.account_id].available == 95
    assert held_on(grant) == 5


def test_nothing_is_asked_where_nothing_is_held(grant, django_assert_num_queries):
    with transaction.atomic():
        funds = bulk.lock([grant.account_id])
        with django_assert_num_queries(0):
            assert parts.give_back_expired(funds, at=NOON) == funds


def test_an_extension_sets_more_aside(grant, customer):
    made = hold(customer, 75)

    holds.extend(hold=made, amount=Decimal(20), at=NOON, credit=CREDIT_ONLY)

    made.refresh_from_db()
    assert (held_on(grant), made.requested, held_of(made)) == (95, 95, 95)


def test_an_extension_spreads_over_further_lots():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, amount=10, priority=1)
    second = factories.grant(wallet=wallet, amount=10)
    made = hold(wallet.customer, 5)

    holds.extend(hold=made, amount=Decimal(10), at=NOON, credit=CREDIT_ONLY)

    assert (held_on(first), held_on(second)) == (10, 5)
    spread = made.parts.values_list("account_id", "amount")
    assert list(spread) == [(first.account_id, 10), (second.account_id, 5)]


def test_more_than_there_is_cannot_be_added(grant, customer):
    made = hold(customer, 75)

    with pytest.raises(CreditExhaustedError, match="available: 25"):
        holds.extend(hold=made, amount=Decimal(26), at=NOON, credit=CREDIT_ONLY)

    assert held_on(grant) == 75


def test_an_extension_in_time_counts_from_now(customer):
    made = hold(customer, 75)

    holds.extend(hold=made, expires_in=HOUR, at=NOON + HOUR / 2)

    made.refresh_from_db()
    assert made.expires_at == NOON + 1.5 * HOUR


def test_an_extension_never_shortens(customer):
    made = hold(customer, 75, expires_in=2 * HOUR)

    assert holds.extend(hold=made, expires_in=HOUR, at=NOON).expires_at == NOON + 2 * HOUR


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"amount": Decimal(0)},
        {"amount": Decimal(-1)},
        {"expires_in": timedelta(0)},
        {"expires_in": timedelta(hours=25)},
    ],
)
def test_what_no_extension_can_be_is_refused(customer, wanted):
    made = hold(customer, 75)

    with pytest.raises(InvalidInputError):
        holds.extend(hold=made, at=NOON, **wanted)


def test_an_extension_finer_than_the_asset_is_refused():
    cents = factories.asset(code="EUR", scale=2)
    grant = factories.grant(wallet=factories.wallet(asset=cents))
    made = hold(grant.wallet.customer, 1, asset=cents)

    with pytest.raises(PrecisionError):
        holds.extend(hold=made, amount=Decimal("0.001"), at=NOON)


def test_a_denied_hold_cannot_be_released(customer):
    denied = reserve(customer, 101).hold

    with pytest.raises(HoldClosedError, match="denied"):
        holds.release(hold=denied, at=NOON)

    assert denied.state == Hold.State.DENIED
