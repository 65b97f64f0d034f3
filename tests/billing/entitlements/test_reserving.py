"""Setting aside in the step that allows it: held money, held budgets, and the same answer again."""

from decimal import Decimal
from typing import Any

import pytest
import time_machine

from billing import catalogue
from billing.budgets import defining
from billing.entitlements.check import Answer, Reserve
from billing.holds import taking
from billing.models import Budget, BudgetUse
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.api import Api, code
from tests.billing.entitlements.asking import World, left
from tests.billing.scene import DAY, HOUR
from tests.factories import NOON
from wallets import holds
from wallets.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def prepaid(world: World) -> World:
    """Return a world where a token costs a dollar, and the customer has a hundred to pay with."""
    world.scene.rate(world.scene.meters["llm"], 1)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")
    world.scene.grant(100)
    return world


def reserve(world: World, quantity: int | str, key: str = "call", **more: Any) -> Answer:
    return world.ask(quantity, reserve=Reserve(key=key), **more)


def a_budget(world: World, amount: int, **terms: Any) -> Budget:
    wanted = {"key": "budget", "asset": world.scene.dollars, "at": NOON, **terms}
    return defining.create(customer=world.customer, amount=Decimal(amount), **wanted)


def held(budget: Budget) -> Decimal:
    use = BudgetUse.objects.filter(budget=budget).first()
    return use.held if use else Decimal(0)


def test_what_it_will_cost_is_set_aside(prepaid: World) -> None:
    answer = reserve(prepaid, 60)

    assert answer.hold is not None
    assert (answer.hold.state, answer.hold.requested) == ("active", 60)
    assert left(prepaid.ask(), "wallet")[0][2] == 40
    assert reserve(prepaid, 60, "other").reason == "credit_exhausted"


def test_the_same_key_gets_the_same_answer(prepaid: World) -> None:
    first = reserve(prepaid, 60)
    prepaid.use(40)

    again = reserve(prepaid, "60.0")

    assert (again.is_allowed, again.hold) == (True, first.hold)
    assert Hold.objects.count() == 1


def test_a_denial_stays_one_whatever_has_changed(prepaid: World) -> None:
    assert reserve(prepaid, 101).reason == "credit_exhausted"
    prepaid.scene.grant(1000)

    assert reserve(prepaid, 101).reason == "credit_exhausted"
    assert reserve(prepaid, 101, "other").is_allowed


def test_a_key_that_stands_for_another_question_is_refused(prepaid: World) -> None:
    reserve(prepaid, 60)

    with pytest.raises(IdempotencyConflictError):
        reserve(prepaid, 61)


def test_a_key_whose_hold_is_over_is_not_allowed_again(prepaid: World) -> None:
    hold = reserve(prepaid, 60).hold
    assert hold is not None
    holds.release(hold=hold, at=NOON)

    assert reserve(prepaid, 60).reason == "hold_closed"
    assert left(prepaid.ask(), "wallet")[0][2] == 100


def test_what_an_expired_hold_sets_aside_is_available_though_no_job_has_run(prepaid: World) -> None:
    budget = a_budget(prepaid, 100)
    reserve(prepaid, 60)

    assert prepaid.ask(100, at=NOON + HOUR).is_allowed
    assert prepaid.ask(41, at=NOON + HOUR / 2).reason == "budget_reached"
    assert held(budget) == 60


def test_what_costs_nothing_needs_no_hold(world: World) -> None:
    answer = reserve(world, 60)

    assert (answer.is_allowed, answer.hold) == (True, None)


def test_to_set_aside_says_how_much(prepaid: World) -> None:
    with pytest.raises(InvalidInputError, match="quantity"):
        prepaid.ask(reserve=Reserve(key="call"))


@pytest.mark.parametrize("key", ["", "x" * 256, "a\0b"])
def test_a_key_is_one_that_can_be_kept(prepaid: World, key: str) -> None:
    with pytest.raises(InvalidInputError):
        reserve(prepaid, 1, key)


def test_a_hold_counts_in_budgets_until_it_is_over(prepaid: World) -> None:
    budget = a_budget(prepaid, 80)
    hold = reserve(prepaid, 60).hold
    assert hold is not None
    assert held(budget) == 60
    assert reserve(prepaid, 21, "second").reason == "budget_reached"

    holds.extend(hold=hold, amount=Decimal(10), at=NOON)
    assert held(budget) == 70

    holds.release(hold=hold, at=NOON)
    assert held(budget) == 0
    assert reserve(prepaid, 21, "third").is_allowed


def test_an_extension_says_that_a_budget_is_reached(prepaid: World) -> None:
    budget = a_budget(prepaid, 80)
    hold = reserve(prepaid, 60).hold
    assert hold is not None

    with time_machine.travel(NOON, tick=False):
        path = f"holds/{hold.pk}/extend"
        refused = Api(prepaid.scene.book).post(path, {"amount": "20.01"}, once="e1")

    assert code(refused) == (429, "budget_reached")
    assert held(budget) == 60


def test_what_is_captured_is_no_longer_held_of_budgets(prepaid: World) -> None:
    budget = a_budget(prepaid, 80)
    hold = reserve(prepaid, 60).hold
    assert hold is not None

    taking.capture(hold=hold, claim=holds.Claim(key="take", amount=Decimal(25)), at=NOON)

    assert held(budget) == 0
    assert budget.uses.get().used == 25


def test_a_budget_that_only_warns_counts_holds_too(prepaid: World) -> None:
    budget = a_budget(prepaid, 10, action="warn")

    assert reserve(prepaid, 60).is_allowed
    assert held(budget) == 60


def test_budgets_of_other_usage_do_not_count_it(prepaid: World) -> None:
    budget = a_budget(prepaid, 10, labels={"model": "big"})

    assert reserve(prepaid, 60).is_allowed
    assert held(budget) == 0
    assert reserve(prepaid, 11, "big", labels={"model": "big"}).reason == "budget_reached"


def test_a_hold_counts_in_the_period_it_was_made_in(prepaid: World) -> None:
    a_budget(prepaid, 80, cadence="P1D", anchor=NOON)
    reserve(prepaid, 60)

    later = prepaid.ask(70, at=NOON + DAY)
    assert left(later, "budget")[0][2] == 80
