"""Usage comes in: measured, attributed, priced, paid and posted, each event once."""

import pytest
from datetime import timedelta
from decimal import Decimal

from billing import catalogue
from billing.metering import snapshot
from billing.models import DeadLetter, EventKey, UsageEvent
from ledger.models import Entry
from tests import factories
from tests.billing.scene import DAY, HOUR, LATER, START, entries, event, left, left_in, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def rows(outcome):
    return [(row.index, row.status, row.reason) for row in outcome.rows]


# --- Every aggregation posts the change -------------------------------------------------


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

    posted = entries("e.debit_account_id & (65535::bigint << 32) = "
                     f"{scene.things.pk}::bigint << 32")
    signed = [amount if debit == "consumed_units" else -amount for debit, _, amount, _ in posted]
    assert signed == [Decimal(change) for change in changes]
    value = sum(signed)
    assert scene.units(aggregation.replace("_", "-")) == value
    assert scene.unbilled == scene.revenue == value / 2


def test_limit_set_before_the_first_usage_holds(scene):
    scene.meter()
    scene.limit(10)

    scene.send(event(25))

    assert (scene.unbilled, scene.overdraft) == (10, 15)
