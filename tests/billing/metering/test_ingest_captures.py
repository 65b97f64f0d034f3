"""Captures that name usage: it is paid from them when it comes, and not again."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import closing
from ledger.models import Entry, Period, Transaction
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, HOUR, event, left, left_in, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import capture, hold, standing_on
from wallets import checks
from wallets.holds import Credit

pytestmark = pytest.mark.django_db

OWING = Credit(may_owe=True)


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


def named(*ids):
    return [("gateway", one) for one in ids]


def waiting(scene):
    return standing_on(scene.customer, "captured")


def verified():
    every = [checks.wallets_add_up, checks.deferred_revenue_rolls_forward]
    return [*sound(), *(found for check in every for found in check(book_id=None))]


def test_usage_is_paid_from_what_was_captured_for_it(scene):
    lot = scene.grant(100)
    made = capture(hold(scene.customer, 50), 30, events=named("a"))
    assert (left(lot), waiting(scene)) == (70, 30)

    scene.send(event(12, id="a"))

    made.refresh_from_db()
    assert (left(lot), waiting(scene), scene.revenue) == (88, 0, 12)
    assert (made.remaining, made.settled_at is not None) == (0, True)
    assert verified() == []


def test_the_rest_waits_for_the_last_event(scene):
    lot = scene.grant(100)
    capture(hold(scene.customer, 50), 30, events=named("a", "b"))

    scene.send(event(12, id="a"), event(5))
    assert (left(lot), waiting(scene)) == (65, 18)
    scene.send(event(3, id="b"))

    assert (left(lot), waiting(scene), scene.revenue) == (80, 0, 20)
    assert verified() == []


def test_usage_that_costs_more_is_paid_on_as_any_other(scene):
    lots = [scene.grant(10, expires_at=NOON + 4 * HOUR), scene.grant(100)]
    capture(hold(scene.customer, 8), 8, events=named("a"))

    scene.send(event(20, id="a"))

    assert (left_in(lots), waiting(scene)) == ([0, 90], 0)
    assert verified() == []


def test_what_was_captured_on_account_is_paid_on_account(scene):
    scene.limit(50)
    capture(hold(scene.customer, 30, credit=OWING), 30, events=named("a"), credit=OWING)
    assert scene.unbilled == 30

    scene.send(event(12, id="a"), event(5))

    assert (scene.unbilled, scene.overdraft, waiting(scene)) == (17, 0, 0)
    assert verified() == []


def test_an_emptied_lot_is_paid_from_and_gets_back_the_rest(scene):
    lot = scene.grant(30)
    capture(hold(scene.customer, 30), 30, events=named("a"))
    assert left(lot) == 0

    scene.send(event(12, id="a"), event(10, at=NOON + HOUR))

    assert (left(lot), scene.unbilled) == (8, 0)
    assert verified() == []


def test_a_void_returns_what_was_captured_to_its_lot(scene):
    lot = scene.grant(100)
    capture(hold(scene.customer, 30), 30, events=named("a"))
    scene.send(event(12, id="a"), event(5))

    scene.void("a")

    assert (left(lot), scene.revenue, waiting(scene)) == (95, 5, 0)
    assert verified() == []


def test_an_event_without_a_price_or_a_meter_gives_all_back(scene):
    scene.meter("count", key="free", type="free", price=None)
    lot = scene.grant(100)
    capture(hold(scene.customer, 30), 30, events=named("free", "unmetered"))

    scene.send(event(id="free", type="free"))
    assert left(lot) == 70
    scene.send(event(id="unmetered", type="unmetered"))

    assert (left(lot), waiting(scene)) == (100, 0)
    assert verified() == []


def test_usage_of_another_asset_leaves_what_was_captured(scene):
    lot = scene.grant(100)
    capture(hold(scene.customer, 30), 30, events=[("elsewhere", "a")])

    scene.send(event(12, id="a"))

    assert (left(lot), waiting(scene)) == (58, 30)
    assert verified() == []


NEXT_MONTH = NOON + 20 * DAY


def strays():
    """Return the entries whose date lies in another month than their transaction is booked in."""
    months = {one.pk: one.period for one in Transaction.objects.select_related("period")}
    dated = [(entry, months[entry.transaction_id]) for entry in Entry.objects.all()]
    return [
        entry
        for entry, booked in dated
        if not booked.starts_at <= entry.effective_at < booked.ends_at
    ]


def test_a_capture_of_the_next_month_gives_back_in_its_month(scene):
    lot = scene.grant(100)
    late = hold(scene.customer, 50, at=NEXT_MONTH)
    capture(late, 30, events=named("a"), at=NEXT_MONTH)

    scene.send(event(12, id="a"), at=NEXT_MONTH)

    assert (left(lot), waiting(scene), strays()) == (88, 0, [])
    assert verified() == []


def test_a_capture_whose_events_month_was_closed_gives_back_in_its_own(scene):
    lot = scene.grant(100)
    late = hold(scene.customer, 50, at=NEXT_MONTH)
    capture(late, 30, events=named("a"), at=NEXT_MONTH)
    scene.send(event(5))
    for month in Period.objects.filter(starts_at__lte=NOON).order_by("starts_at"):
        closing.close(period=month, at=NEXT_MONTH)

    scene.send(event(12, id="a"), at=NEXT_MONTH)

    assert (left(lot), waiting(scene)) == (83, 0)
    assert [entry.effective_at for entry in strays()] == [NOON, NOON]  # its unit and its price
    assert verified() == []


@pytest.mark.parametrize("cuts", [(0, 6), (0, 1, 6), (0, 3, 6), (0, 1, 2, 3, 4, 5, 6)])
def test_any_partition_of_batches_gives_the_same(scene, cuts):
    scene.limit(10)
    lots = [scene.grant(20, expires_at=NOON + 4 * HOUR), scene.grant(30)]
    capture(hold(scene.customer, 35), 35, events=named("b", "d"))
    sent = [
        event(amount, id=one, at=NOON + place * HOUR / 6)
        for place, (one, amount) in enumerate(
            [("a", 9), ("b", 12), ("c", 8), ("d", 5), ("e", 20), ("f", 9)]
        )
    ]

    for start, end in pairwise(cuts):
        scene.send(*sent[start:end])

    assert (left_in(lots), waiting(scene)) == ([0, 0], 0)
    assert (scene.unbilled, scene.overdraft) == (10, 3)
    assert verified() == []


@pytest.mark.django_db(transaction=True)
def test_captures_cost_few_queries_and_none_once_all_has_come(scene):
    def queries(*sent):
        with CaptureQueriesContext(connection) as captured:
            scene.send(*sent)
        return len(captured)

    scene.grant(100)
    scene.send(event(1), event(1))
    without = queries(event(1), event(1))
    capture(hold(scene.customer, 30), 20, events=named("a", "b"))

    assert queries(event(1, id="a"), event(1, id="b")) == without + 3  # found, arrived, settled
    assert queries(event(1), event(1)) == without
