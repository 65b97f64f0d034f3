"""Decisions at once: exactly as many as a limit has room for, and what is approved is done once."""

from collections import Counter
from decimal import Decimal
from functools import partial

import pytest

from billing import catalogue, limit_checks
from billing.budgets import defining
from billing.entitlements import giving
from billing.entitlements.check import Reserve
from billing.models import BudgetUse
from tests import factories
from tests.billing.entitlements.asking import new_world
from tests.billing.scene import START
from tests.concurrency.at_once import at_once
from tests.factories import NOON
from wallets import approvals, shares
from wallets.holds import checks
from wallets.models import HoldPart

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 20
FIT, DENIED = 6, 14  # of twenty reserves of 75, into 500


@pytest.fixture
def world():
    return new_world()


@pytest.fixture
def teams(world):
    """Return the customers below: no lock of their own is in each other's way."""
    return [factories.customer(parent=world.customer) for _ in range(CALLERS)]


def decided(world, customers):
    """Return how many got which answer, of those who ask at once to set 75 aside."""
    calls = [
        partial(world.ask, 75, customer=one, reserve=Reserve(key=f"call-{number}"))
        for number, one in enumerate(customers)
    ]
    return Counter(str(answer.reason) for answer in at_once(calls))


def disagreements():
    every = [
        checks.held_is_what_holds_set_aside,
        checks.holds_add_up,
        checks.shares_are_held,
        limit_checks.budgets_are_held,
    ]
    return [found.detail for check in every for found in check(book_id=None)]


def set_aside():
    return sum(HoldPart.objects.values_list("amount", flat=True), Decimal(0))


@pytest.fixture
def budget(world, teams):
    """Bound what all may spend to 500, where everybody may owe without end."""
    world.scene.rate(world.scene.meters["llm"], 1)
    dollars = world.scene.dollars
    return defining.create(
        customer=world.customer, key="all", asset=dollars, amount=Decimal(500), at=NOON
    )


def test_a_budget_of_many_customers_lets_exactly_as_many_through_as_fit(world, teams, budget):
    assert decided(world, teams) == {"allowed": FIT, "budget_reached": DENIED}

    assert BudgetUse.objects.get(budget=budget).held == set_aside() == 450
    assert disagreements() == []


def test_a_budget_of_one_customer_lets_exactly_as_many_through_as_fit(world, budget):
    assert decided(world, [world.customer] * CALLERS) == {"allowed": FIT, "budget_reached": DENIED}

    assert BudgetUse.objects.get(budget=budget).held == set_aside() == 450
    assert disagreements() == []


@pytest.mark.parametrize("are_many", [True, False])
def test_an_allowance_with_a_hard_limit_lets_exactly_as_many_through_as_fit(world, teams, are_many):
    giving.give(
        customer=world.customer,
        feature=world.tokens,
        kind="metered",
        limit=Decimal(500),
        usage_period="P1M",
        anchor=START,
        at=NOON,
    )
    world.ask(1)  # the period's grant is there

    answers = decided(world, teams if are_many else [world.customer] * CALLERS)

    assert answers == {"allowed": FIT, "usage_limit_reached": DENIED}
    assert set_aside() == 450
    assert disagreements() == []


def test_a_shared_wallet_lets_exactly_as_many_through_as_fit(world, teams):
    world.scene.rate(world.scene.meters["llm"], 1)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")
    wallet = factories.wallet(customer=world.customer, is_shared=True)
    factories.grant(wallet=wallet, amount=500)

    assert decided(world, teams) == {"allowed": FIT, "credit_exhausted": DENIED}

    assert set_aside() == 450
    assert disagreements() == []


def test_a_share_of_a_wallet_lets_exactly_as_many_through_as_fit(world, teams):
    world.scene.rate(world.scene.meters["llm"], 1)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")
    wallet = factories.wallet(customer=world.customer, is_shared=True)
    factories.grant(wallet=wallet, amount=10_000)
    share = shares.give(
        wallet=wallet, customer=teams[0], amount=Decimal(500), cadence="P1M", at=NOON
    )

    assert decided(world, teams[:1] * CALLERS) == {"allowed": FIT, "credit_exhausted": DENIED}

    assert share.uses.get().held == set_aside() == 450
    assert disagreements() == []


def test_a_large_change_that_many_approve_at_once_is_done_once(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"": Decimal(1)}
    wallet = factories.wallet()
    asked = {
        "book": wallet.customer.book,
        "operation": "grant",
        "arguments": {"wallet": str(wallet.pk), "amount": "100"},
        "key": "large",
        "reason": "Agreed with sales",
        "at": NOON,
    }
    waiting = approvals.submit(by="key:one", **asked).approval

    at_once(
        [
            partial(approvals.approve, approval=waiting, by=f"key:{number}", at=NOON)
            for number in range(6)
        ]
    )

    assert wallet.grants.get().amount == 100
    assert approvals.submit(by="key:one", **asked).approval is None
    assert wallet.grants.count() == 1
