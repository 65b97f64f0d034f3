"""Captures that name no usage are use by themselves, and budgets count them."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import limit_checks
from billing.holds import taking
from billing.models import BudgetUse
from tests import factories
from tests.billing.budgets.scene import budget, miscounted, told, used
from tests.billing.scene import DAY, event, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import hold
from wallets.holds import Claim

pytestmark = pytest.mark.django_db

JUNE = "2025-06-01"


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    scene.grant(500)
    return scene


def take(scene, amount, *, key="", at=NOON, events=(), is_final=True, of=None, **terms):
    """Capture an amount from a hold of a hundred."""
    found = of or hold(terms.pop("customer", scene.customer), 100, at=at, **terms)
    claim = Claim(
        key=key or factories.name("capture"),
        amount=Decimal(amount),
        events=events,
        is_final=is_final,
    )
    return taking.capture(hold=found, claim=claim, at=at)


def test_a_capture_counts_for_the_customer_and_all_above_it(scene):
    team = scene.child("team")
    scene.grant(100, customer=team)
    all_, teams = budget(scene), budget(scene, customer=team)

    take(scene, 7)
    take(scene, 5, customer=team)
    scene.send(event(3))

    assert (used(all_), used(teams)) == ({JUNE: 15}, {JUNE: 5})
    assert miscounted() == []


def test_it_counts_once_though_it_is_sent_again(scene):
    all_ = budget(scene)
    lease = hold(scene.customer, 100)

    for _ in range(2):
        take(scene, 7, key="a", of=lease, is_final=False)
    take(scene, 5, key="b", of=lease)

    assert used(all_) == {JUNE: 12}
    assert miscounted() == []


def test_it_counts_in_the_period_of_the_capture(scene):
    daily = budget(scene, cadence="P1D", created_at=NOON - 5 * DAY)

    take(scene, 7)
    take(scene, 5, at=NOON - DAY)
    take(scene, 9, at=NOON - 9 * DAY)  # before the budget began

    assert used(daily) == {"2025-06-14": 5, "2025-06-15": 7}
    assert miscounted() == []


def test_budgets_of_a_feature_or_of_labels_count_what_was_asked_about(scene):
    chat, other = budget(scene, feature_key="chat"), budget(scene, feature_key="other")
    big = budget(scene, labels={"model": "big"})
    units = budget(scene, asset=scene.things)

    take(scene, 7, feature_key="chat")
    take(scene, 5, metadata={"asked": {"feature": "chat", "labels": {"model": "big"}}})
    take(scene, 3, metadata={"asked": "nothing", "labels": ["big"]})

    assert [used(one) for one in (chat, other, big, units)] == [{JUNE: 12}, {}, {JUNE: 5}, {}]
    assert miscounted() == []


def test_what_is_captured_for_usage_counts_when_that_comes(scene):
    all_ = budget(scene)

    take(scene, 7, events=[("gateway", "a")])
    assert used(all_) == {}
    scene.send(event(6, id="a"))

    assert used(all_) == {JUNE: 6}
    assert miscounted() == []


def test_a_new_budget_counts_what_was_captured_before(scene):
    take(scene, 7)

    assert used(budget(scene)) == {JUNE: 7}
    assert miscounted() == []


def test_a_threshold_that_a_capture_crosses_is_told(scene):
    budget(scene, 10, warn_at=[Decimal(50)])

    take(scene, 7)

    assert told() == [("budget.warning", "50", "7")]


def test_what_is_held_of_a_budget_agrees_with_its_holds(scene):
    all_ = budget(scene)
    place = BudgetUse.objects.create(budget=all_, starts_at=NOON)
    held = hold(scene.customer, 100, budget_ids=(place.pk,))
    assert list(limit_checks.budgets_are_held(book_id=scene.book.pk)) == []

    BudgetUse.objects.filter(pk=place.pk).update(held=5)
    [found] = limit_checks.budgets_are_held(book_id=None)
    assert found.detail == "5 held, 100 set aside by active holds"
    BudgetUse.objects.filter(pk=place.pk).update(held=100)
    take(scene, 7, of=held)

    assert list(limit_checks.budgets_are_held(book_id=None)) == []


@pytest.mark.django_db(transaction=True)
def test_a_book_without_budgets_asks_once(scene):
    take(scene, 1)
    made = hold(scene.customer, 10)

    with CaptureQueriesContext(connection) as captured:
        take(scene, 1, of=made)

    assert len(captured) == 17 + 1
