"""What-if questions by API."""

import pytest

from billing.api.views import simulations
from billing.models import Accrual
from tests.api import Api, code
from tests.billing.plans import offers
from tests.billing.plans.offers import card, fee, phase, plan
from tests.billing.scene import START, event
from tests.billing.simulations.test_prices import PER_EVENT, UNIT

JUNE = {"from": "2025-06-01T00:00:00Z", "to": "2025-07-01T00:00:00Z"}
PRICE = JUNE | {"price": UNIT, "meter": "sum", "currency": "USD"}


@pytest.fixture
def used(scene):
    meter = scene.meter("sum", dimensions={"model": "$.model"}, price="1")
    offers.feature(scene.book, "tokens", meter=meter)
    scene.send(event(10), event("2.5"))
    return scene


@pytest.fixture
def api(used):
    return Api(used.book, scopes=["read"])


def test_a_price_is_answered_with_rows_and_totals(used, api):
    response = api.post("simulations", PRICE)

    assert response.status_code == 200, response.content
    assert response.json() == JUNE | {
        "currency": "USD",
        "data": [
            {
                "customer": used.customer.key,
                "feature": "sum",
                "unit": "thing",
                "quantity": "12.5",
                "unpriced": "0",
                "posted": "12.5",
                "simulated": "25",
                "difference": "12.5",
            }
        ],
        "totals": {
            "customers": 1,
            "posted": "12.5",
            "simulated": "25",
            "difference": "12.5",
            "not_compared": "0",
        },
        "leaves_out": ["addons", "coupons", "contracts", "overrides"],
    }
    assert Accrual.objects.get().amount == 12.5


def test_a_plan_and_a_price_list_are_answered(used, api):
    document = plan(phase("main", fee(amount="20"), card(price={"type": "unit", "amount": "3"})))
    offers.publish(used.book, document, START)
    by_plan = api.post("simulations", JUNE | {"plan": {"key": "pro", "version": 1}}).json()
    by_list = api.post("simulations", JUNE | {"price_list": "list"}).json()

    assert [(row["feature"], row["simulated"]) for row in by_plan["data"]] == [
        ("fee", "20"),
        ("tokens", "37.5"),
    ]
    assert by_plan["totals"]["difference"] == "45"
    assert by_list["totals"]["difference"] == "0"


def test_customers_are_named_by_key_or_id(used, api):
    child = used.child("below")
    used.send(event(4, subject="below"))

    named = [child.key, str(child.pk)]
    [row] = api.post("simulations", PRICE | {"customers": named}).json()["data"]
    assert (row["customer"], row["simulated"]) == (child.key, "8")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"to": "2025-06-01T00:00:00Z"}, "to", "where it starts"),
        ({"from": None}, "from", "null"),
        ({"price": None}, "plan", "name one of"),
        ({"price_list": "list"}, "plan", "name one of"),
        ({"price": {"type": "unit", "amount": "-1"}}, "price.amount", "zero or more"),
        ({"meter": "none"}, "meter", "name a meter of the book"),
        ({"currency": "thing"}, "currency", "name the currency"),
        ({"price": None, "plan": {"key": "none"}}, "plan", "there are: none yet"),
        ({"price": None, "plan": {"key": "p", "version": 0}}, "plan.version", "greater"),
        ({"customers": []}, "customers", "at least 1"),
        ({"until": "x"}, "until", "not known"),
    ],
)
def test_what_cannot_be_asked_is_refused(api, change, field, rule):
    asked = {
        name: value
        for name, value in (PRICE | change).items()
        if value is not None or name == "from"
    }
    response = api.post("simulations", asked)

    assert code(response)[0] == 400
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert rule in error["detail"]


def test_a_currency_that_was_not_charged_is_refused(used, api):
    offers.publish(used.book, plan(phase("main", card()), currency="EUR"), START)
    response = api.post("simulations", JUNE | {"plan": {"key": "pro"}})

    assert code(response) == (400, "invalid_input")
    assert "in USD: choose a price in that" in response.json()["errors"][0]["detail"]


def test_too_much_is_refused_with_the_way_out(used, api, monkeypatch):
    monkeypatch.setattr(simulations, "MOST_EVENTS", 1)
    assert api.post("simulations", PRICE).status_code == 200
    by_events = api.post("simulations", PRICE | {"price": PER_EVENT})
    monkeypatch.setattr(simulations, "MOST_CUSTOMERS", 0)
    by_customers = api.post("simulations", PRICE)

    for response in (by_events, by_customers):
        assert code(response) == (400, "invalid_input")
        [error] = response.json()["errors"]
        assert error["field"] == "customers"
        assert "manage.py simulate" in error["detail"]


def test_customers_and_strangers_ask_in_vain(used):
    bound = Api(used.book, customer=used.customer)
    sender = Api(used.book, scopes=["ingest"])

    assert bound.post("simulations", PRICE).status_code == 404
    assert code(sender.post("simulations", PRICE)) == (403, "scope_missing")
    unknown = Api(used.book).post("simulations", PRICE | {"customers": ["none"]})
    assert code(unknown) == (404, "not_found")
