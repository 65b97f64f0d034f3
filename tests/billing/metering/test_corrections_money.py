"""Where the money goes when an event is taken back: last in, first out."""

import pytest

from billing import catalogue
from billing.models import Accrual
from ledger.models import Balance, Entry
from tests import factories
from tests.billing.scene import DAY, HOUR, LATER, event, left, left_in, new_scene
from tests.factories import NOON
from wallets import expiry

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def means(scene, lots):
    return [*left_in(lots), scene.unbilled, scene.overdraft]


@pytest.fixture
def lots(scene):
    """Two lots of ten, then ten on account, then an overdraft."""
    scene.meter()
    scene.limit(10)
    return [scene.grant(10, expires_at=NOON + DAY), scene.grant(10)]


def test_void_returns_all_that_an_event_paid_from(scene, lots):
    scene.send(event(40, id="one"))
    assert means(scene, lots) == [0, 0, 10, 10]

    scene.void("one")

    assert means(scene, lots) == [10, 10, 0, 0]


def test_amend_returns_last_in_first_out(scene, lots):
    scene.send(event(40, id="one"))

    steps = []
    for value in (35, 25, 12, 3):
        scene.amend(event(value, id="one"))
        steps.append(means(scene, lots))

    assert steps == [[0, 0, 10, 5], [0, 0, 5, 0], [0, 8, 0, 0], [7, 10, 0, 0]]


def test_amend_upwards_pays_as_new_usage_does(scene, lots):
    scene.send(event(8, id="one"))

    scene.amend(event(33, id="one"))

    assert means(scene, lots) == [0, 0, 10, 3]


def test_an_events_own_money_goes_back_first(scene, lots):
    scene.send(event(8, id="one"))
    scene.send(event(8, id="two"))
    assert means(scene, lots) == [2 - 2, 4, 0, 0]

    scene.void("one")

    assert means(scene, lots) == [8, 4, 0, 0]


def test_the_change_of_another_events_making_goes_back_last_in_first_out(scene):
    scene.meter("latest")
    lots = [scene.grant(10, expires_at=NOON + DAY), scene.grant(10)]
    scene.send(event(8, at=NOON))
    scene.send(event(18, id="top", at=NOON + HOUR))
    scene.send(event(12, at=NOON + 2 * HOUR))
    assert left_in(lots) == [0, 8]

    scene.void("top")

    assert left_in(lots) == [0, 8]
    assert scene.revenue == 12


def test_what_went_back_is_spent_again_by_what_comes_next(scene, lots):
    scene.send(event(40, id="one"))
    scene.void("one")

    scene.send(event(25))

    assert means(scene, lots) == [0, 0, 5, 0]


def test_money_goes_back_to_an_expired_lot_and_from_there_to_breakage(scene):
    scene.meter()
    lot = scene.grant(10, expires_at=NOON + HOUR)
    scene.send(event(6, id="one"))
    expiry.close_expired(at=NOON + DAY)
    assert scene.holds("breakage_revenue") == -4

    scene.void("one")
    assert left(lot) == 6
    expiry.close_expired(at=NOON + DAY)

    assert (left(lot), scene.holds("breakage_revenue"), scene.unbilled) == (0, -10, 0)


def test_money_goes_back_to_the_parents_lot_that_a_child_drew_on(scene):
    scene.meter()
    scene.child("team")
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    lot = scene.grant(10, wallet=wallet)
    scene.send(event(7, id="one", subject="team"))

    scene.void("one")

    assert left(lot) == 10


def test_an_overdraft_that_credit_covered_since_is_credited(scene):
    scene.meter()
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    scene.send(event(7, id="one"))
    lot = scene.grant(10, at=LATER)
    assert (left(lot), scene.overdraft) == (3, 0)

    scene.void("one")

    assert (left(lot), scene.overdraft) == (3, -7)


def test_what_was_paid_never_exceeds_what_a_series_holds(scene):
    lot = scene.grant(10)
    scene.meter("avg")
    scene.send(event(10, id="one"), event(2, id="two", at=NOON + HOUR))
    assert left(lot) == 4

    scene.void("one")
    assert left(lot) == 8
    scene.void("two")

    assert (left(lot), scene.unbilled) == (10, 0)


def test_old_price_is_given_back_and_the_price_of_its_time_is_asked(scene):
    meter = scene.meter(price=1)
    scene.send(event(10, id="one"))
    scene.rate(meter, 5, since=NOON - DAY)

    scene.amend(event(4, id="one"))

    assert scene.revenue == 20
    assert sorted(Accrual.objects.values_list("amount", flat=True)) == [0, 20]


def test_balances_are_what_the_entries_say_after_corrections(scene, lots):
    scene.send(*[event(n, id=f"e{i}") for i, n in enumerate([8, 9, 30, 2])])
    for n in (1, 2):
        scene.void(f"e{n}")

    for balance in Balance.objects.filter(is_guarded=True):
        debits = sum(e.amount for e in Entry.objects.filter(debit_account=balance.account_id))
        credits_ = sum(e.amount for e in Entry.objects.filter(credit_account=balance.account_id))
        assert (balance.debits, balance.credits) == (debits, credits_)
