"""Usage comes in: every meter posts the change that an event makes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from billing.metering import pace, snapshot
from billing.models import UsageBatch
from ledger.models import Entry, Transaction
from tests import factories
from tests.billing.scene import HOUR, entries, event, left, new_scene, rows
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


@pytest.mark.parametrize(
    ("aggregation", "readings", "changes"),
    [
        ("sum", [3, 4, "2.5"], ["3", "4", "2.5"]),
        ("count", [3, 4, 9], ["1", "1", "1"]),
        ("max", [3, 2, 7, 7], ["3", "4"]),
        ("min", [5, 9, 2], ["5", "-3"]),
        ("avg", [4, 8, 3], ["4", "2", "-1"]),
        ("latest", [4, 9, 1], ["4", "5", "-8"]),
        ("unique_count", ["a", "b", "a", "c"], ["1", "1", "1"]),
    ],
)
def test_each_event_posts_the_change_it_makes(scene, aggregation, readings, changes):
    scene.meter(aggregation, price="0.5")

    for minutes, reading in enumerate(readings):
        scene.send(event(reading, at=NOON + timedelta(minutes=minutes)))

    posted = entries(
        f"e.debit_account_id & (65535::bigint << 32) = {scene.things.pk}::bigint << 32"
    )
    signed = [amount if debit == "consumed_units" else -amount for debit, _, amount, _ in posted]
    assert signed == [Decimal(change) for change in changes]
    value = sum(signed)
    assert scene.units(aggregation.replace("_", "-")) == value
    assert scene.unbilled == scene.revenue == value / 2


def test_usage_that_no_meter_counts_is_kept_as_accepted(scene):
    outcome = scene.send(event(1, id="one", type="unheard of"))

    assert (outcome.accepted, outcome.unmetered, outcome.rows) == (1, 1, [])
    assert scene.find("one").accrual_ids == []
    assert not Entry.objects.exists()


def test_several_meters_count_one_event(scene):
    scene.meter("sum", price=2)
    scene.meter("count", price=3)
    scene.meter("max", price=None)

    scene.send(event(5, id="one"))

    assert [scene.units(key) for key in ("sum", "count", "max")] == [5, 1, 5]
    assert scene.revenue == 13
    assert len(scene.find("one").accrual_ids) == 3


def test_an_event_that_one_of_its_meters_cannot_read_counts_for_none(scene):
    scene.meter("count")
    scene.meter("sum")

    outcome = scene.send(event(x=1))

    assert rows(outcome) == [(0, "rejected", "invalid_value")]
    assert outcome.rows[0].field == "data.n"
    assert "sum" in outcome.rows[0].detail
    assert not Entry.objects.exists()


def test_archived_meter_counts_no_more(scene):
    meter = scene.meter()
    scene.send(event(1))
    catalogue.archive_meter(meter=meter, at=NOON)

    assert scene.send(event(1)).unmetered == 1
    assert scene.units("sum") == 1


def test_an_event_that_changes_nothing_posts_nothing(scene):
    scene.meter("max")
    scene.send(event(5))

    scene.send(event(3, id="low"))

    assert Transaction.objects.count() == 1
    assert UsageBatch.objects.first().transaction_ids == []
    assert scene.find("low").accrual_ids != []


@pytest.mark.parametrize("value", [0, -0.0, "0.00", "-0"])
def test_usage_of_nothing_is_taken_and_posts_nothing(scene, value):
    scene.meter()

    assert scene.send(event(value)).accepted == 1
    assert not Entry.objects.exists()


def test_usage_below_zero_gives_back(scene):
    lot = scene.grant(10)
    scene.meter()

    scene.send(event(8))
    scene.send(event(-3))

    assert (left(lot), scene.revenue, scene.units("sum")) == (5, 5, 5)


@pytest.mark.parametrize("order", [[5, -8], [-8, 5]])
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_usage_taken_back_before_it_came_nets_with_it(scene, order, is_one_batch):
    lot = scene.grant(10)
    scene.meter()
    written = [event(n, at=NOON + i * HOUR) for i, n in enumerate([*order, 3])]

    for batch in [written] if is_one_batch else [[one] for one in written]:
        scene.send(*batch)

    assert (left(lot), scene.unbilled, scene.revenue) == (10, 0, 0)


def test_amounts_of_every_asset_sum_to_zero_and_events_name_their_entries(scene):
    scene.grant(5)
    scene.meter(price="0.5", cost="0.1")
    scene.send(event(4, id="one"), event(20, id="two"))

    event_ids = {scene.find("one").pk, scene.find("two").pk}
    usage_entries = Entry.objects.filter(source_id__in=event_ids)

    assert usage_entries.count() == 2 + 2 + 1 + 2  # units, money (twice from two), cost
    assert {e.effective_at for e in usage_entries} == {NOON}


def test_thousands_of_events_pass_from_one_transaction_to_the_next(scene, monkeypatch):
    monkeypatch.setattr(pace, "MANY", 10)
    scene.meter()
    first = event(1, id="one")

    outcome = scene.send(*[event(1) for _ in range(34)], b"?", first, event(1), first)

    assert (outcome.accepted, outcome.rejected, outcome.duplicate) == (36, 1, 1)
    assert rows(outcome) == [(34, "rejected", "malformed"), (37, "duplicate", "")]
    assert Transaction.objects.count() == 4


def test_queries_do_not_grow_with_the_batch(scene):
    scene.meter("sum", cost="0.5")
    scene.meter("unique_count", path="$.who")
    scene.grant(5)
    for n in range(30):
        scene.subject(f"s{n}", factories.customer(book=scene.book))

    def batch(size):
        return [event(1, subject=f"s{n % 30}", who=f"w{n}") for n in range(size)]

    scene.send(*batch(30))  # opens accounts
    counts = []
    for size in (30, 300):
        with CaptureQueriesContext(connection) as queries:
            scene.send(*batch(size))
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 34


def test_queries_do_not_grow_with_repetitions_and_conflicts(scene):
    scene.meter()
    first = [event(1, id=f"e{n}", note="x") for n in range(60)]
    again = [raw.replace(b'{"n":1,"note":"x"}', b'{"note":"x","n":1.0}') for raw in first]
    scene.send(*first)

    counts = []
    for part in (again[:6], again[:60]):
        with CaptureQueriesContext(connection) as queries:
            assert scene.send(*part, b"{").duplicate == len(part)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_what_is_remembered_of_subjects_may_overflow(scene, monkeypatch):
    scene.meter()
    scene.subject("b")
    scene.send(event(1))
    monkeypatch.setattr(snapshot, "_REMEMBERED", 0)

    outcome = scene.send(event(1, subject="b"), event(1))

    assert outcome.accepted == 2
