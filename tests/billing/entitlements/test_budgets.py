"""What budgets have to say to a call."""

from decimal import Decimal
from typing import Any

import pytest

from billing.budgets import defining
from billing.models import Budget
from tests import factories
from tests.billing.entitlements.asking import World, left
from tests.billing.scene import DAY, START
from tests.factories import NOON

pytestmark = pytest.mark.django_db
JULY = START.replace(month=7)


def a_budget(world: World, amount: int = 100, **terms: Any) -> Budget:
    wanted = {"customer": world.customer, "asset": world.scene.dollars, "at": NOON}
    wanted["key"] = factories.name("budget")
    return defining.create(amount=Decimal(amount), **wanted | terms)


@pytest.fixture
def priced(world: World) -> World:
    """Return a world where a token costs a dollar."""
    world.scene.rate(world.scene.meters["llm"], 1)
    return world


def test_a_budget_blocks_what_would_exceed_it(priced: World) -> None:
    budget = a_budget(priced, 100)
    priced.use(40)

    assert priced.ask(60).is_allowed
    answer = priced.ask(61)
    assert (answer.reason, answer.retry_at) == ("budget_reached", JULY)
    assert left(answer, "budget") == [(budget.key, "USD", Decimal(60))]


def test_a_budget_starts_anew_with_its_period(priced: World) -> None:
    a_budget(priced, 100)
    priced.use(100)
    assert priced.ask().reason == "budget_reached"

    assert priced.ask(100, at=JULY).is_allowed


def test_a_budget_in_units_needs_no_price(world: World) -> None:
    a_budget(world, 100, asset=world.scene.things)
    world.use(40)

    assert world.ask(60).is_allowed
    assert world.ask(61).reason == "budget_reached"
    world.use(60)
    assert world.ask().reason == "budget_reached"


def test_what_all_below_use_counts(priced: World) -> None:
    a_budget(priced, 100)
    team = priced.scene.child("team")
    priced.use(70, subject="team")

    assert priced.ask(31).reason == "budget_reached"
    assert priced.ask(31, customer=team).reason == "budget_reached"
    assert priced.ask(30, customer=team).is_allowed


def test_the_tightest_of_several_decides(priced: World) -> None:
    a_budget(priced, 100)
    a_budget(priced, 10, cadence="P1D", anchor=START)

    answer = priced.ask(11)
    assert (answer.reason, answer.retry_at) == ("budget_reached", START.replace(month=6, day=16))
    assert {amount for _, _, amount in left(answer, "budget")} == {100, 10}


def test_a_budget_may_be_of_one_feature_or_one_label(priced: World) -> None:
    other = priced.scene.meter("count", key="calls", price=1)
    priced.scene.feature(other, key="calls-made")
    a_budget(priced, 10, feature_key="calls-made")
    a_budget(priced, 20, labels={"model": "big"})

    assert priced.ask(1000).is_allowed
    assert priced.ask(11, feature="calls-made").reason == "budget_reached"
    assert priced.ask(21, labels={"model": "big"}).reason == "budget_reached"


def test_a_budget_that_warns_blocks_nobody(priced: World) -> None:
    a_budget(priced, 10, action="warn")

    assert priced.ask(11).is_allowed


def test_more_than_a_budget_may_be_approved(priced: World) -> None:
    budget = a_budget(priced, 10, action="approve")
    assert priced.ask(11).reason == "approval_needed"

    approve = {"budget": budget, "key": "a1", "extra": Decimal(5), "at": NOON, "cause": "boss"}
    first = defining.approve(**approve)  # type: ignore[arg-type]
    again = defining.approve(**approve)  # type: ignore[arg-type]

    assert first == again
    assert priced.ask(15).is_allowed
    assert priced.ask(16).reason == "approval_needed"
    assert priced.ask(11, at=NOON + 30 * DAY).reason == "approval_needed"


def test_what_changes_about_a_budget_counts_at_once(priced: World) -> None:
    budget = a_budget(priced, 10)
    assert priced.ask(11).reason == "budget_reached"

    defining.update(budget=budget, amount=Decimal(11))
    assert priced.ask(11).is_allowed

    defining.update(budget=budget, amount=Decimal(1))
    defining.end(budget=budget, at=NOON)
    assert priced.ask(11).is_allowed


def test_a_budget_of_nothing_allows_what_is_free_only(priced: World) -> None:
    a_budget(priced, 0)

    assert priced.ask(0).is_allowed
    assert priced.ask(1).reason == "budget_reached"
