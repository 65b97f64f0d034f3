"""POST /access/check as gateways call it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing.entitlements import giving
from ledger import registry
from ledger.models import Asset
from tests import factories
from tests.api import Api, code
from tests.billing.entitlements.asking import World
from wallets.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(world: World) -> Api:
    return Api(world.scene.book)


def limit(world: World, amount: int, **terms: Any) -> None:
    """Let the customer use so many tokens, once for all."""
    giving.give(
        customer=world.customer,
        feature=world.tokens,
        kind="metered",
        limit=Decimal(amount),
        at=now(),
        **terms,
    )


def ask(api: Api, world: World, **more: Any) -> Any:
    body = {"customer": world.customer.key, "feature": "tokens", **more}
    return api.post("access/check", body)


def test_an_answer_says_who_why_and_what_is_left(api: Api, world: World) -> None:
    limit(world, 100)

    response = ask(api, world, quantity="30")

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {
        "is_allowed": True,
        "reason": "allowed",
        "customer": {"id": str(world.customer.pk), "key": world.customer.key},
        "feature": "tokens",
        "remaining": [
            {
                "kind": "entitlement",
                "key": "tokens",
                "asset": "thing",
                "amount": "100",
                "resets_at": None,
            }
        ],
        "retry_at": None,
        "estimate": None,
        "config": None,
        "hold": None,
    }


def test_a_refusal_is_an_answer_too(api: Api, world: World) -> None:
    limit(world, 100)

    response = ask(api, world, quantity=101)

    assert (response.status_code, response.json()["reason"]) == (200, "usage_limit_reached")


@pytest.mark.parametrize(
    ("period", "status", "reason"),
    [("PT1H", 429, "usage_limit_reached"), ("", 429, "usage_limit_reached")],
)
def test_who_enforces_gets_a_status(
    api: Api, world: World, period: str, status: int, reason: str
) -> None:
    limit(world, 100, usage_period=period)

    body = {"customer": world.customer.key, "feature": "tokens", "quantity": 101}
    response = api.post("access/check?enforce=true", body)

    assert code(response) == (status, reason)
    assert response.json()["access"]["is_allowed"] is False
    assert ("Retry-After" in response.headers) is bool(period)
    assert response.headers["RateLimit"].startswith('"entitlement:tokens";r=100')


def test_who_enforces_learns_that_it_is_allowed_and_what_is_left(api: Api, world: World) -> None:
    limit(world, 100)

    body = {"customer": world.customer.key, "feature": "tokens", "quantity": 40}
    response = api.post("access/check?enforce=true", body)

    assert (response.status_code, response.json()["is_allowed"]) == (200, True)
    assert response.headers["RateLimit"] == '"entitlement:tokens";r=100'


def test_who_is_suspended_or_unknown_is_forbidden(api: Api, world: World) -> None:
    registry.update_customer(customer=world.customer, is_active=False)

    suspended = api.post("access/check?enforce=true", {"customer": world.customer.key})
    unknown = api.post("access/check?enforce=true", {"subject": "nobody"})

    assert code(suspended) == (403, "customer_suspended")
    assert code(unknown) == (403, "customer_unknown")


def test_several_questions_are_answered_in_their_order(api: Api, world: World) -> None:
    checks = [
        {"customer": str(world.customer.pk)},
        {"customer": f"key:{world.customer.key}", "feature": "video"},
        {"subject": "api", "feature": "tokens", "quantity": "5"},
    ]
    response = api.post("access/check", {"checks": checks})

    reasons = [one["reason"] for one in response.json()["data"]]
    assert reasons == ["allowed", "feature_unknown", "allowed"]


def test_a_key_of_one_customer_sees_no_other(world: World) -> None:
    other = factories.customer(book=world.scene.book)
    team = factories.customer(parent=world.customer)
    bound = Api(world.scene.book, customer=world.customer)

    checks = [{"customer": one.key} for one in (world.customer, team, other)]
    response = bound.post("access/check", {"checks": checks})

    reasons = [one["reason"] for one in response.json()["data"]]
    assert reasons == ["allowed", "allowed", "customer_unknown"]


def test_units_can_be_set_aside_in_the_same_step(api: Api, world: World) -> None:
    limit(world, 100)
    reserve = {"key": "call-1", "expires_in": 60, "purpose": "a call"}

    first = ask(api, world, quantity="60", reserve=reserve).json()
    again = ask(api, world, quantity="60.0", reserve=reserve).json()
    second = ask(api, world, quantity="60", reserve={"key": "call-2"}).json()
    denied = ask(api, world, quantity="60", reserve={"key": "call-2"}).json()

    assert (first["is_allowed"], first["hold"]["amount"]) == (True, "60")
    assert again["hold"] == first["hold"]
    assert [one["reason"] for one in (second, denied)] == ["usage_limit_reached"] * 2
    assert second["remaining"][0]["amount"] == "40"
    assert Hold.objects.filter(asset=Asset.objects.get(code="thing")).count() == 2


def test_to_set_aside_needs_the_right_to_ingest(world: World) -> None:
    reader = Api(world.scene.book, scopes=["read"])

    response = ask(reader, world, quantity=1, reserve={"key": "a"})

    assert code(response) == (403, "scope_missing")


def test_nobody_asks_without_a_key(world: World, client: Any) -> None:
    body = json.dumps({"customer": world.customer.key})
    response = client.post("/api/v1/access/check", body, content_type="application/json")

    assert code(response)[0] == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customer"),
        ({"customer": "a", "subject": "b"}, "customer"),
        ({"customer": "a", "quantity": "-1"}, "quantity"),
        ({"customer": "a", "cost": "-1"}, "cost"),
        ({"customer": "a", "amount": "1"}, "amount"),
        ({"customer": "a", "quantity": "many"}, "quantity"),
        ({"customer": "a", "reserve": {}}, "key"),
        ({"checks": [{"customer": "a"}] * 101}, "checks"),
    ],
)
def test_what_cannot_be_read_is_named(api: Api, body: Any, field: str) -> None:
    response = api.post("access/check", body)

    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("quantity", ['"NaN"', "1e400", '"1e-30"', '"Infinity"'])
def test_amounts_that_no_ledger_keeps_are_refused(api: Api, world: World, quantity: str) -> None:
    body = f'{{"customer": "{world.customer.key}", "quantity": {quantity}}}'

    assert api.post("access/check", body).status_code in {400, 422}


def test_to_set_aside_nothing_that_is_known_is_refused(api: Api, world: World) -> None:
    response = ask(api, world, reserve={"key": "a"})

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "quantity")
