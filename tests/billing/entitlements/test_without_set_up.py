"""Usage with no price, no plan and no wallet may be used, and can be asked about all the same."""

import pytest

from billing.entitlements.check import Ask, check
from ledger import registry
from tests import factories
from tests.billing.entitlements.asking import World
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def test_usage_that_nobody_prices_or_limits_is_allowed(world: World) -> None:
    answer = world.ask(1_000_000)

    assert answer.is_allowed
    assert answer.reason == "allowed"
    assert answer.customer_key == world.customer.key
    assert (answer.value, answer.remaining) == (None, ())


def test_a_question_without_a_feature_is_about_the_customer(world: World) -> None:
    assert world.ask(feature="").is_allowed


def test_a_meter_can_be_asked_about_before_it_is_a_feature(world: World) -> None:
    assert world.ask(5, feature="llm").is_allowed


def test_a_feature_that_nobody_sells_is_unknown(world: World) -> None:
    answer = world.ask(1, feature="video")

    assert (answer.is_allowed, answer.reason) == (False, "feature_unknown")


def test_a_customer_that_nobody_knows_is_unknown(world: World) -> None:
    asks = [
        Ask(customer_key="nobody", feature_key="tokens"),
        Ask(subject="nobody"),
        Ask(customer_id=0),
        Ask(customer_key="a\0b"),
        Ask(),
    ]
    answers = check(book_id=world.scene.book.pk, asks=asks, at=NOON)

    assert {answer.reason for answer in answers} == {"customer_unknown"}


def test_a_subject_stands_for_its_customer(world: World) -> None:
    [answer] = check(book_id=world.scene.book.pk, asks=[Ask(subject="api")], at=NOON)

    assert (answer.is_allowed, answer.customer_id) == (True, world.customer.pk)


def test_an_id_names_a_customer_of_the_same_book_only(world: World) -> None:
    other = factories.customer()
    asks = [Ask(customer_id=world.customer.pk), Ask(customer_id=other.pk)]
    answers = check(book_id=world.scene.book.pk, asks=asks, at=NOON)

    assert [answer.reason for answer in answers] == ["allowed", "customer_unknown"]


def test_customers_out_of_reach_do_not_exist(world: World) -> None:
    asks = [Ask(customer_key=world.customer.key)]
    [answer] = check(book_id=world.scene.book.pk, asks=asks, at=NOON, reach={0})

    assert (answer.reason, answer.customer_id) == ("customer_unknown", None)


def test_a_suspended_customer_is_refused_with_all_below_it(world: World) -> None:
    team = factories.customer(parent=world.customer)
    registry.update_customer(customer=world.customer, is_active=False)

    assert world.ask(1).reason == "customer_suspended"
    assert world.ask(1, customer=team).reason == "customer_suspended"
