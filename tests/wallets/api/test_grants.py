"""Grants: credit is put in once, exactly, and taken back once."""

import pytest

from ledger.models import Transaction
from tests import factories
from tests.api import Api, code

TEN = {"key": "g", "amount": "10.50"}


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"))


@pytest.fixture
def path(wallet):
    return f"wallets/{wallet.pk}/grants"


def test_credit_is_issued_and_told(api, path):
    made = api.post(path, TEN | {"funding": "promotional", "priority": 5}, once="g1")

    assert made.status_code == 201
    grant = made.json()
    assert (grant["amount"], grant["asset"], grant["funding"]) == ("10.5", "USD", "promotional")
    assert grant["figures"]["available"] == "10.5"
    assert api.get(f"grants/{grant['id']}").json() == grant
    assert api.get("grants", customer="c", key="g").json()["data"] == [grant]


def test_money_moves_once_whatever_is_repeated(api, path):
    first = api.post(path, TEN, once="g1").json()
    api.post(path, TEN, once="g1")

    assert api.post(path, TEN, once="another").json() == first  # by the grant's own key
    assert Transaction.objects.count() == 1
    changed = TEN | {"amount": "11"}
    assert code(api.post(path, changed, once="g1")) == (409, "idempotency_conflict")
    assert code(api.post(path, changed, once="g2")) == (409, "idempotency_conflict")


def test_money_insists_on_an_idempotency_key_and_finance(book, api, path):
    assert code(api.post(path, TEN)) == (400, "invalid_input")
    manager = Api(book, scopes=["read", "manage", "ingest"])
    assert code(manager.post(path, TEN, once="g1")) == (403, "scope_missing")


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "NaN",
        "Infinity",
        "1e400",
        "1e-400",
        "0.0000000000001",
        "123456789012345678901234567.0",
        "ten",
        "",
        None,
        True,
        [],
        {},
        "1" * 2000,
    ],
)
def test_an_amount_that_cannot_be_is_refused(api, path, amount):
    response = api.post(path, TEN | {"amount": amount}, once="g1")

    assert code(response) in {(400, "invalid_input"), (422, "precision_exceeded")}
    assert response.json()["errors"][0]["field"] == "amount" or response.json()["facts"]
    assert not Transaction.objects.exists()


def test_a_number_is_read_exactly(api, path):
    body = '{"key": "g", "amount": 12345678901234567890.123456789012}'

    grant = api.post(path, body, once="g1").json()
    assert grant["amount"] == "12345678901234567890.123456789012"


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"priority": -1},
        {"priority": 99999},
        {"funding": "stolen"},
        {"feature_keys": "all"},
        {"feature_keys": ["a\tb"]},
        {"cost_basis": "-1"},
        {"account": "7"},
        {"is_settled": True},
    ],
)
def test_a_grant_that_cannot_be_is_refused(api, path, change):
    assert code(api.post(path, TEN | change, once="g1")) == (400, "invalid_input")


def test_a_grant_is_taken_back_once(api, path):
    grant = api.post(path, TEN, once="g1").json()

    voided = api.post(f"grants/{grant['id']}/void", {"reason": "Cancelled"}, once="v1").json()
    assert voided["voided_at"]
    assert (voided["figures"]["voided"], voided["figures"]["available"]) == ("10.5", "0")
    again = api.post(f"grants/{grant['id']}/void", {"reason": "Cancelled"}, once="v2").json()
    assert again["voided_at"] == voided["voided_at"]


def test_grants_of_others_do_not_exist(book, wallet):
    grant = factories.grant(wallet=wallet)
    for stranger in (Api(factories.book()), Api(book, customer=factories.customer(book=book))):
        assert stranger.get("grants").json()["data"] == []
        assert code(stranger.get(f"grants/{grant.pk}")) == (404, "not_found")
        assert code(stranger.post(f"grants/{grant.pk}/void", once="v1")) == (404, "not_found")
        assert code(stranger.get("grants", wallet=wallet.pk)) == (404, "not_found")


def test_a_long_list_costs_no_more_queries(api, wallet, django_assert_max_num_queries):
    for _ in range(12):
        factories.grant(wallet=wallet)
    api.get("books")

    with django_assert_max_num_queries(3):
        assert len(api.get("grants").json()["data"]) == 12
