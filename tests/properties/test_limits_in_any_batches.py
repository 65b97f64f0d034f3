"""Budgets and granted units come to the same, whatever the order, the batches and the voids."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import limit_checks
from billing.models import BudgetUse
from tests import factories
from tests.billing.budgets.scene import budget
from tests.billing.scene import DAY, START, event, left_in, new_scene
from tests.factories import NOON
from tests.properties.test_usage_in_any_batches import QUICKLY, RECEIVED, cut, deliveries, drawn

pytestmark = pytest.mark.django_db
FEW = settings(QUICKLY, max_examples=8)


def limited():
    """Return a book with budgets in money and units, on two levels."""
    scene = new_scene()
    team = scene.child("team")
    for kind in ("sum", "latest"):
        meter = scene.meter(kind, price="2.5", dimensions={"model": "$.model"})
        scene.rate(meter, 10, match={"model": "big"})
    feature = scene.feature(scene.meters["sum"], filters={"model": {"in": ["big"]}})
    since = {"created_at": NOON - 60 * DAY}
    budget(scene, **since)
    budget(scene, customer=team, cadence="PT1H", **{**since, "created_at": NOON - DAY})
    budget(scene, asset=scene.things, labels={"model": "small"}, **since)
    budget(scene, asset=scene.things, cadence="P1D", feature_key=feature.key, **since)
    return scene


def miscounted(batches):
    """Send batches, and return what the checks then find of budgets."""
    scene = limited()
    for batch in batches:
        scene.send(*batch, at=RECEIVED)
    return [found.detail for found in limit_checks.budgets_were_counted(book_id=scene.book.pk)]


@FEW
@given(drawn.flatmap(deliveries))
def test_budgets_are_what_the_events_say_in_any_delivery(batches):
    assert miscounted(batches) == []


times = st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
usage = st.lists(st.tuples(st.integers(-300, 2000), times), min_size=1, max_size=10)


def sums_only(events, size, voided):
    """Return what a budget and lots of units come to for one meter that adds up."""
    scene = new_scene()
    scene.meter("sum", price=2)
    monthly = budget(scene, created_at=NOON - DAY)
    hourly = budget(scene, asset=scene.things, cadence="PT1H", created_at=NOON - DAY)
    wallet = factories.wallet(customer=scene.customer, asset=scene.things)
    ends = [NOON + timedelta(hours=2), None, NOON + timedelta(hours=4)]
    lots = [
        scene.grant(amount, wallet=wallet, expires_at=end, at=START)
        for amount, end in zip([9, 14, 6], ends, strict=True)
    ]
    for batch in cut(events, size):
        scene.send(*batch, at=RECEIVED)
    for number in voided:
        scene.void(f"e{number:02}")
    uses = {
        (use.budget_id == monthly.pk, use.starts_at): use.used
        for use in BudgetUse.objects.filter(budget__in=[monthly, hourly])
        if use.used
    }
    checks = [limit_checks.budgets_were_counted, limit_checks.burned_units_add_up]
    wrong = [found.detail for check in checks for found in check(book_id=scene.book.pk)]
    return uses, left_in(lots), wrong


@FEW
@given(usage, st.integers(1, 6), st.integers(1, 6), st.data())
def test_batches_of_any_size_count_and_burn_alike(drawn, size, other_size, data):
    events = [
        event(Decimal(cents).scaleb(-2), id=f"e{n:02}", at=at)
        for n, (cents, at) in enumerate(sorted(drawn, key=lambda one: one[1]))
    ]
    voided = data.draw(st.lists(st.sampled_from(range(len(events))), unique=True, max_size=3))

    first = sums_only(events, size, voided)

    assert first == sums_only(events, other_size, voided)
    assert first[2] == []


@FEW
@given(usage, st.data())
def test_what_is_all_taken_back_was_never_used(drawn, data):
    events = [
        event(Decimal(cents).scaleb(-2), id=f"e{n:02}", at=at)
        for n, (cents, at) in enumerate(drawn)
    ]
    voided = data.draw(st.permutations(range(len(events))))

    uses, left, wrong = sums_only(events, 3, voided)

    assert (uses, left, wrong) == ({}, [9, 14, 6], [])
