"""Alerts over HTTP."""

import pytest
from django.utils.timezone import now

from tests import factories
from tests.api import Api, code
from wallets import evaluation


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"))


@pytest.fixture
def alert(api, wallet):
    body = {"wallet": str(wallet.pk), "key": "low", "kind": "balance", "threshold": "20"}
    return api.post("alerts", body | {"emails": ["ann@example.com"]}).json()


def test_an_alert_is_made_and_its_crossings_are_listed(api, wallet, alert):
    path = f"alerts/{alert['id']}"
    assert (alert["is_armed"], alert["emails"]) == (True, ["ann@example.com"])
    assert api.get("alerts", customer="c", kind="balance").json()["data"] == [alert]

    evaluation.evaluate(at=now())
    [firing] = api.get(f"{path}/firings").json()["data"]
    assert (firing["number"], firing["value"], firing["grant_id"]) == (1, "0", None)
    told = api.get(path).json()
    assert (told["is_armed"], told["firings"]) == (False, 1)
    changed = api.patch(path, {"threshold": "30", "emails": []}).json()
    assert (changed["is_armed"], changed["emails"], changed["threshold"]) == (True, [], "30")
    assert api.post(f"{path}/end").json()["ended_at"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "budget"},
        {"threshold": "-1"},
        {"kind": "usage", "threshold": "0"},
        {"kind": "expiry", "threshold": "1000000000"},
        {"emails": ["nobody"]},
        {"key": ""},
    ],
)
def test_an_alert_that_cannot_be_is_refused(api, wallet, change):
    body = {"wallet": str(wallet.pk), "key": "k", "kind": "balance", "threshold": "20"}

    assert code(api.post("alerts", body | change)) == (400, "invalid_input")


def test_alerts_of_others_do_not_exist(book, alert):
    for stranger in (Api(factories.book()), Api(book, customer=factories.customer(book=book))):
        assert stranger.get("alerts").json()["data"] == []
        for path in ("", "/firings"):
            assert code(stranger.get(f"alerts/{alert['id']}{path}")) == (404, "not_found")
        assert code(stranger.patch(f"alerts/{alert['id']}", {})) == (404, "not_found")
