"""One-off charges, adjustments and corrections of prices over the API."""

import pytest

from tests.api import Api, code
from tests.billing.charging.agreed import on
from tests.billing.scene import event, new_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", price=1)
    return scene


@pytest.fixture
def api(scene):
    return Api(scene.book)


def one_off(scene, **more):
    return {
        "customer": scene.customer.key, "key": "k", "name": "Onboarding", "currency": "USD",
        "unit_price": "250", "quantity": "2", "product": "services", **more,
    }  # fmt: skip


def test_something_is_charged_once(scene, api):
    made = [api.post("one-off-charges", one_off(scene)) for _ in range(2)]

    assert [answer.status_code for answer in made] == [201, 201]
    found = made[0].json()
    assert (found["kind"], found["amount"], found["product"]) == ("one_off", "500", "services")
    assert api.get("charges", kind="one_off").json()["data"] == [found]
    assert scene.unbilled == 500
    refused = api.post("one-off-charges", one_off(scene, unit_price="251"))
    assert code(refused) == (409, "idempotency_conflict")


def test_something_due_later_is_shown_as_waiting(scene, api):
    made = api.post("one-off-charges", one_off(scene, due_at="2099-01-01T00:00:00Z")).json()

    assert (made["amount"], made["scheduled_at"]) == ("0", "2099-01-01T00:00:00Z")


def test_an_adjustment_may_be_below_zero(scene, api):
    scene.send(event(100))
    sent = {
        "customer": scene.customer.key, "key": "a", "name": "Goodwill", "currency": "USD",
        "amount": "-25", "reason": "outage",
    }  # fmt: skip
    made = api.post("adjustments", sent).json()

    assert (made["amount"], made["reason"]) == ("-25", "outage")
    assert scene.unbilled == 75
    assert code(api.post("adjustments", {**sent, "reason": ""})) == (400, "invalid_input")


def correction(scene, **more):
    return {
        "customer": scene.customer.key, "meter": "sum", "at": "2025-01-20T00:00:00Z", "key": "p",
        "terms": {"price": {"type": "unit", "amount": "0.75"}}, "reason": "agreed", **more,
    }  # fmt: skip


def test_the_price_of_usage_is_corrected(scene, api):
    scene.send(event(100, at=on("2025-01-10")), at=on("2025-01-10"))
    made = api.post("price-corrections", correction(scene)).json()

    assert (made["kind"], made["amount"], made["product"]) == ("adjustment", "-25", "sum")
    assert scene.unbilled == 75


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "2025-03-01T00:00:00Z"},
        {"terms": {"price": {"type": "weather"}}},
        {"item": "nothing"},
    ],
)
def test_what_cannot_be_corrected_is_refused(scene, api, wrong):
    scene.send(event(100, at=on("2025-01-10")), at=on("2025-01-10"))

    answer = api.post("price-corrections", correction(scene, **wrong))
    assert answer.status_code in (400, 422), answer.content


def test_charging_needs_the_scope_of_finance(scene):
    manager = Api(scene.book, scopes=["read", "manage"])
    for path in ("one-off-charges", "adjustments", "price-corrections"):
        assert code(manager.post(path, {})) == (403, "scope_missing")


def test_a_customer_charges_nobody(scene):
    mine = Api(scene.book, customer=scene.customer)

    assert code(mine.post("one-off-charges", one_off(scene))) == (404, "not_found")
