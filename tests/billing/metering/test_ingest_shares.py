"""Shares: how much of a shared wallet one customer's usage may take, period by period."""

from decimal import Decimal
from itertools import pairwise

import pytest

from billing import limit_checks
from tests import factories
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, HOUR, event, left, new_scene
from tests.factories import NOON
from wallets import shares
from wallets.models import ShareUse

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


def shared(scene, amount, **terms):
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    return wallet, scene.grant(amount, wallet=wallet, **terms)


def share(wallet, customer, amount, cadence="P1D"):
    return shares.give(
        wallet=wallet,
        customer=customer,
        amount=Decimal(amount),
        cadence=cadence,
        anchor=NOON - 30 * DAY,
        at=NOON,
    )


def used(given):
    return [use.used for use in ShareUse.objects.filter(share=given).order_by("starts_at")]


def verified():
    return [*sound(), *limit_checks.shares_were_counted(book_id=None)]


def test_a_child_takes_no_more_than_its_share(scene):
    team = scene.child("team")
    wallet, lot = shared(scene, 100)
    given = share(wallet, team, 10)

    scene.send(event(6, subject="team"), event(7, subject="team"), event(20))
    scene.send(event(1, subject="team"))

    assert (left(lot), used(given)) == (70, [10])
    assert scene.holds("unbilled", customer=team) == 4
    assert verified() == []


def test_each_period_has_a_share_of_its_own_by_the_time_of_usage(scene):
    team = scene.child("team")
    wallet, lot = shared(scene, 100)
    given = share(wallet, team, 10)

    scene.send(event(15, subject="team"), event(15, subject="team", at=NOON - HOUR))
    scene.send(event(4, subject="team", at=NOON - 2 * DAY))

    assert (left(lot), used(given)) == (76, [4, 10, 10])
    assert verified() == []


def test_own_credit_does_not_count_for_a_share(scene):
    team = scene.child("team")
    wallet, lot = shared(scene, 100)
    given = share(wallet, team, 10)
    own = scene.grant(5, customer=team)

    scene.send(event(12, subject="team"))

    assert (left(own), left(lot), used(given)) == (0, 93, [7])
    assert verified() == []


def test_a_void_gives_back_to_the_share(scene):
    team = scene.child("team")
    wallet, lot = shared(scene, 100)
    given = share(wallet, team, 10)
    scene.send(event(8, id="gone", subject="team"))

    scene.void("gone")
    scene.send(event(9, subject="team"))

    assert (left(lot), used(given)) == (91, [9])
    assert verified() == []


def test_a_share_counts_what_is_used_after_it_was_given(scene):
    team = scene.child("team")
    wallet, lot = shared(scene, 100)
    scene.send(event(50, subject="team"))

    given = share(wallet, team, 10)
    scene.send(event(20, subject="team"))

    assert (left(lot), used(given)) == (40, [10])
    assert verified() == []


@pytest.mark.parametrize("cuts", [(0, 5), (0, 2, 5), (0, 1, 2, 3, 4, 5)])
def test_any_partition_of_batches_takes_the_same(scene, cuts):
    team, other = scene.child("team"), scene.child("other")
    wallet, lot = shared(scene, 30)
    given = [share(wallet, team, 10), share(wallet, other, 15, cadence="PT1H")]
    sent = [
        event(8, subject="team"),
        event(9, subject="other"),
        event(7, subject="team", at=NOON + HOUR / 2),
        event(9, subject="other", at=NOON + HOUR),
        event(5, at=NOON + HOUR),
    ]

    for start, end in pairwise(cuts):
        scene.send(*sent[start:end])

    assert (left(lot), used(given[0]), used(given[1])) == (0, [10], [9, 9])
    assert verified() == []


def test_the_check_names_a_share_that_was_tampered_with(scene):
    team = scene.child("team")
    wallet, _ = shared(scene, 100)
    share(wallet, team, 10)
    scene.send(event(8, subject="team"))

    ShareUse.objects.update(used=3)

    [found] = limit_checks.shares_were_counted(book_id=None)
    assert found.detail == "says 3 was used, usage comes to 8"
