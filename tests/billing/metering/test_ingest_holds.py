"""What is set aside: usage leaves it alone until it expires, and then pays from it at once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.models import Balance, TestClock
from tests import factories
from tests.billing.scene import HOUR, event, left, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import hold
from wallets import holds
from wallets.holds import Credit
from wallets.models import Hold, HoldPart

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


def held_on(account_id):
    return Balance.objects.get(pk=account_id).held


def test_what_is_held_pays_for_no_usage(scene):
    lot = scene.grant(10)
    hold(scene.customer, 7)

    scene.send(event(5), at=NOON + timedelta(minutes=59))

    assert (left(lot), scene.unbilled) == (7, 2)


@pytest.mark.parametrize("is_swept", [False, True])
def test_what_was_held_pays_from_the_instant_it_expires(scene, is_swept):
    lot = scene.grant(10)
    held = hold(scene.customer, 7)
    if is_swept:
        holds.expire(at=NOON + HOUR)

    scene.send(event(5), at=NOON + HOUR)

    assert (left(lot), scene.unbilled, held_on(lot)) == (5, 0, 0)
    holds.expire(at=NOON + HOUR)
    held.refresh_from_db()
    assert held.state == Hold.State.EXPIRED
    assert held_on(lot) == 0


def test_a_hold_that_lasts_keeps_its_part_beside_one_that_has_expired(scene):
    lot = scene.grant(10)
    hold(scene.customer, 4)
    lasting = hold(scene.customer, 5, expires_in=2 * HOUR)

    scene.send(event(7), at=NOON + HOUR)

    assert (left(lot), scene.unbilled, held_on(lot)) == (5, 2, 5)
    assert [part.amount for part in HoldPart.objects.filter(hold=lasting)] == [5]


def test_room_of_a_credit_limit_that_was_held_is_back_when_that_expires(scene):
    scene.limit(10)
    hold(scene.customer, 8, credit=Credit(may_owe=True, limit=Decimal(10)))

    scene.send(event(6), at=NOON)
    assert (scene.unbilled, scene.overdraft) == (2, 4)
    scene.send(event(6), at=NOON + HOUR)

    assert (scene.unbilled, scene.overdraft) == (8, 4)


def test_credit_held_by_another_customer_is_shared_again_once_that_expires(scene):
    scene.child("team")
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    lot = scene.grant(10, wallet=wallet)
    hold(scene.customer, 10)

    scene.send(event(6, subject="team"), at=NOON + HOUR)

    assert left(lot) == 4


def test_a_hold_by_a_test_clock_expires_by_it(scene, settings):
    settings.METERBOOK_TEST_CLOCKS = True
    clock = TestClock.objects.create(
        book=scene.book, key="clock", name="Clock", now_at=NOON, created_at=NOON
    )
    scene.customer.clock = clock
    scene.customer.save()
    lot = scene.grant(10)
    hold(scene.customer, 7)

    scene.send(event(5), at=NOON + HOUR)
    assert (left(lot), scene.unbilled) == (7, 2)
    clock.now_at = NOON + HOUR
    clock.save()
    scene.send(event(5), at=NOON + HOUR)

    assert (left(lot), scene.unbilled) == (2, 2)
