"""How many statements operations on holds take, once accounts are known; with BEGIN and COMMIT."""

import pytest

from tests import factories
from tests.wallets.holds.setting_aside import capture, hold, order
from wallets import holds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer():
    """Return a customer with three lots, who has held and captured before."""
    wallet = factories.wallet()
    for _ in range(3):
        factories.grant(wallet=wallet, amount=100)
    capture(hold(wallet.customer, 1), 1)
    capture(hold(wallet.customer, 1), 1, events=[("gateway", "e0")])
    hold(wallet.customer, 1)
    return wallet.customer


@pytest.mark.parametrize("many", [1, 20])
def test_any_number_of_holds_takes_eight_queries(customer, many, django_assert_num_queries):
    wanted = [order(customer, 1) for _ in range(many)]

    with django_assert_num_queries(8):
        holds.reserve_all(wanted)


@pytest.mark.parametrize(("events", "queries"), [([], 17), ([("gateway", "e1")], 18)])
def test_a_capture_takes_few_queries(customer, events, queries, django_assert_num_queries):
    made = hold(customer, 75)

    with django_assert_num_queries(queries):
        capture(made, 30, events=events)


def test_a_release_takes_nine_queries(customer, django_assert_num_queries):
    made = hold(customer, 75)

    with django_assert_num_queries(9):
        holds.release(hold=made, at=made.created_at)
