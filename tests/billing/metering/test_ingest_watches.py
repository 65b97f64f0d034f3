"""Wallets that somebody watches: usage that moves their credit has them looked at."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from tests import factories
from tests.billing.scene import event, new_scene
from wallets.models import CreditGrant, Watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


def watched(account_id):
    """Watch the wallet of a lot, as one that has been looked at."""
    return Watch.objects.create(wallet=CreditGrant.objects.get(account=account_id).wallet)


def is_touched(watch):
    watch.refresh_from_db()
    return watch.touched_at is not None


def test_usage_touches_the_wallets_that_pay_for_it(scene):
    mine = watched(scene.grant(10))
    stranger = factories.customer(book=scene.book)
    other = watched(scene.grant(10, customer=stranger))

    scene.send(event(4))

    assert (is_touched(mine), is_touched(other)) == (True, False)


def test_usage_that_credit_does_not_pay_touches_nothing(scene):
    spent = watched(scene.grant(10, feature_keys=["other"]))

    scene.send(event(4))

    assert not is_touched(spent)


def test_usage_that_nothing_pays_touches_the_wallets_that_will(scene):
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    empty = Watch.objects.create(
        wallet=factories.wallet(customer=scene.customer, asset=scene.dollars)
    )
    other = Watch.objects.create(wallet=factories.wallet(asset=scene.dollars))

    scene.send(event(4))

    assert (is_touched(empty), is_touched(other)) == (True, False)


def test_a_correction_touches_the_wallets_it_gives_back_to(scene):
    lot = scene.grant(10)
    scene.send(event(4, id="gone"))
    watch = watched(lot)

    scene.void("gone")

    assert is_touched(watch)


@pytest.mark.django_db(transaction=True)
def test_watches_cost_one_query_a_batch(scene):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            scene.send(event(1), event(1))
        return len(captured)

    lot = scene.grant(100)
    scene.send(event(1))
    without = queries()
    watched(lot)

    assert queries() == without + 1
