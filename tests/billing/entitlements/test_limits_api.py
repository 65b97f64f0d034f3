"""Entitlements and budgets over HTTP."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from billing.models import BudgetApproval, Entitlement
from tests import factories
from tests.api import Api, code
from tests.billing.entitlements.asking import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(world: World) -> Api:
    return Api(world.scene.book)


def limit(world: World, amount: str = "100", **more: Any) -> dict[str, Any]:
    return {
        "customer": world.customer.key,
        "feature": "tokens",
        "kind": "metered",
        "limit": amount,
        "usage_period": "P1M",
        **more,
    }


def test_a_right_is_given_read_and_ended(api: Api, world: World) -> None:
    made = api.post("entitlements", limit(world)).json()
    assert (made["feature"], made["limit"], made["wallet"] is None) == ("tokens", "100", False)
    assert api.get(f"entitlements/{made['id']}").json() == made

    rights = api.get(f"customers/{world.customer.pk}/entitlements").json()["data"]
    assert [(one["feature"], one["remaining"][0]["amount"]) for one in rights] == [
        ("tokens", "100")
    ]

    ended = api.post(f"entitlements/{made['id']}/end").json()
    assert ended["ends_at"] is not None
    assert api.get("entitlements", customer=world.customer.key).json()["data"] == []
    everything = api.get("entitlements", include_ended="true", feature="tokens").json()["data"]
    assert [one["id"] for one in everything] == [made["id"]]
    assert api.get(f"customers/{world.customer.pk}/entitlements").json() == {"data": []}


def test_what_is_wrong_with_a_right_is_named(api: Api, world: World) -> None:
    response = api.post("entitlements", limit(world, usage_period="PT1S"))

    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == "usage_period"
    assert code(api.post("entitlements", limit(world, feature="video"))) == (404, "not_found")


def test_the_same_request_gives_a_right_once(api: Api, world: World) -> None:
    first = api.post("entitlements", limit(world), once="a")
    again = api.post("entitlements", limit(world), once="a")

    assert first.json() == again.json()
    assert Entitlement.objects.count() == 1
    assert code(api.post("entitlements", limit(world))) == (409, "already_exists")


def test_units_are_added_on_top_by_finance(api: Api, world: World) -> None:
    made = api.post("entitlements", limit(world)).json()
    path, body = f"entitlements/{made['id']}/grants", {"key": "launch", "amount": "50"}

    added = api.post(path, body)
    again = api.post(path, body)
    manager = Api(world.scene.book, scopes=["read", "manage"])

    assert (added.status_code, added.json()["amount"], added.json()["expires_at"]) == (
        201,
        "50",
        None,
    )
    assert again.json() == added.json()
    [right] = api.get(f"customers/{world.customer.pk}/entitlements").json()["data"]
    assert right["remaining"][0]["amount"] == "150"
    assert code(manager.post(path, body)) == (403, "scope_missing")
    assert code(api.post(path, body | {"amount": "51"})) == (409, "idempotency_conflict")


def test_many_units_on_top_wait_for_a_second_person(api: Api, world: World, settings: Any) -> None:
    settings.METERBOOK_APPROVAL_ABOVE = {"thing": Decimal(1000)}
    made = api.post("entitlements", limit(world)).json()
    path, body = f"entitlements/{made['id']}/grants", {"key": "launch", "amount": "1001"}

    waits = api.post(path, {**body, "reason": "Launch week"})

    assert (waits.status_code, waits.json()["state"]) == (202, "waiting")
    [right] = api.get(f"customers/{world.customer.pk}/entitlements").json()["data"]
    assert right["remaining"][0]["amount"] == "100"
    assert code(api.post(path, {**body, "key": "why"}))[0] == 400


def test_nothing_is_added_to_a_right_without_a_limit(api: Api, world: World) -> None:
    made = api.post("entitlements", limit(world) | {"limit": None}).json()

    refused = api.post(f"entitlements/{made['id']}/grants", {"key": "launch", "amount": "50"})

    assert code(refused) == (409, "entitlement_without_allowance")


def budget(world: World, **more: Any) -> dict[str, Any]:
    return {
        "key": "march",
        "customer": world.customer.key,
        "asset": "USD",
        "amount": "50",
        "warn_at": ["80", 95],
        **more,
    }


def test_a_budget_is_made_changed_and_ended(api: Api, world: World) -> None:
    made = api.post("budgets", budget(world)).json()
    assert (made["cadence"], made["action"], made["warn_at"]) == ("P1M", "block", ["80", "95"])

    changed = api.patch("budgets/march", {"amount": "60", "action": "approve"}).json()
    assert (changed["amount"], changed["action"], changed["warn_at"]) == (
        "60",
        "approve",
        ["80", "95"],
    )
    assert api.get(f"budgets/{made['id']}").json() == changed

    assert api.post("budgets/march/end").json()["ended_at"] is not None
    assert api.get("budgets").json()["data"] == []
    assert len(api.get("budgets", include_ended="true", key="march").json()["data"]) == 1
    assert code(api.patch("budgets/march", {"amount": "1"})) == (409, "budget_ended")


def test_what_expired_holds_held_of_a_budget_is_left(api: Api, world: World) -> None:
    api.post("budgets", budget(world))
    world.scene.rate(world.scene.meters["llm"], 1)
    ask = {"customer": world.customer.key, "feature": "tokens", "quantity": "30"}
    with time_machine.travel(now() - timedelta(minutes=5)):
        for key, seconds in (("brief", 60), ("long", 600)):
            reserve = {"key": key, "expires_in": seconds}
            api.post("access/check", {**ask, "quantity": "20", "reserve": reserve})

    [use] = api.get("budgets/march/use").json()["data"]

    assert (use["held"], use["remaining"]) == ("20", "30")


def test_more_is_approved_by_name_and_once(api: Api, world: World) -> None:
    api.post("budgets", budget(world, action="approve"))
    ask = {"customer": world.customer.key, "cost": "51"}
    assert api.post("access/check", ask).json()["reason"] == "approval_needed"

    body = {"key": "launch", "extra": "25", "reason": "Launch week"}
    first = api.post("budgets/march/approvals", body).json()
    again = api.post("budgets/march/approvals", body).json()

    assert first == again
    assert first["cause"].startswith("key:")
    assert api.post("access/check", ask).json()["is_allowed"] is True
    [use] = api.get("budgets/march/use").json()["data"]
    assert (use["used"], use["extra"], use["remaining"]) == ("0", "25", "75")
    assert len(api.get("budgets/march/approvals").json()["data"]) == 1
    other = api.post("budgets/march/approvals", body | {"extra": "26"})
    assert code(other) == (409, "idempotency_conflict")
    assert BudgetApproval.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"cadence": "PT1M"}, "cadence"),
        ({"feature": "video"}, "feature"),
        ({"amount": "-1"}, "amount"),
        ({"warn_at": ["0"]}, "warn_at"),
        ({"time_zone": "Moon/Base"}, "time_zone"),
        ({"labels": {str(name): "x" for name in range(11)}}, "labels"),
        ({"action": "stop"}, "action"),
    ],
)
def test_what_is_wrong_with_a_budget_is_named(
    api: Api, world: World, more: dict[str, Any], field: str
) -> None:
    response = api.post("budgets", budget(world, **more))

    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["field"].split(".")[0] == field


def test_a_key_of_one_customer_sees_its_own_and_changes_nothing(api: Api, world: World) -> None:
    other = factories.customer(book=world.scene.book)
    api.post("entitlements", limit(world))
    api.post("entitlements", limit(world, customer=other.key))
    api.post("budgets", budget(world))
    api.post("budgets", budget(world, key="april", customer=other.key))
    bound = Api(world.scene.book, customer=world.customer)

    assert len(bound.get("entitlements").json()["data"]) == 1
    assert [one["key"] for one in bound.get("budgets").json()["data"]] == ["march"]
    assert code(bound.get("budgets/april"))[0] == 404
    assert code(bound.get(f"customers/{other.pk}/entitlements"))[0] == 404
    refused = [
        bound.post("entitlements", limit(world)),
        bound.post("budgets", budget(world, key="may")),
        bound.patch("budgets/march", {"amount": "1000"}),
        bound.post("budgets/march/approvals", {"key": "a", "extra": "1"}),
    ]
    assert {response.status_code for response in refused} <= {403, 404}


def test_to_approve_needs_the_right_of_finance(world: World, api: Api) -> None:
    api.post("budgets", budget(world))
    manager = Api(world.scene.book, scopes=["read", "manage"])

    assert code(manager.post("budgets/march/approvals", {"key": "a", "extra": "1"}))[0] == 403
