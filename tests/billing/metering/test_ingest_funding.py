"""Who pays: credit in burn order, then the account, then an overdraft."""

from datetime import timedelta

import pytest

from billing import catalogue
from ledger.models import Balance
from tests import factories
from tests.billing.scene import DAY, HOUR, event, left, left_in, new_scene
from tests.factories import NOON
from wallets import expiry

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def test_credit_pays_first_then_the_account_then_an_overdraft(scene):
    scene.meter()
    later = scene.grant(10, expires_at=NOON + 2 * DAY)
    sooner = scene.grant(10, expires_at=NOON + DAY)
    scene.limit(15)

    steps = []
    for _ in range(5):
        scene.send(event(8))
        steps.append([*left_in([sooner, later]), scene.unbilled, scene.overdraft])

    assert steps == [
        [2, 10, 0, 0],
        [0, 4, 0, 0],
        [0, 0, 4, 0],
        [0, 0, 12, 0],
        [0, 0, 15, 5],
    ]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_of_any_size_pay_alike(scene, size):
    scene.meter()
    lots = [scene.grant(10, expires_at=NOON + DAY), scene.grant(10)]
    scene.limit(15)
    written = [event(8, at=NOON + i * HOUR) for i in range(5)]

    for start in range(0, 5, size):
        scene.send(*written[start : start + size], at=NOON + DAY)

    assert [*left_in(lots), scene.unbilled, scene.overdraft] == [0, 0, 15, 5]


def test_limit_set_before_the_first_usage_holds(scene):
    scene.meter()
    scene.limit(10)

    scene.send(event(25))
    scene.send(event(5))

    assert (scene.unbilled, scene.overdraft) == (10, 20)
    assert Balance.objects.get(account__purpose="unbilled").floor == -10


def test_limit_lowered_below_what_stands_takes_no_more(scene):
    scene.meter()
    scene.send(event(25))

    scene.limit(10)
    scene.send(event(5))
    scene.limit(None)
    scene.send(event(7))

    assert (scene.unbilled, scene.overdraft) == (32, 5)


def test_credit_only_customer_never_owes_on_account(scene):
    scene.meter()
    lot = scene.grant(10)
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")

    scene.send(event(25))

    assert (left(lot), scene.unbilled, scene.overdraft) == (0, 0, 15)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_what_an_account_gives_back_never_makes_room_for_credit_only(scene, is_one_batch):
    scene.meter("latest")
    scene.send(event(10, at=NOON))
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    scene.meter("sum", key="plain", type="other")
    written = [event(4, at=NOON + HOUR), event(5, type="other", at=NOON + 2 * HOUR)]

    for batch in [written] if is_one_batch else [[one] for one in written]:
        scene.send(*batch)

    assert (scene.unbilled, scene.overdraft) == (4, 5)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_what_goes_back_to_an_empty_lot_may_be_spent_at_once(scene, is_one_batch):
    scene.meter("latest")
    scene.meter("sum", key="plain", type="other")
    lot = scene.grant(10)
    scene.send(event(10, at=NOON))
    written = [event(4, at=NOON + HOUR), event(5, type="other", at=NOON + 2 * HOUR)]

    for batch in [written] if is_one_batch else [[one] for one in written]:
        scene.send(*batch)

    assert (left(lot), scene.unbilled) == (1, 0)


def test_restricted_credit_pays_only_for_its_features(scene):
    scene.meter(type="call", feature="calls")
    scene.meter("count", type="mail", feature="mails")
    restricted = scene.grant(10, feature_keys=["mails"])
    general = scene.grant(10)

    scene.send(event(4), event(type="mail"))

    assert left_in([restricted, general]) == [9, 6]


def test_child_draws_on_what_its_parent_shares(scene):
    scene.meter()
    child = scene.child("team")
    shared = scene.grant(10, wallet=wallet_of(scene, is_shared=True))
    private = scene.grant(10, wallet=wallet_of(scene))
    own = scene.grant(5, customer=child)

    scene.send(event(12, subject="team"))
    scene.send(event(4, subject="api"))

    assert left_in([own, shared, private]) == [0, 0, 9]
    assert scene.holds("unbilled", customer=child) == 0


def wallet_of(scene, **terms):
    return factories.wallet(customer=scene.customer, asset=scene.dollars, **terms)


def test_two_children_in_one_batch_share_one_wallet(scene):
    scene.meter()
    teams = [scene.child("a"), scene.child("b")]
    shared = scene.grant(10, wallet=wallet_of(scene, is_shared=True))

    scene.send(event(7, subject="a"), event(7, subject="b", at=NOON + HOUR))

    assert left(shared) == 0
    assert [scene.holds("unbilled", customer=team) for team in teams] == [0, 4]


def test_lot_pays_for_usage_of_its_life_whenever_it_arrives(scene):
    scene.meter()
    lot = scene.grant(10, expires_at=NOON + HOUR)

    scene.send(event(3, at=NOON + HOUR), at=NOON + DAY)
    scene.send(event(3, at=NOON), at=NOON + DAY)

    assert (left(lot), scene.unbilled) == (7, 3)


def test_late_usage_takes_back_what_a_sweep_wrote_off(scene):
    scene.meter()
    lot = scene.grant(10, expires_at=NOON + HOUR)
    scene.send(event(3, at=NOON))
    assert expiry.close_expired(at=NOON + DAY) == 1

    scene.send(event(4, at=NOON), event(20, at=NOON + timedelta(minutes=1)), at=NOON + DAY)

    assert (left(lot), scene.holds("breakage_revenue")) == (0, 0)
    assert (scene.unbilled, scene.revenue) == (17, 27)


def test_usage_from_before_credit_was_effective_is_not_paid_by_it(scene):
    scene.meter()
    lot = scene.grant(10, effective_at=NOON)

    scene.send(event(3, at=NOON - HOUR), event(4, at=NOON))

    assert (left(lot), scene.unbilled) == (6, 3)


def test_credit_in_another_asset_does_not_pay(scene):
    scene.meter()
    euros = factories.asset(code="EUR")
    lot = scene.grant(10, wallet=factories.wallet(customer=scene.customer, asset=euros))

    scene.send(event(3))

    assert (left(lot), scene.unbilled) == (10, 3)
