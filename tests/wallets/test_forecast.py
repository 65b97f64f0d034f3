"""How long credit will last, and how it went from day to day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger import folding
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, use
from wallets import adjustments, days, expiry, forecast, grants, schedules, summary, transfers

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TENTH = NOON + 10 * DAY


@pytest.fixture
def wallet():
    return factories.wallet()


def lasts(wallet, *, at=TENTH, days=30):
    return forecast.of_wallets([wallet.pk], at=at, days=days)[wallet.pk]


def spend_daily(wallet, amount, *, count=10):
    for number in range(count):
        use(wallet.customer, amount, at=NOON + number * DAY)


def test_credit_lasts_as_long_as_at_the_pace_of_the_last_days(wallet):
    factories.grant(wallet=wallet, amount=150)
    spend_daily(wallet, 10)

    found = lasts(wallet)

    assert (found.burn_per_day, found.available) == (10, 50)
    assert found.runs_out_at == TENTH + 5 * DAY


def test_a_long_past_does_not_count(wallet):
    factories.grant(wallet=wallet, amount=1000, at=NOON - 90 * DAY)
    use(wallet.customer, 500, at=NOON - 80 * DAY)
    use(wallet.customer, 30, at=TENTH - DAY)

    found = lasts(wallet, days=7)

    assert found.days == Decimal("7.5")
    assert found.burn_per_day == 4


def test_without_usage_credit_without_end_lasts_for_ever(wallet):
    factories.grant(wallet=wallet)

    assert (lasts(wallet).burn_per_day, lasts(wallet).runs_out_at) == (0, None)


def test_credit_nobody_uses_lasts_until_it_expires(wallet):
    factories.grant(wallet=wallet, expires_at=TENTH + 3 * DAY)

    assert lasts(wallet).runs_out_at == TENTH + 3 * DAY


def test_what_expires_before_it_is_used_is_not_counted_on(wallet):
    factories.grant(wallet=wallet, amount=100)
    spend_daily(wallet, 10, count=9)
    factories.grant(wallet=wallet, amount=500, at=TENTH, expires_at=TENTH + DAY)

    left = lasts(wallet).runs_out_at - (TENTH + DAY)
    assert timedelta(days=1, hours=2) < left < timedelta(days=1, hours=3)  # 10 at 9 a day


def test_what_becomes_effective_in_time_is_counted_on(wallet):
    factories.grant(wallet=wallet, amount=120)
    spend_daily(wallet, 10)
    factories.grant(wallet=wallet, amount=30, at=TENTH, effective_at=TENTH + DAY)
    factories.grant(wallet=wallet, amount=1000, at=TENTH, effective_at=TENTH + 90 * DAY)

    assert lasts(wallet).pending == 1030
    assert lasts(wallet).runs_out_at == TENTH + 5 * DAY


def test_an_empty_wallet_has_run_out(wallet):
    assert lasts(wallet).runs_out_at == TENTH


def test_what_is_held_cannot_be_used(wallet):
    lot = factories.grant(wallet=wallet, amount=150)
    spend_daily(wallet, 10)
    hold(lot, 20)

    assert lasts(wallet).runs_out_at == TENTH + 3 * DAY


def test_grants_transfers_and_expiry_are_no_usage(wallet):
    other = factories.wallet(customer=factories.customer(book=wallet.customer.book))
    lot = factories.grant(wallet=wallet, amount=150)
    factories.grant(wallet=wallet, amount=40, expires_at=NOON + DAY)
    grants.void(grant=factories.grant(wallet=wallet, amount=25), at=NOON + DAY)
    adjustments.adjust(grant=lot, key="a", amount=Decimal(-5), reason="Less", at=NOON + 2 * DAY)
    adjustments.adjust(grant=lot, key="b", amount=Decimal(15), reason="More", at=NOON + 2 * DAY)
    transfers.transfer(
        source=wallet, target=other, key="t", amount=Decimal(20), at=NOON + 3 * DAY, grant=lot
    )
    expiry.close_expired(at=NOON + 4 * DAY)
    use(wallet.customer, 10, at=NOON + 4 * DAY)

    assert (lasts(wallet).burn_per_day, lasts(other).burn_per_day) == (1, 0)


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("is_swept", [False, True])
def test_each_day_says_what_was_used_and_what_was_left(wallet, is_folded, is_swept):
    factories.grant(wallet=wallet, amount=50, expires_at=NOON + 2 * DAY)
    factories.grant(wallet=wallet, amount=100, at=NOON + DAY)
    use(wallet.customer, 20, at=NOON)
    use(wallet.customer, 5, at=NOON + 3 * DAY)
    if is_swept:
        expiry.close_expired(at=NOON + 2 * DAY)
    if is_folded:
        folding.fold()

    told = days.history(wallet_id=wallet.pk, at=NOON + 3 * DAY, days=4)

    assert [(day.date.day, day.used, day.other, day.balance) for day in told] == [
        (14, 0, 0, 0),
        (15, 20, 50, 30),
        (16, 0, 100, 130),
        (17, 0, -30, 100),
        (18, 5, 0, 95),
    ]


def test_a_history_begins_with_what_was_there_before(wallet):
    factories.grant(wallet=wallet, amount=100)
    factories.grant(wallet=wallet, amount=50, expires_at=NOON + DAY)
    use(wallet.customer, 30, at=NOON)

    told = days.history(wallet_id=wallet.pk, at=TENTH, days=2)

    assert [day.balance for day in told] == [100, 100, 100]


def test_a_history_ends_with_what_the_wallet_holds(wallet):
    schedules.create(
        wallet=wallet,
        key="daily",
        amount=Decimal(10),
        cadence="P1D",
        starts_at=NOON,
        rollover_maximum=Decimal(4),
        at=NOON,
    )
    schedules.issue(at=TENTH)
    use(wallet.customer, 3, at=NOON + DAY)

    told = days.history(wallet_id=wallet.pk, at=TENTH, days=11)

    whole = summary.of_wallets([wallet.pk], at=TENTH)[wallet.pk]
    assert told[-1].balance == whole.settled
    assert sum(day.used for day in told) == 3
    assert sum(day.other for day in told) == whole.settled + 3
    assert told[-1].date == date(2025, 6, 25)
    assert all(day.balance >= 0 for day in told)


def test_a_wallet_of_many_days_costs_few_queries(wallet, django_assert_max_num_queries):
    factories.grant(wallet=wallet, amount=1000)
    spend_daily(wallet, 10)

    with django_assert_max_num_queries(9):
        days.history(wallet_id=wallet.pk, at=TENTH, days=365)
    with django_assert_max_num_queries(6):
        lasts(wallet)
