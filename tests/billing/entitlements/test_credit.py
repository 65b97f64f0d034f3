"""What credit, a credit limit and prices have to say to a call."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from billing.entitlements.check import Ask, check
from tests import factories
from tests.billing.entitlements.asking import World, left
from tests.billing.scene import HOUR, START
from tests.factories import NOON
from wallets.models import WalletShare

pytestmark = pytest.mark.django_db


@pytest.fixture
def prepaid(world: World) -> World:
    """Return a world where a token costs a dollar, and the customer only pays with credit."""
    world.scene.rate(world.scene.meters["llm"], 1)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")
    return world


def test_credit_pays_as_far_as_it_goes(prepaid: World) -> None:
    prepaid.scene.grant(10)

    answer = prepaid.ask(10)
    assert (answer.is_allowed, answer.value, answer.asset) == (True, 10, "USD")
    assert left(answer, "wallet") == [("", "USD", Decimal(10))]
    assert prepaid.ask("10.01").reason == "credit_exhausted"


def test_what_was_used_is_gone(prepaid: World) -> None:
    prepaid.scene.grant(10)
    assert prepaid.ask(3).is_allowed

    prepaid.use(8)

    assert prepaid.ask(3).reason == "credit_exhausted"
    assert left(prepaid.ask(3), "wallet") == [("", "USD", Decimal(2))]


def test_who_does_not_say_how_much_may_go_on_while_anything_is_left(prepaid: World) -> None:
    prepaid.scene.grant(10)
    prepaid.use(9)
    assert prepaid.ask().is_allowed

    prepaid.use(1)

    assert prepaid.ask().reason == "credit_exhausted"
    assert prepaid.ask(feature="").reason == "credit_exhausted"


def test_an_invoiced_customer_needs_no_credit(prepaid: World) -> None:
    catalogue.set_profile(customer=prepaid.customer, settlement="credit_then_invoice")

    assert prepaid.ask(10**9).is_allowed


def test_a_credit_limit_is_what_may_be_owed_beyond_credit(prepaid: World) -> None:
    catalogue.set_profile(
        customer=prepaid.customer, settlement="credit_then_invoice", credit_limit=Decimal(5)
    )
    prepaid.scene.grant(10)

    assert prepaid.ask(15).is_allowed
    assert prepaid.ask(16).reason == "credit_exhausted"
    prepaid.use(12)
    answer = prepaid.ask(4)
    assert (answer.reason, left(answer, "credit_limit")) == (
        "credit_exhausted",
        [("", "USD", Decimal(3))],
    )


def test_a_cost_may_be_given_instead_of_a_quantity(prepaid: World) -> None:
    prepaid.scene.grant(10)

    assert prepaid.ask(cost=10).is_allowed
    assert prepaid.ask(cost=11).reason == "credit_exhausted"
    assert prepaid.ask(cost=11, feature="").reason == "credit_exhausted"


def test_what_is_free_needs_no_credit(world: World) -> None:
    world.scene.rate(world.scene.meters["llm"], 0)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")

    assert world.ask(1000).is_allowed
    assert world.ask().is_allowed


def test_credit_counts_at_its_time_and_for_its_features(prepaid: World) -> None:
    prepaid.scene.grant(1, expires_at=NOON + HOUR)
    prepaid.scene.grant(2, effective_at=NOON + HOUR)
    prepaid.scene.grant(4, feature_keys=["llm"])
    prepaid.scene.grant(8, feature_keys=["video"])

    amounts = [
        left(prepaid.ask(at=NOON + after), "wallet")[0][2]
        for after in (timedelta(), HOUR - timedelta(microseconds=1), HOUR)
    ]
    assert amounts == [5, 5, 6]


def test_an_ancestors_credit_pays_when_it_is_shared_up_to_the_share(prepaid: World) -> None:
    team = factories.customer(parent=prepaid.customer)
    own = factories.wallet(customer=prepaid.customer)
    shared = factories.wallet(customer=prepaid.customer, is_shared=True)
    factories.grant(wallet=own, amount=100)
    factories.grant(wallet=shared, amount=10)
    assert prepaid.ask(10, customer=team).is_allowed
    assert prepaid.ask(11, customer=team).reason == "credit_exhausted"

    WalletShare.objects.create(
        wallet=shared,
        customer=team,
        amount=4,
        cadence="P1M",
        anchor=START,
        time_zone="UTC",
        created_at=NOON,
    )

    assert prepaid.ask(4, customer=team).is_allowed
    assert prepaid.ask(5, customer=team).reason == "credit_exhausted"


GRADUATED = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "1"}},
        {
            "unit_price": {"type": "unit", "amount": "0.5"},
            "flat_price": {"type": "flat", "amount": "2"},
        },
    ],
}


@pytest.mark.parametrize(
    ("price", "more"),
    [
        ({"type": "unit", "amount": "0.25"}, {}),
        (GRADUATED, {}),
        (GRADUATED, {"discounts": {"usage": "4"}}),
        (GRADUATED, {"commitments": {"maximum_amount": "12"}}),
        ({"type": "package", "amount": "3", "quantity_per_package": "7"}, {}),
        (GRADUATED, {"discounts": {"percentage": 10}}),
    ],
)
@pytest.mark.parametrize("quantities", [(3, 4, 20), (12, 1, 1), (7, 7, 0)])
def test_an_estimate_is_what_the_usage_then_costs(
    world: World, price: Mapping[str, Any], more: Mapping[str, Any], quantities: tuple[int, ...]
) -> None:
    world.scene.price(world.scene.meters["llm"], price, **more)

    for quantity in quantities:
        estimate, before = world.ask(quantity).value, world.scene.revenue
        world.use(quantity)
        assert estimate == world.scene.revenue - before


def test_labels_choose_the_price(world: World) -> None:
    meter = world.scene.meters["llm"]
    world.scene.rate(meter, 1)
    world.scene.rate(meter, 3, match={"model": "big"})
    world.scene.feature(meter, key="big-tokens", filters={"model": {"eq": "big"}})

    assert world.ask(2).value == 2
    assert world.ask(2, labels={"model": "big", "region": "eu"}).value == 6
    assert world.ask(2, feature="big-tokens").value == 6


def statements(world: World, *asks: Ask) -> int:
    """Return how many statements some questions take once definitions are known."""
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            check(book_id=world.scene.book.pk, asks=asks, at=NOON)
    return len(captured)


@pytest.mark.django_db(transaction=True)
def test_a_question_takes_two_statements_and_three_if_prices_have_tiers(world: World) -> None:
    asks = [Ask(customer_key=world.customer.key, feature_key="tokens", quantity=Decimal(1))]
    assert statements(world, *asks) == 1  # nothing has to be read

    world.scene.rate(world.scene.meters["llm"], 1)
    world.scene.grant(10)
    assert statements(world, *asks) == 2
    assert statements(world, *asks * 50) == 2

    tiered = world.scene.sell("count", GRADUATED)
    world.scene.feature(tiered, key="calls")
    asks.append(Ask(customer_key=world.customer.key, feature_key="calls", quantity=Decimal(1)))
    assert statements(world, *asks * 50) == 3


@pytest.mark.django_db(transaction=True)
def test_prices_are_read_again_once_they_change(world: World) -> None:
    world.scene.rate(world.scene.meters["llm"], 1)
    assert world.ask(1).value == 1

    world.scene.rate(world.scene.meters["llm"], 2, since=NOON - HOUR)

    assert world.ask(1).value == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_left_is_never_remembered(prepaid: World) -> None:
    lot = prepaid.scene.grant(10)
    assert prepaid.ask(10).is_allowed

    with connection.cursor() as cursor:  # by somebody else, in another process
        cursor.execute("UPDATE ledger_balance SET held = 4 WHERE account_id = %s", [lot])

    assert prepaid.ask(10).reason == "credit_exhausted"
    assert prepaid.ask(6).is_allowed
