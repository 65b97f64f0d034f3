"""Rules of automatic recharge over HTTP."""

import pytest
from django.utils.timezone import now

from tests import factories
from tests.api import Api, code
from wallets import evaluation


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"))


@pytest.fixture
def rule(api, wallet):
    body = {"wallet": str(wallet.pk), "key": "keep", "threshold": "20", "method": "fixed"}
    return api.post("recharge-rules", body | {"amount": "50"}).json()


def test_a_rule_buys_and_is_told(api, wallet, rule):
    assert (rule["state"], rule["trigger"], rule["currency"]) == ("active", "threshold", "USD")
    assert api.get("recharge-rules", wallet=wallet.pk, state="active").json()["data"] == [rule]

    evaluation.evaluate(at=now())
    [top_up] = api.get("top-ups", customer="c").json()["data"]
    assert (top_up["amount"], top_up["recharge_rule_id"]) == ("50", rule["id"])
    assert top_up["cause"] == "recharge keep"


def test_a_rule_is_changed_paused_and_resumed(api, rule):
    path = f"recharge-rules/{rule['id']}"

    changed = api.patch(path, {"amount": "70", "most_per_day": "700"}).json()
    assert (changed["amount"], changed["most_per_day"], changed["threshold"]) == ("70", "700", "20")
    assert api.patch(path, {"most_per_day": None}).json()["most_per_day"] is None
    assert code(api.patch(path, {"amount": "0"})) == (400, "invalid_input")
    paused = api.post(f"{path}/pause", {"reason": "On holiday"}).json()
    assert (paused["state"], paused["reason"]) == ("paused", "On holiday")
    evaluation.evaluate(at=now())
    assert api.get("top-ups").json()["data"] == []
    assert api.post(f"{path}/resume").json()["state"] == "active"
    assert api.get(path).json()["reason"] == ""


def test_finance_stops_every_rule_of_the_book(book, api, wallet, rule):
    manager = Api(book, scopes=["read", "manage"])
    body = {"reason": "Prices are wrong"}
    assert code(manager.post("recharge-stops", body)) == (403, "scope_missing")
    assert Api(book, customer=wallet.customer).get("recharge-stops").status_code == 404

    stop = api.post("recharge-stops", body).json()
    evaluation.evaluate(at=now())
    assert api.get("top-ups").json()["data"] == []
    ended = api.post(f"recharge-stops/{stop['id']}/end").json()
    assert api.get("recharge-stops").json()["data"] == [ended]
    evaluation.evaluate(at=now())
    assert len(api.get("top-ups").json()["data"]) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"interval": "P1M"}, (400, "invalid_input")),
        ({"threshold": None}, (400, "invalid_input")),
        ({"method": "target", "amount": "20"}, (400, "invalid_input")),
        ({"amount": "0.001"}, (422, "precision_exceeded")),
        ({"currency": "EUR"}, (404, "not_found")),
        ({"rail": "mine"}, (400, "invalid_input")),
    ],
)
def test_a_rule_that_cannot_be_is_refused(api, wallet, change, expected):
    body = {"wallet": str(wallet.pk), "key": "k", "threshold": "20", "method": "fixed"}

    assert code(api.post("recharge-rules", body | {"amount": "50"} | change)) == expected


def test_rules_of_others_do_not_exist(book, rule):
    for stranger in (Api(factories.book()), Api(book, customer=factories.customer(book=book))):
        assert stranger.get("recharge-rules").json()["data"] == []
        path = f"recharge-rules/{rule['id']}"
        assert code(stranger.get(path)) == (404, "not_found")
        assert code(stranger.patch(path, {"amount": "1"})) == (404, "not_found")
        assert code(stranger.post(f"{path}/resume")) == (404, "not_found")
