"""Holds and captures keep to a customer's share of what an ancestor shares."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import limit_checks
from tests import factories
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, HOUR, event, left, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import CREDIT_ONLY, capture, hold, order, reserve
from wallets import holds, shares
from wallets.errors import CreditExhaustedError
from wallets.holds import checks
from wallets.models import Hold, ShareUse

pytestmark = pytest.mark.django_db

TOMORROW = NOON + DAY


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


@pytest.fixture
def team(scene):
    return scene.child("team")


@pytest.fixture
def wallet(scene):
    return factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)


@pytest.fixture
def lot(scene, wallet):
    return scene.grant(100, wallet=wallet)


@pytest.fixture
def share(lot, wallet, team):
    """Let the team use ten a day of a hundred."""
    return give(wallet, team, 10)


def give(wallet, customer, amount):
    return shares.give(
        wallet=wallet,
        customer=customer,
        amount=Decimal(amount),
        cadence="P1D",
        anchor=NOON - 30 * DAY,
        at=NOON,
    )


def counted(share):
    """Return what is used and held of each period of a share."""
    uses = ShareUse.objects.filter(share=share).order_by("starts_at")
    return [(use.used, use.held) for use in uses]


def verified():
    every = [
        limit_checks.shares_were_counted,
        checks.shares_are_held,
        checks.held_is_what_holds_set_aside,
        checks.holds_add_up,
        checks.captured_is_what_waits,
    ]
    return [*sound(), *(found for check in every for found in check(book_id=None))]


def test_a_child_sets_aside_no_more_than_its_share(team, share):
    hold(team, 6)

    denied = reserve(team, 5)

    assert (denied.hold.state, denied.available) == (Hold.State.DENIED, 4)
    hold(team, 4)
    assert counted(share) == [(0, 10)]
    assert verified() == []


def test_own_credit_and_the_next_period_are_free_of_it(scene, team, share):
    scene.grant(5, customer=team)
    hold(team, 15, at=NOON + HOUR, expires_in=DAY)

    assert reserve(team, 1, at=TOMORROW - HOUR).hold.state == Hold.State.DENIED
    hold(team, 10, at=TOMORROW)
    assert counted(share) == [(0, 10), (0, 10)]


def test_orders_of_one_call_share_it(team, share):
    made = holds.reserve_all([order(team, 4) for _ in range(4)])

    assert [one.hold.state for one in made] == ["active", "active", "denied", "denied"]
    assert counted(share) == [(0, 8)]
    assert verified() == []


def test_usage_takes_nothing_that_is_held(scene, team, share, lot):
    hold(team, 6, expires_in=DAY)

    scene.send(event(7, subject="team"))

    assert (left(lot), counted(share)) == (96, [(4, 6)])
    assert scene.holds("unbilled", customer=team) == 3
    assert verified() == []


def test_a_release_and_an_expiry_give_back_to_the_share(team, share):
    holds.release(hold=hold(team, 6), at=NOON)
    hold(team, 7, expires_in=timedelta(minutes=1))
    assert counted(share) == [(0, 7)]

    hold(team, 9, at=NOON + HOUR)  # no sweep has run
    assert counted(share) == [(0, 9)]
    holds.expire(at=TOMORROW)

    assert counted(share) == [(0, 0)]
    assert verified() == []


def test_a_hold_extends_within_its_share(team, share):
    made = hold(team, 6)

    with pytest.raises(CreditExhaustedError):
        holds.extend(hold=made, amount=Decimal(5), at=NOON, credit=CREDIT_ONLY)
    holds.extend(hold=made, amount=Decimal(4), at=NOON, credit=CREDIT_ONLY)

    assert counted(share) == [(0, 10)]
    assert verified() == []


def test_a_capture_counts_as_used_when_it_is_made(team, share):
    capture(hold(team, 6), 4)
    assert counted(share) == [(4, 0)]

    late = hold(team, 5, at=TOMORROW - HOUR / 2)
    capture(late, 5, at=TOMORROW)

    assert counted(share) == [(4, 0), (5, 0)]
    assert verified() == []


def test_a_capture_beyond_takes_what_the_share_leaves(team, share, lot):
    made = hold(team, 6)

    with pytest.raises(CreditExhaustedError):
        capture(made, 11, beyond="allow_if_available")
    capture(made, 12, beyond="overdraft")

    assert (left(lot), counted(share)) == (90, [(10, 0)])
    assert verified() == []


def test_captured_usage_counts_once_and_when_it_happened(scene, team, share, lot):
    capture(hold(team, 6), 6, events=[("gateway", "a"), ("gateway", "b")])
    assert counted(share) == [(6, 0)]

    scene.send(event(2, id="a", subject="team"), event(5, subject="team"))
    assert counted(share) == [(10, 0)]  # 2 and 4 that wait for b; no more than 4 of 5
    scene.send(event(3, id="b", subject="team", at=NOON - DAY))

    assert (counted(share), left(lot)) == ([(3, 0), (6, 0)], 91)
    assert verified() == []


def test_captured_usage_that_nobody_meters_gives_back_to_the_share(scene, team, share, lot):
    capture(hold(team, 6), 6, events=[("gateway", "a")])

    scene.send(event(id="a", type="unmetered", subject="team"))

    assert (counted(share), left(lot)) == ([(0, 0)], 100)
    assert verified() == []


def test_what_was_captured_before_the_share_was_given_does_not_count(scene, team, wallet, lot):
    capture(hold(team, 6), 6, events=[("gateway", "a")])
    share = give(wallet, team, 10)

    scene.send(event(4, id="a", subject="team"))

    assert (counted(share), left(lot)) == ([(4, 0)], 96)
    assert verified() == []


def test_the_database_holds_no_more_than_a_share(team, share):
    made = hold(team, 6)

    with pytest.raises(IntegrityError, match="share"), transaction.atomic():
        made.parts.update(amount=11)
    give(share.wallet, team, 3)
    holds.release(hold=made, at=NOON)

    assert counted(share) == [(0, 0)]


def test_the_check_names_a_share_that_was_tampered_with(team, share):
    hold(team, 6)
    ShareUse.objects.update(held=5)

    [found] = checks.shares_are_held(book_id=None)
    assert found.detail == "5 held, 6 set aside by active holds"


@pytest.mark.django_db(transaction=True)
def test_shares_cost_nothing_where_there_are_none(scene, team, wallet, django_assert_num_queries):
    scene.grant(100, wallet=wallet)
    capture(hold(team, 1), 1)
    hold(team, 1)
    wanted = order(team, 1)

    with django_assert_num_queries(8):
        made = holds.reserve(wanted).hold
    with django_assert_num_queries(17):
        capture(made, 1)
