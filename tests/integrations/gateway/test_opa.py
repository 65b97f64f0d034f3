"""Asked by Kong's OPA plugin, in the shape of the Open Policy Agent."""

from typing import Any
from urllib.parse import quote

import pytest
from django.db import DatabaseError
from django.test import Client

from tests.integrations.gateway.asking import Gateway

# As Kong writes it; empty Lua tables may come as lists.
CALL: dict[str, Any] = {
    "request": {
        "http": {
            "host": "example.org",
            "method": "POST",
            "path": "/v1/tokens",
            "headers": {"accept": ["*/*", "text/plain"], "x-tokens": "7"},
            "querystring": [],
        }
    },
    "client_ip": "203.0.113.9",
    "consumer": {"id": "b7d0", "username": "api"},
}


def result(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.content
    return dict(response.json()["result"])


def test_a_call_of_a_consumer_goes_through(gateway: Gateway) -> None:
    assert result(gateway.kong(CALL)) == {
        "allow": True,
        "headers": {"Meterbook-Customer": gateway.customer.key},
    }


def test_a_denial_says_what_kong_shall_answer(gateway: Gateway) -> None:
    gateway.may_use(5)
    denied = result(gateway.kong(CALL, "feature=tokens&quantity=header:X-Tokens"))

    assert (denied["allow"], denied["status"]) == (False, 429)
    assert denied["message"]["code"] == "usage_limit_reached"
    assert denied["headers"]["Content-Type"] == "application/problem+json"
    assert denied["headers"]["RateLimit"].startswith('"entitlement:tokens";r=5;t=')
    assert int(denied["headers"]["Retry-After"]) > 0


def test_without_credit_kong_answers_402(gateway: Gateway) -> None:
    gateway.is_prepaid()

    assert result(gateway.kong(CALL))["status"] == 402


def test_a_consumer_goes_by_its_custom_id_first(gateway: Gateway) -> None:
    consumer = {"id": "b7d0", "username": "api", "custom_id": "other"}

    assert result(gateway.kong(CALL | {"consumer": consumer}))["status"] == 403


def test_options_name_another_place(gateway: Gateway) -> None:
    options = "feature=path:2&subject=consumer:username"

    assert result(gateway.kong(CALL | {"consumer": {"username": "api"}}, options))["allow"]


@pytest.mark.parametrize("consumer", [None, [], {}, {"username": 7}])
def test_a_call_of_nobody_is_denied(gateway: Gateway, consumer: Any) -> None:
    assert result(gateway.kong(CALL | {"consumer": consumer}))["status"] == 403


def test_the_key_may_stand_in_the_address_for_kong_sends_no_headers(gateway: Gateway) -> None:
    options = quote(f"key={gateway.key}&feature=tokens", safe="")
    response = Client().post(
        f"/api/v1/gateway/opa/{options}", {"input": CALL}, content_type="application/json"
    )

    assert result(response)["allow"]


def test_options_may_stand_in_a_query_for_others(gateway: Gateway) -> None:
    response = Client().post(
        "/api/v1/gateway/opa?feature=video",
        {"input": CALL},
        content_type="application/json",
        headers=gateway.bearer,
    )

    assert result(response)["message"]["code"] == "feature_unknown"


def test_a_key_that_is_refused_is_not_told_to_the_caller(gateway: Gateway) -> None:
    response = Client().post(
        "/api/v1/gateway/opa/key%3Dmb_live_secret", {"input": CALL}, content_type="application/json"
    )

    assert result(response)["status"] == 401
    assert b"mb_live_secret" not in response.content


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"input": 1}', b"\xff"])
def test_what_is_no_input_is_denied(gateway: Gateway, body: bytes) -> None:
    response = Client().post(
        "/api/v1/gateway/opa", body, content_type="application/json", headers=gateway.bearer
    )

    assert result(response)["status"] == 400


def test_only_a_post_is_a_question(gateway: Gateway) -> None:
    assert Client().get("/api/v1/gateway/opa", headers=gateway.bearer).status_code == 405


def test_a_failure_of_ours_is_no_denial(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise DatabaseError("the database is gone")

    monkeypatch.setattr("integrations.gateway.deciding.check", fails)

    assert gateway.kong(CALL).status_code == 500
