"""A customer that is moved takes what it has used along, to the budgets above it."""

import pytest

from ledger import registry
from tests import factories
from tests.billing.budgets.scene import budget, miscounted, told, used
from tests.billing.scene import DAY, event, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import hold

pytestmark = pytest.mark.django_db

JUNE = "2025-06-01"


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


@pytest.fixture
def tree(scene):
    """Return two departments, and a team in the first with a person in it."""
    old, new = (factories.customer(parent=scene.customer) for _ in range(2))
    team = factories.customer(parent=old)
    person = factories.customer(parent=team)
    scene.subject("team", team)
    scene.subject("person", person)
    return old, new, team


def move(customer, parent):
    registry.update_customer(customer=customer, parent=parent)


def test_it_leaves_the_budgets_it_was_under_for_those_it_comes_under(scene, tree):
    old, new, team = tree
    of = [budget(scene, customer=one) for one in (scene.customer, old, new, team)]
    scene.send(event(5, subject="team"), event(3, subject="person"), event(2))

    move(team, new)
    assert [used(one) for one in of] == [{JUNE: 10}, {JUNE: 0}, {JUNE: 8}, {JUNE: 8}]
    assert miscounted() == []
    scene.send(event(1, subject="person"))
    move(team, None)

    assert [used(one) for one in of] == [{JUNE: 2}, {JUNE: 0}, {JUNE: 0}, {JUNE: 9}]
    assert miscounted() == []


def test_a_correction_finds_what_was_used_before_the_move(scene, tree):
    old, new, team = tree
    of = [budget(scene, customer=one) for one in (old, new)]
    scene.send(event(5, id="gone", subject="team"), event(3, subject="team"))

    move(team, new)
    scene.void("gone")

    assert [used(one) for one in of] == [{JUNE: 0}, {JUNE: 3}]
    assert miscounted() == []


def test_every_period_and_dimension_goes_along(scene, tree):
    old, new, team = tree
    daily = [budget(scene, customer=one, cadence="P1D", created_at=NOON - 3 * DAY) for one in tree]
    units = [budget(scene, customer=one, asset=scene.things) for one in (old, new)]
    scene.send(event(5, subject="team"), event(3, subject="person", at=NOON - 2 * DAY))

    move(team, new)

    both = {"2025-06-13": 3, "2025-06-15": 5}
    assert [used(one) for one in daily] == [dict.fromkeys(both, 0), both, both]
    assert [used(one) for one in units] == [{JUNE: 0}, {JUNE: 8}]
    assert miscounted() == []


def test_a_threshold_that_a_move_crosses_is_told(scene, tree):
    _, new, team = tree
    budget(scene, 6, customer=new)
    scene.send(event(5, subject="team"), event(3, subject="person"))

    move(team, new)

    assert told() == [("budget.reached", "100", "8")]


def test_what_is_held_stays_with_the_budgets_that_were_asked(scene, tree):
    old, new, team = tree
    scene.grant(10, customer=team)
    first, second = budget(scene, customer=old), budget(scene, customer=new)
    scene.send(event(1, subject="team"))
    hold(team, 4, budget_ids=(first.uses.get().pk,))

    move(team, new)

    assert (first.uses.get().held, second.uses.get().held) == (4, 0)


def test_a_new_name_or_a_move_without_budgets_counts_nothing(scene, tree):
    old, new, team = tree
    above = budget(scene)
    scene.send(event(5, subject="team"))

    registry.update_customer(customer=team, name="Renamed", parent=old)
    move(team, new)

    assert used(above) == {JUNE: 5}
    assert miscounted() == []
