"""Captures that missed their usage by a moment are settled by a sweep."""

import pytest

from billing.holds import settling
from ledger.models import Transaction
from tests import factories
from tests.billing.holds.test_shares import counted, give
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, LATER, event, left, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import capture, hold, standing_on
from wallets.holds import checks

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter(price=None)
    return scene


def missed(scene, amount, *names, **terms):
    """Capture for usage, not seeing what of it has come."""
    customer = terms.pop("customer", scene.customer)
    events = [("gateway", name) for name in names]
    return capture(hold(customer, 50, **terms), amount, events=events, **terms)


def settle(at=LATER):
    sweep = settling.settle_arrived(at=at)
    assert sweep.failures == []
    return sweep.done


def verified():
    return [*sound(), *checks.captured_is_what_waits(book_id=None)]


def test_a_capture_of_usage_without_a_price_gives_all_back(scene):
    lot = scene.grant(100)
    scene.send(event(5, id="a"))
    made = missed(scene, 30, "a")
    assert (left(lot), standing_on(scene.customer, "captured")) == (70, 30)

    assert settle() == 1

    made.refresh_from_db()
    assert (left(lot), standing_on(scene.customer, "captured")) == (100, 0)
    assert (made.remaining, made.settled_at) == (0, LATER)
    assert settle() == 0
    assert verified() == []


def test_what_waits_for_more_goes_on_waiting(scene):
    lot = scene.grant(100)
    scene.send(event(5, id="a"))
    missed(scene, 30, "a", "b")

    assert settle() == 1
    assert left(lot) == 70
    scene.send(event(5, id="b"), at=LATER)

    assert (left(lot), standing_on(scene.customer, "captured")) == (100, 0)
    assert settle() == 0
    assert verified() == []


def test_what_was_paid_for_it_meanwhile_is_not_paid_twice(scene):
    scene.rate(scene.meters["sum"], 2)
    lot = scene.grant(100)
    scene.send(event(6, id="a"))
    missed(scene, 30, "a", "b")
    assert left(lot) == 58

    settle()

    assert (left(lot), standing_on(scene.customer, "captured")) == (70, 18)
    assert verified() == []


def test_many_customers_are_settled_and_their_shares_given_back(scene):
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    lot = scene.grant(100, wallet=wallet)
    team = scene.child("team")
    share = give(wallet, team, 60)
    scene.send(event(5, id="a"), event(5, id="b", subject="team"))
    missed(scene, 20, "a")
    missed(scene, 30, "b", customer=team)
    assert (left(lot), counted(share)) == (50, [(30, 0)])

    assert settle() == 2

    assert (left(lot), counted(share)) == (100, [(0, 0)])
    assert verified() == []


def test_usage_that_has_not_come_is_waited_for(scene, django_assert_num_queries):
    scene.grant(100)
    missed(scene, 20, "a")

    with django_assert_num_queries(3):  # who waits, what has come, who else waits
        assert settle() == 0


def test_what_goes_back_is_booked_in_the_month_of_the_capture(scene):
    scene.grant(100)
    scene.send(event(5, id="a"))
    missed(scene, 30, "a", at=NOON + 20 * DAY)

    settle(NOON + 20 * DAY)

    returned = Transaction.objects.get(key__startswith="captured:")
    assert (returned.effective_at, returned.period.starts_at.month) == (NOON + 20 * DAY, 7)
    assert verified() == []


def test_a_customer_whose_capture_fails_keeps_no_other_waiting(scene, monkeypatch):
    other = scene.child("other")
    for customer, name, subject in ((scene.customer, "a", "api"), (other, "b", "other")):
        scene.grant(100, customer=customer)
        scene.send(event(5, id=name, subject=subject))
        missed(scene, 30, name, customer=customer)
    put_right = settling._settle

    def failing(book_id, customer_id, *rest):
        if customer_id == scene.customer.pk:
            raise KeyError("missing")
        return put_right(book_id, customer_id, *rest)

    monkeypatch.setattr(settling, "_settle", failing)
    sweep = settling.settle_arrived(at=LATER)

    assert (sweep.done, [customer for customer, _ in sweep.failures]) == (1, [scene.customer.pk])
    assert (standing_on(scene.customer, "captured"), standing_on(other, "captured")) == (30, 0)
