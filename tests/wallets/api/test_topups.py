"""Top-ups over HTTP: customers ask, finance confirms."""

import pytest

from tests import factories
from tests.api import Api, code
from wallets import topups


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"))


@pytest.fixture
def asked(api, wallet):
    """Return a function that asks for ten dollars."""

    def ask(**change):
        body = {"wallet": str(wallet.pk), "key": factories.name("order"), "amount": "10"}
        return api.post("top-ups", body | change, once=factories.name("once")).json()

    return ask


def has(api, wallet):
    return api.get(f"wallets/{wallet.pk}/balance").json()["available"]


def test_what_is_asked_for_is_there_once_it_is_confirmed(api, wallet, asked):
    top_up = asked(key="order-1")
    assert (top_up["state"], top_up["price"], top_up["currency"]) == (
        "awaiting_payment",
        "10",
        "USD",
    )
    assert has(api, wallet) == "0"

    paid = api.post(f"top-ups/{top_up['id']}/confirm", {"payment_key": "wire-1"}, once="c1").json()
    assert (paid["state"], paid["payment_key"], has(api, wallet)) == ("settled", "wire-1", "10")
    assert [step["state"] for step in paid["history"]] == [
        "requested",
        "awaiting_payment",
        "settled",
    ]
    assert paid["history"][-1]["cause"].startswith("key:")
    assert api.get(f"top-ups/{top_up['id']}").json() == paid
    assert api.get("top-ups", key="order-1", state="settled").json()["data"] == [paid]


def test_a_payment_confirmed_twice_counts_once_and_for_one_top_up(api, wallet, asked):
    first, second = asked(), asked()
    for once in ("c1", "c2"):
        api.post(f"top-ups/{first['id']}/confirm", {"payment_key": "wire-1"}, once=once)

    again = api.post(f"top-ups/{second['id']}/confirm", {"payment_key": "wire-1"}, once="c3")
    assert code(again) == (409, "idempotency_conflict")
    assert has(api, wallet) == "10"


def test_a_refund_says_what_is_given_back(api, wallet, asked):
    top_up = asked()
    path = f"top-ups/{top_up['id']}"
    assert code(api.post(f"{path}/refund", {"reason": "Twice"}, once="r0")) == (409, "topup_state")
    api.post(f"{path}/confirm", {"payment_key": "wire-1"}, once="c1")

    refunded = api.post(f"{path}/refund", {"reason": "Bought twice"}, once="r1").json()
    assert (refunded["state"], refunded["taken_back"], refunded["money_back"]) == (
        "refunded",
        "10",
        "10",
    )
    assert (refunded["reason"], has(api, wallet)) == ("Bought twice", "0")


def test_credit_may_be_given_before_its_payment_by_finance_only(book, api, wallet):
    body = {"wallet": str(wallet.pk), "key": "k", "amount": "10", "availability": "on_creation"}

    manager = Api(book, scopes=["read", "manage"])
    assert code(manager.post("top-ups", body, once="t1")) == (400, "invalid_input")
    assert code(manager.post("top-ups/on-terms", body, once="t1")) == (403, "scope_missing")
    top_up = api.post("top-ups/on-terms", body, once="t1").json()
    assert (top_up["state"], has(api, wallet)) == ("awaiting_payment", "10")

    promised = api.post(f"top-ups/{top_up['id']}/authorise", {"payment_key": "p"}, once="a1").json()
    assert promised["state"] == "authorised"
    failed = api.post(f"top-ups/{top_up['id']}/fail", {"reason": "Declined"}, once="f1").json()
    assert (failed["state"], failed["taken_back"], has(api, wallet)) == ("failed", "10", "0")


def test_customers_ask_but_do_not_confirm(book, api, wallet):
    mine = Api(book, customer=wallet.customer)
    body = {"wallet": str(wallet.pk), "key": "k", "amount": "10"}
    top_up = mine.post("top-ups", body, once="t1").json()

    for step in ("confirm", "authorise"):
        refused = mine.post(f"top-ups/{top_up['id']}/{step}", {"payment_key": "p"}, once=step)
        assert refused.status_code == 404
    for step in ("fail", "refund"):
        assert (
            mine.post(f"top-ups/{top_up['id']}/{step}", {"reason": "x"}, once=step).status_code
            == 404
        )
    assert mine.post("top-ups/on-terms", body, once="t2").status_code == 404
    assert has(api, wallet) == "0"


def test_the_key_of_anothers_top_up_tells_nothing_of_it(book, asked):
    taken = asked()
    other = factories.wallet(customer=factories.customer(book=book))
    bound = Api(book, customer=other.customer)

    body = {"wallet": str(other.pk), "key": taken["key"], "amount": "1"}
    refused = bound.post("top-ups", body, once="t1")
    assert code(refused) == (409, "idempotency_conflict")
    assert refused.json()["facts"] == {"key": taken["key"]}


def test_top_ups_of_others_do_not_exist(book, wallet, asked):
    top_up = asked()
    for stranger in (Api(factories.book()), Api(book, customer=factories.customer(book=book))):
        assert stranger.get("top-ups").json()["data"] == []
        assert code(stranger.get(f"top-ups/{top_up['id']}")) == (404, "not_found")
        body = {"wallet": str(wallet.pk), "key": "k", "amount": "10"}
        assert code(stranger.post("top-ups", body, once="t1")) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": "0"}, (400, "invalid_input")),
        ({"amount": "0.005"}, (422, "precision_exceeded")),
        ({"currency": "EUR"}, (404, "not_found")),
        ({"key": "recharge:1:1"}, (400, "invalid_input")),
        ({"wallet": "999999"}, (404, "not_found")),
        ({"state": "settled"}, (400, "invalid_input")),
    ],
)
def test_a_top_up_that_cannot_be_is_refused(api, wallet, change, expected):
    body = {"wallet": str(wallet.pk), "key": "k", "amount": "10"} | change

    assert code(api.post("top-ups", body, once="t1")) == expected


def test_a_long_list_costs_no_more_queries(api, wallet, django_assert_max_num_queries):
    for _ in range(12):
        topups.request(wallet=wallet, key=factories.name("o"), amount=1, at=factories.NOON)
    api.get("books")

    with django_assert_max_num_queries(3):
        assert len(api.get("top-ups").json()["data"]) == 12
