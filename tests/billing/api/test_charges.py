"""Charges and contracts over the API."""

import pytest

from billing.models import Feature
from tests import factories
from tests.api import Api, code
from tests.billing.charging.agreed import agreed
from tests.billing.scene import START

pytestmark = pytest.mark.django_db

TERM = {
    "customer": "acme",
    "key": "acme-2026",
    "currency": "USD",
    "starts_at": "2026-01-01T00:00:00Z",
    "ramp": "P1Y",
    "amounts": ["100000", "150000.50"],
    "overage_multiplier": "1.2",
}


@pytest.fixture
def book():
    book = agreed()
    book.fee(10)
    book.run("2024-02-01")
    return book


@pytest.fixture
def api(book):
    factories.customer(book=book.scene.book, key="acme")
    return Api(book.scene.book)


def test_charges_are_listed_newest_first(api, book):
    rows = api.get("charges", subscription=book.subscription.key).json()["data"]

    assert [row["starts_at"] for row in rows] == ["2024-02-01T00:00:00Z", "2024-01-01T00:00:00Z"]
    assert [(row["amount"], row["earned"]) for row in rows] == [("10", "0"), ("10", "10")]
    assert rows[0]["item_key"] == "base"


def test_charges_of_another_customer_are_not_shown(api, book):
    stranger = factories.customer(book=book.scene.book)
    bound = Api(book.scene.book, customer=stranger)

    assert bound.get("charges").json()["data"] == []
    assert api.get("charges", customer="acme").json()["data"] == []
    assert len(api.get("charges", kind="flat").json()["data"]) == 2
    assert code(bound.get("charges", subscription=book.subscription.key)) == (404, "not_found")


def test_a_contract_is_entered_once_and_its_balance_read(api, book):
    Feature.objects.create(book=book.scene.book, key="gpu", name="GPU", created_at=START)
    made = api.post("contracts", {**TERM, "feature_keys": ["gpu"]})

    assert made.status_code == 201
    assert made.json()["ends_at"] == "2028-01-01T00:00:00Z"
    assert made.json()["amounts"] == ["100000", "150000.5"]
    assert api.post("contracts", {**TERM, "feature_keys": ["gpu"]}).json() == made.json()
    [listed] = api.get("contracts", customer="acme").json()["data"]
    assert listed == made.json()
    balance = api.get("contracts/acme-2026/balance", as_of="2026-07-02T12:00:00Z").json()
    assert balance["remaining"] == "250000.5"
    assert balance["current"]["projected_shortfall"] == "100000"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ramp": "P0M"}, "ramp"),
        ({"amounts": []}, "amounts"),
        ({"amounts": ["-1"]}, "amounts.0"),
        ({"overage_multiplier": "0.9"}, "overage_multiplier"),
        ({"feature_keys": ["unknown"]}, "feature_keys"),
        ({"time_zone": "Nowhere"}, "time_zone"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(api, wrong, field):
    refused = api.post("contracts", {**TERM, **wrong})

    assert code(refused)[0] == 400
    assert refused.json()["errors"][0]["field"] == field
