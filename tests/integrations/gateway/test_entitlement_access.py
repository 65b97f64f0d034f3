"""OpenMeter's v3 entitlement access, as Kong's entitlement-enforcement plugin asks for it."""

import json
from typing import Any

import pytest
from django.test import Client

from billing.models import Feature
from integrations.gateway import entitlement_access
from integrations.gateway.openmeter import ulid
from ledger import registry
from ledger.models import Customer
from tests import factories
from tests.api import Api
from tests.billing.scene import START
from tests.factories import NOON
from tests.integrations.gateway.asking import Gateway

WHEN = "2025-06-15T12:00:00Z"
V3 = "/api/v3/openmeter"


@pytest.fixture
def support(gateway: Gateway) -> Feature:
    """Return a feature that nothing counts."""
    return Feature.objects.create(
        book=gateway.scene.book, key="support", name="Support", created_at=START
    )


def listed(gateway: Gateway, customer: str) -> Any:
    address = f"{V3}/customers/{customer}/entitlement-access"
    return Client().get(address, headers=gateway.bearer)


def asked(gateway: Gateway, body: Any, query: str = "", **headers: str) -> Any:
    return Client().post(
        f"{V3}/entitlement-access/query{query}",
        json.dumps(body),
        content_type="application/json",
        headers=headers or gateway.bearer,
    )


def of(gateway: Gateway, *customers: str, features: tuple[str, ...] = (), **more: Any) -> Any:
    body: dict[str, Any] = {"customer": {"keys": list(customers)}, **more}
    if features:
        body["feature"] = {"keys": list(features)}
    response = asked(gateway, body)
    assert response.status_code == 200, response.content
    return response.json()


def invalid(response: Any) -> list[str]:
    assert response.status_code == 400, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert {"status", "title", "instance", "detail", "type"} <= document.keys()
    assert all(
        one.keys() == {"field", "reason", "source"} for one in document["invalid_parameters"]
    )
    return [one["field"] for one in document["invalid_parameters"]]


def test_entitlements_are_listed_with_their_access(gateway: Gateway, support: Feature) -> None:
    gateway.may_use(100)
    gateway.gives(support, "static", config={"channels": ["mail"]})
    response = listed(gateway, ulid(gateway.customer.pk))

    assert response.status_code == 200
    assert response.json() == {
        "data": [
            {
                "type": "static",
                "feature_key": "support",
                "has_access": True,
                "config": '{"channels":["mail"]}',
            },
            {"type": "metered", "feature_key": "tokens", "has_access": True},
        ]
    }


def test_an_allowance_that_is_used_up_gives_no_access(gateway: Gateway) -> None:
    gateway.may_use(0)

    [one] = listed(gateway, gateway.customer.key).json()["data"]
    assert one == {"type": "metered", "feature_key": "tokens", "has_access": False}


def test_what_is_held_above_is_held_below(gateway: Gateway, support: Feature) -> None:
    team = factories.customer(parent=gateway.customer)
    gateway.gives(support, "boolean")

    [one] = listed(gateway, str(team.pk)).json()["data"]
    assert one == {"type": "boolean", "feature_key": "support", "has_access": True}


def test_what_is_not_in_force_is_not_listed(gateway: Gateway, support: Feature) -> None:
    gateway.gives(support, "boolean", ends_at=NOON)

    assert listed(gateway, gateway.customer.key).json() == {"data": []}


def test_a_suspended_customer_has_no_access(gateway: Gateway, support: Feature) -> None:
    gateway.gives(support, "boolean")
    registry.update_customer(customer=gateway.customer, is_active=False)

    [one] = listed(gateway, gateway.customer.key).json()["data"]
    assert not one["has_access"]


@pytest.mark.parametrize(
    "name",
    ["01G65Z755AFWAKHE12NY0CQ9FH", ulid(0), "0", "nobody", "9" * 5000, "²", "key:1", "a%00b"],
)
def test_an_unknown_customer_is_not_found(gateway: Gateway, name: str) -> None:
    response = listed(gateway, name)

    assert response.status_code == 404
    assert {"status", "title", "instance", "detail", "type"} <= response.json().keys()


def test_access_is_told_for_many_customers_and_features(gateway: Gateway, support: Feature) -> None:
    other = factories.customer(book=gateway.scene.book, key="other")
    gateway.gives(support, "boolean")
    told = of(
        gateway, gateway.customer.key, "api", "other", "x", features=("tokens", "support", "video")
    )

    assert told["errors"] == [
        {"code": "customer_not_found", "message": "Customer not found.", "customer": "x"}
    ]
    assert told["meta"] == {"page": {"size": 100, "next": None, "previous": None}}
    first, second = told["data"]
    unknown = {
        "has_access": False,
        "reason": {
            "code": "feature_not_found",
            "message": "No feature is known under that key.",
            "attributes": {"reason": "feature_unknown"},
        },
    }
    assert first == {
        "matched": [gateway.customer.key, "api"],
        "customer": {
            "id": ulid(gateway.customer.pk),
            "key": gateway.customer.key,
            "name": gateway.customer.name,
            "created_at": WHEN,
            "updated_at": WHEN,
        },
        "features": {
            "tokens": {"has_access": True},
            "support": {"has_access": True},
            "video": unknown,
        },
        "updated_at": WHEN,
    }
    assert second["customer"]["id"] == ulid(other.pk)
    assert second["features"]["support"]["reason"]["code"] == "feature_unavailable"


def test_all_features_are_told_if_none_is_named(gateway: Gateway, support: Feature) -> None:
    Feature.objects.create(
        book=gateway.scene.book, key="old", name="Old", created_at=START, archived_at=NOON
    )

    assert of(gateway, "api")["data"][0]["features"].keys() == {"support", "tokens"}


def test_a_limit_is_a_reason(gateway: Gateway) -> None:
    gateway.may_use(0)

    access = of(gateway, "api", features=("tokens",))["data"][0]["features"]["tokens"]
    assert access["reason"]["code"] == "usage_limit_reached"


def test_credit_counts_if_it_is_asked_for(gateway: Gateway) -> None:
    gateway.is_prepaid()

    def access(**more: bool) -> Any:
        told = of(gateway, "api", features=("tokens",), **more)
        return told["data"][0]["features"]["tokens"]

    assert access() == {"has_access": True}
    assert access(include_credits=True)["reason"]["code"] == "no_credit_available"


def test_a_key_goes_before_a_subject(gateway: Gateway) -> None:
    named = factories.customer(book=gateway.scene.book, key="api")

    [one] = of(gateway, "api", features=("tokens",))["data"]
    assert one["customer"]["id"] == ulid(named.pk)


def test_a_key_of_one_customer_finds_nobody_else(gateway: Gateway) -> None:
    other = factories.customer(book=gateway.scene.book, key="other")
    bound = {"Authorization": f"Bearer {_bound(gateway, other)}"}
    told = asked(gateway, {"customer": {"keys": ["other", "api"]}}, **bound).json()
    address = f"{V3}/customers/{gateway.customer.key}/entitlement-access"

    assert [one["matched"] for one in told["data"]] == [["other"]]
    assert [one["customer"] for one in told["errors"]] == ["api"]
    assert Client().get(address, headers=bound).status_code == 404


def _bound(gateway: Gateway, customer: Customer) -> str:
    return Api(gateway.scene.book, scopes=["read"], customer=customer).text


def pages(gateway: Gateway, query: str) -> tuple[list[str], Any]:
    body = {"customer": {"keys": ["c3", "c1", "c2"]}, "feature": {"keys": ["tokens"]}}
    told = asked(gateway, body, query).json()
    return [one["customer"]["key"] for one in told["data"]], told["meta"]["page"]


def test_customers_come_in_pages(gateway: Gateway) -> None:
    for key in ("c1", "c2", "c3"):
        factories.customer(book=gateway.scene.book, key=key)
    shown, meta = pages(gateway, "?page[size]=2")
    assert (shown, meta["previous"]) == (["c1", "c2"], None)

    shown, meta = pages(gateway, f"?{meta['next'].partition('?')[2]}")
    assert (shown, meta["next"]) == (["c3"], None)

    shown, meta = pages(gateway, f"?{meta['previous'].partition('?')[2]}")
    assert (shown, meta["size"]) == (["c1", "c2"], 2)


def test_an_answer_holds_so_many_decisions(
    gateway: Gateway, support: Feature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entitlement_access, "_DECISIONS", 3)
    factories.customer(book=gateway.scene.book, key="other")
    told = of(gateway, "api", "other")

    assert [one["matched"] for one in told["data"]] == [["api"]]
    assert told["meta"]["page"]["next"] is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customer"),
        ({"customer": {}}, "keys"),
        ({"customer": {"keys": []}}, "customer.keys"),
        ({"customer": {"keys": ["a"] * 101}}, "customer.keys"),
        ({"customer": {"keys": [1]}}, "customer.keys[0]"),
        ({"customer": {"keys": ["a"]}, "feature": {"keys": []}}, "feature.keys"),
        ({"customer": {"keys": ["a"]}, "include_credits": "yes"}, "include_credits"),
        ({"customer": {"keys": ["a"]}, "colour": "red"}, "colour"),
    ],
)
def test_a_body_that_is_no_query_is_refused(gateway: Gateway, body: Any, field: str) -> None:
    [found] = invalid(asked(gateway, body))
    assert field in found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page[size]=0", "page[size]"),
        ("page[size]=101", "page[size]"),
        ("page[size]=x", "page[size]"),
        ("page[after]=x", "page[after]"),
        ("page[before]=x", "page[before]"),
        (f"page[before]={ulid(1)}&page[after]={ulid(1)}", "page[after]"),
    ],
)
def test_a_page_that_is_none_is_refused(gateway: Gateway, query: str, field: str) -> None:
    assert invalid(asked(gateway, {"customer": {"keys": ["api"]}}, f"?{query}")) == [field]


def test_without_a_key_or_its_scope_nothing_is_told(gateway: Gateway) -> None:
    ingest = Api(gateway.scene.book, scopes=["ingest"]).text
    body = {"customer": {"keys": ["api"]}}

    assert asked(gateway, body, Authorization="").status_code == 401
    assert asked(gateway, body, Authorization=f"Bearer {ingest}").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_many_decisions_cost_as_many_queries_as_one(
    gateway: Gateway, support: Feature, django_assert_num_queries: Any
) -> None:
    gateway.is_prepaid(5)
    gateway.may_use(100)
    others = [factories.customer(book=gateway.scene.book).key for _ in range(5)]
    of(gateway, "api", *others)

    with django_assert_num_queries(5):  # subjects, keys, features, and two to decide
        of(gateway, "api", *others)
    with django_assert_num_queries(4):  # whom, what is held, and two to decide
        listed(gateway, gateway.customer.key)
