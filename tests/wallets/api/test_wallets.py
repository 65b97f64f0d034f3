"""Wallets: opened once, seen by whom they concern."""

import pytest

from tests import factories
from tests.api import Api, code

MAIN = {"customer": "c", "asset": "USD", "key": "main"}


@pytest.fixture
def customer(book):
    return factories.customer(book=book, key="c")


def test_a_wallet_is_opened_and_found(api, customer):
    made = api.post("wallets", MAIN | {"is_shared": True}).json()

    assert api.get(f"wallets/{made['id']}").json() == made
    assert (made["asset"], made["is_shared"], made["customer_id"]) == (
        "USD",
        True,
        str(customer.pk),
    )
    assert api.get("wallets", customer="c", asset="USD").json()["data"] == [made]


def test_a_wallet_is_opened_once(api, customer):
    first, again = api.post("wallets", MAIN), api.post("wallets", MAIN)

    assert first.json() == again.json()
    other = api.post("wallets", MAIN | {"is_shared": True})
    assert code(other) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"asset": "GOLD"}, (404, "not_found")),
        ({"customer": "nobody"}, (404, "not_found")),
        ({"key": " main"}, (400, "invalid_input")),
        ({"key": "entitlement:7"}, (400, "invalid_input")),
        ({"balance": "1000000"}, (400, "invalid_input")),
    ],
)
def test_a_wallet_that_cannot_be_is_refused(api, customer, change, expected):
    assert code(api.post("wallets", MAIN | change)) == expected


def test_a_wallets_balance_tells_what_became_of_its_credit(api, customer):
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet)

    now = api.get(f"wallets/{wallet.pk}/balance").json()
    assert (now["granted"], now["available"], now["settled"]) == ("100", "100", "100")
    past = api.get(f"wallets/{wallet.pk}/balance", as_of="2025-06-15T12:00:00Z").json()
    assert (past["granted"], past["as_of"]) == ("0", "2025-06-15T12:00:00Z")


def test_wallets_of_others_do_not_exist(api, book, customer):
    wallet = factories.wallet(customer=customer)
    beside = Api(book, customer=factories.customer(book=book))
    elsewhere = Api(factories.book())

    for stranger in (beside, elsewhere):
        assert stranger.get("wallets").json()["data"] == []
        for path in ("", "/balance"):
            assert code(stranger.get(f"wallets/{wallet.pk}{path}")) == (404, "not_found")
        body = {"key": "g", "amount": "1"}
        refused = stranger.post(f"wallets/{wallet.pk}/grants", body, once="g1")
        assert code(refused) == (404, "not_found")
        assert code(stranger.post("wallets", MAIN)) == (404, "not_found")


def test_a_long_list_costs_no_more_queries(api, customer, django_assert_num_queries):
    for _ in range(10):
        factories.wallet(customer=customer)
    api.get("books")

    with django_assert_num_queries(1):
        assert len(api.get("wallets").json()["data"]) == 10
