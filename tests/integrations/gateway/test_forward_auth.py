"""Asked by reverse proxies: Traefik and Caddy as it is, nginx in two statuses and headers."""

import base64
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from billing.budgets import defining
from ledger import registry
from ledger.models import Customer
from tests import factories
from tests.api import Api
from tests.factories import NOON
from tests.integrations.gateway.asking import Gateway

# The month of the allowance ends on 1 July: in fifteen and a half days.
UNTIL_JULY = str(int(timedelta(days=15, hours=12).total_seconds()))


def code(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    return response.status_code, response.json()["code"]


def test_a_call_goes_through_and_the_service_learns_whose_it_is(gateway: Gateway) -> None:
    response = gateway.forward()

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Meterbook-Customer"] == gateway.customer.key
    assert response.headers["Cache-Control"] == "no-store"


def test_without_credit_there_is_402(gateway: Gateway) -> None:
    gateway.is_prepaid()
    assert code(gateway.forward()) == (402, "credit_exhausted")

    gateway.scene.grant(5)
    assert gateway.forward().status_code == 200
    assert code(gateway.forward(quantity="6")) == (402, "credit_exhausted")


def test_beyond_the_allowance_there_is_429_and_when_to_come_back(gateway: Gateway) -> None:
    gateway.may_use(100)
    allowed, denied = gateway.forward(quantity="100"), gateway.forward(quantity="101")

    assert allowed.headers["RateLimit"] == f'"entitlement:tokens";r=100;t={UNTIL_JULY}'
    assert allowed.headers["RateLimit-Policy"] == '"entitlement:tokens";q=100'
    assert code(denied) == (429, "usage_limit_reached")
    assert denied.headers["Retry-After"] == UNTIL_JULY


def test_beyond_a_budget_there_is_429_and_its_money_is_not_shown(gateway: Gateway) -> None:
    defining.create(
        customer=gateway.customer,
        key="team",
        asset=gateway.scene.dollars,
        amount=Decimal(77),
        at=NOON,
    )
    denied = gateway.forward(quantity="78")

    assert code(denied) == (429, "budget_reached")
    assert denied.json()["violated-policies"] == ["budget:team"]
    assert b"77" not in denied.content
    assert "RateLimit" not in denied.headers
    assert '"budget:team";r=77' in gateway.forward(amounts="show").headers["RateLimit"]


def test_a_budget_counts_calls_by_what_they_are_labelled(gateway: Gateway) -> None:
    defining.create(
        customer=gateway.customer,
        key="large",
        asset=gateway.scene.dollars,
        amount=Decimal(0),
        labels={"model": "large"},
        at=NOON,
    )
    asked = {"quantity": "1", "label.model": "header:X-Model"}

    assert gateway.forward({"X-Model": "small"}, **asked).status_code == 200
    assert code(gateway.forward({"X-Model": "large"}, **asked)) == (429, "budget_reached")


def test_nobody_and_nothing_known_is_403(gateway: Gateway) -> None:
    assert code(gateway.forward({"Meterbook-Subject": "x"})) == (403, "customer_unknown")
    assert code(gateway.forward({"Meterbook-Subject": ""})) == (403, "customer_unknown")
    assert code(gateway.forward(feature="video")) == (403, "feature_unknown")


def test_who_is_suspended_is_403(gateway: Gateway) -> None:
    registry.update_customer(customer=gateway.customer, is_active=False)

    assert code(gateway.forward()) == (403, "customer_suspended")


def test_options_say_where_the_call_names_its_sender(gateway: Gateway) -> None:
    by_query = gateway.forward(
        {"X-Forwarded-Uri": "/v1/tokens/new?app=api"}, subject="query:app", feature="path:2"
    )
    by_key = gateway.forward({"X-Who": gateway.customer.key}, customer="header:X-Who")

    assert (by_query.status_code, by_key.status_code) == (200, 200)


def test_an_address_that_is_none_says_nothing(gateway: Gateway) -> None:
    headers = {"X-Forwarded-Uri": "http://[x?app=api"}

    assert code(gateway.forward(headers, subject="query:app")) == (403, "customer_unknown")


def test_what_cannot_be_read_is_refused(gateway: Gateway) -> None:
    assert code(gateway.forward(colour="red")) == (400, "invalid_input")
    assert code(gateway.forward(quantity="many")) == (400, "invalid_input")
    assert code(gateway.forward(feature="header:X-Feature")) == (400, "invalid_input")


def send(headers: dict[str, str]) -> Any:
    about = {"Meterbook-Subject": "api", **headers}
    return Client().get("/api/v1/gateway/forward-auth?feature=tokens", headers=about)


def test_a_gateway_shows_its_key_in_one_of_three_ways(gateway: Gateway) -> None:
    user = base64.b64encode(f"gateway:{gateway.key}".encode()).decode()

    assert send({"Authorization": f"Bearer {gateway.key}"}).status_code == 200
    assert send({"Authorization": f"Basic {user}"}).status_code == 200
    assert send({"Meterbook-Key": gateway.key}).status_code == 200


def test_our_own_header_goes_before_what_the_caller_brought(gateway: Gateway) -> None:
    headers = {"Authorization": "Bearer of-somebody-else", "Meterbook-Key": gateway.key}

    assert send(headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer ", "Bearer mb_live_x", "Basic !", "Basic /w==", "Basic eDp5", "Digest x"],
)
def test_without_a_good_key_there_is_401(gateway: Gateway, authorization: str) -> None:
    response = send({"Authorization": authorization})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Meterbook"'
    assert "instance" not in response.json()


def test_a_key_that_may_not_read_may_not_ask(gateway: Gateway) -> None:
    key = Api(gateway.scene.book, scopes=["ingest"]).text

    assert code(send({"Meterbook-Key": key})) == (403, "scope_missing")


def test_a_key_of_one_customer_asks_about_nobody_else(gateway: Gateway) -> None:
    other: Customer = factories.customer(book=gateway.scene.book)
    key = Api(gateway.scene.book, scopes=["read"], customer=other).text

    assert code(send({"Meterbook-Key": key})) == (403, "customer_unknown")


def test_nginx_is_told_yes(gateway: Gateway) -> None:
    response = gateway.asks("auth-request")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Meterbook-Status"] == "200"


def test_nginx_is_told_no_in_a_status_that_it_knows(gateway: Gateway) -> None:
    gateway.is_prepaid()
    response = gateway.asks("auth-request")

    assert (response.status_code, response.content) == (403, b"")
    assert response.headers["Meterbook-Status"] == "402"
    assert json.loads(response.headers["Meterbook-Problem"])["code"] == "credit_exhausted"


def test_nginx_is_told_when_its_own_key_is_refused(gateway: Gateway) -> None:
    response = gateway.asks("auth-request", {"Authorization": "Bearer mb_live_x"})

    assert (response.status_code, response.headers["Meterbook-Status"]) == (401, "401")


@pytest.mark.parametrize("face", ["forward-auth", "auth-request"])
def test_a_failure_of_ours_is_no_denial(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, face: str
) -> None:
    def fails(**_: object) -> None:
        raise DatabaseError("the database is gone")

    monkeypatch.setattr("integrations.gateway.deciding.check", fails)

    assert gateway.asks(face).status_code == 500


@pytest.mark.django_db(transaction=True)
def test_a_question_costs_two_queries(gateway: Gateway, django_assert_num_queries: Any) -> None:
    gateway.is_prepaid(5)
    gateway.may_use(100)
    gateway.forward(quantity="1")

    with django_assert_num_queries(2):
        assert gateway.forward(quantity="1").status_code == 200
