"""Whatever moves a watched wallet's credit has it looked at; nothing else costs a thing."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import CREDIT_ONLY, capture, hold
from wallets import adjustments, expiry, grants, holds, schedules, tasks, transfers, watches
from wallets.models import Watch

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def wallet():
    """Return a watched wallet with a hundred in it that expires, which nobody has touched."""
    wallet = factories.wallet()
    watches.watch(wallet)
    factories.grant(wallet=wallet, expires_at=NOON + 10 * DAY)
    rest(wallet)
    return wallet


def rest(wallet):
    Watch.objects.filter(wallet=wallet).update(touched_at=None)


def is_touched(wallet):
    """Say whether a wallet is to be looked at, and have it looked at."""
    found = Watch.objects.filter(wallet=wallet, touched_at__isnull=False).exists()
    rest(wallet)
    return found


def test_credit_that_comes_moves_or_goes_touches_its_wallet(wallet):
    factories.grant(wallet=wallet)
    assert is_touched(wallet)

    grant = factories.grant(wallet=wallet)
    rest(wallet)
    adjustments.adjust(grant=grant, key="a1", amount=Decimal(-5), reason="Error", at=NOON)
    assert is_touched(wallet)
    grants.void(grant=grant, at=NOON)
    assert is_touched(wallet)

    target = factories.wallet(customer=wallet.customer)
    watches.watch(target)
    rest(target)
    transfers.transfer(source=wallet, target=target, key="t1", amount=Decimal(5), at=NOON)
    assert is_touched(wallet)
    assert is_touched(target)

    schedules.create(
        wallet=wallet, key="s", amount=Decimal(10), cadence="P1M", starts_at=NOON, at=NOON
    )
    schedules.issue(at=NOON)
    assert is_touched(wallet)
    expiry.close_expired(at=NOON + 10 * DAY)
    assert is_touched(wallet)


def test_each_change_of_a_hold_touches_its_wallet(wallet):
    made = hold(wallet.customer, 10)
    assert is_touched(wallet)
    capture(made, 4)
    assert is_touched(wallet)

    made = hold(wallet.customer, 10)
    rest(wallet)
    holds.extend(hold=made, at=NOON, amount=Decimal(5), credit=CREDIT_ONLY)
    assert is_touched(wallet)
    holds.release(hold=made, at=made.created_at)
    assert is_touched(wallet)

    made = hold(wallet.customer, 10)
    rest(wallet)
    holds.expire(at=made.expires_at)
    assert is_touched(wallet)


def test_what_a_capture_takes_beyond_its_hold_touches_that_wallet(wallet):
    other = factories.wallet(customer=wallet.customer)
    factories.grant(wallet=other, amount=10, priority=1)
    made = hold(wallet.customer, 10)
    assert not is_touched(wallet)

    capture(made, 15, beyond="allow_if_available")
    assert is_touched(wallet)


def test_credit_beside_a_watched_wallet_does_not_touch_it(wallet):
    beside = factories.wallet(customer=wallet.customer)
    factories.grant(wallet=beside)

    assert not is_touched(wallet)
    assert not Watch.objects.filter(wallet=beside).exists()


def test_a_wallet_that_moved_after_it_was_read_is_read_again(wallet):
    watches.touch_wallets([wallet.pk])
    [seen] = watches.touched(limit=10)
    watches.touch_wallets([wallet.pk])

    watches.clear(seen)
    [again] = watches.touched(limit=10)
    watches.clear(again)
    assert watches.touched(limit=10) == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_told_once_until_somebody_looks(settings):
    settings.METERBOOK_TOUCHED = "tests.wallets.test_watches.note"
    hints.clear()
    wallet = factories.wallet()
    watches.watch(wallet)
    factories.grant(wallet=wallet)
    assert len(hints) == 1

    tasks.evaluate_watches()
    factories.grant(wallet=wallet)
    factories.grant(wallet=wallet)
    assert len(hints) == 2


hints: list[bool] = []


def note() -> None:
    hints.append(True)
