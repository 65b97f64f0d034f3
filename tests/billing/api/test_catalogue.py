"""Meters, prices, subjects and profiles by API."""

import pytest

from ledger import registry
from tests import factories
from tests.api import Api, code

METER = {
    "key": "llm",
    "event_type": "llm.used",
    "aggregation": "sum",
    "value_property": "$.tokens",
    "dimensions": {"model": "$.model"},
    "unit": "tokens",
}
CARD = {"key": "list", "asset": "USD", "is_default": True}


@pytest.fixture
def tokens(db):
    return registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0)


@pytest.fixture
def meter(api, tokens):
    return api.post("meters", METER).json()


@pytest.fixture
def card(api):
    return api.post("rate-cards", CARD).json()


@pytest.fixture
def customer(book):
    return factories.customer(book=book, key="c")


def test_a_meter_is_defined_renamed_and_archived(api, meter):
    assert meter["feature_key"] == "llm"
    assert api.get("meters/llm").json() == api.get(f"meters/{meter['id']}").json() == meter
    assert api.get("meters", event_type="llm.used").json()["data"] == [meter]

    assert api.patch("meters/llm", {"name": "Tokens"}).json()["name"] == "Tokens"
    assert api.post("meters/llm/archive").json()["archived_at"]
    assert code(api.patch("meters/llm", {"aggregation": "max"}))[0] == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value_property": "tokens"}, "value_path"),
        ({"aggregation": "median"}, "aggregation"),
        ({"dimensions": {"a b": "$.a"}}, "dimensions"),
        ({"dimensions": ["model"]}, "dimensions"),
        ({"book": "1"}, "book"),
    ],
)
def test_a_meter_that_cannot_be_is_refused(api, tokens, change, field):
    response = api.post("meters", METER | change)

    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == field


def test_a_meter_is_named_once(api, meter):
    assert code(api.post("meters", METER)) == (409, "already_exists")
    assert code(api.post("meters", METER | {"key": "m", "unit": "none"})) == (404, "not_found")


def test_a_price_is_added_and_listed(api, meter, card):
    body = {
        "meter": "llm",
        "match": {"model": "gpt-5"},
        "unit_price": "0.00000125",
        "unit_cost": "0.000001",
        "provider": "openai",
    }
    rate = api.post("rate-cards/list/rates", body).json()

    assert (rate["unit_price"], rate["unit_cost"]) == ("0.00000125", "0.000001")
    assert api.get("rate-cards/list/rates", meter="llm").json()["data"] == [rate]


def test_the_same_price_is_added_once(api, meter, card):
    body = {"meter": "llm", "unit_price": "1", "effective_from": "2026-01-01T00:00:00Z"}
    api.post("rate-cards/list/rates", body)

    assert code(api.post("rate-cards/list/rates", body)) == (409, "already_exists")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"unit_price": "-1"}, (400, "invalid_input")),
        ({"unit_price": "1e-13"}, (422, "precision_exceeded")),
        ({"unit_price": "1e30"}, (400, "invalid_input")),
        ({"match": {"colour": "red"}}, (400, "invalid_input")),
        ({"meter": "none"}, (404, "not_found")),
        ({"model": "graduated"}, (400, "invalid_input")),
        ({"model": "terms"}, (400, "invalid_input")),
        ({"terms": {"price": {"type": "free"}}}, (400, "invalid_input")),
        ({"unit_price": None}, (400, "invalid_input")),
    ],
)
def test_a_price_that_cannot_be_is_refused(api, meter, card, change, expected):
    body = {"meter": "llm", "unit_price": "1"}

    assert code(api.post("rate-cards/list/rates", body | change)) == expected


GRADUATED = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.02"}},
        {"unit_price": {"type": "unit", "amount": "0.01"}},
    ],
}


def test_a_price_in_tiers_is_added_and_listed(api, meter, card):
    terms = {"price": GRADUATED, "discounts": {"percentage": 2.5}}
    rate = api.post("rate-cards/list/rates", {"meter": "llm", "terms": terms}).json()

    kept = terms | {"discounts": {"percentage": "2.5"}}  # numbers are text
    assert (rate["model"], rate["unit_price"], rate["terms"]) == ("terms", "0", kept)
    assert api.get("rate-cards/list/rates").json()["data"] == [rate]


def test_everything_wrong_with_terms_is_answered_at_once(api, meter, card):
    terms = {
        "price": {"type": "unit", "amount": "-1"},
        "discounts": {"percentage": 101},
        "commitments": {"minimum_amount": "5"},
    }
    answer = api.post("rate-cards/list/rates", {"meter": "llm", "terms": terms})

    assert code(answer) == (400, "invalid_terms")
    assert {(each["field"], each["code"]) for each in answer.json()["errors"]} == {
        ("terms.price.amount", "negative"),
        ("terms.discounts.percentage", "over_100"),
        ("terms.commitments.minimum_amount", "needs_a_subscription"),
    }


def test_one_rate_card_is_the_default(api, card):
    other = api.post("rate-cards", {"key": "other", "asset": "USD"}).json()
    assert api.post("rate-cards/other/make-default").json()["is_default"]

    assert not api.get("rate-cards/list").json()["is_default"]
    listed = api.get("rate-cards").json()["data"]
    assert [each["id"] for each in listed] == [card["id"], other["id"]]


def test_a_subject_is_mapped_whatever_its_name(api, customer):
    for key in ("sk-1", "10023", "urn:agent/7", "ключ"):
        assert api.put(f"subjects/{key}", {"customer": "c"}).json()["key"] == key
        assert api.get(f"subjects/{key}").json()["customer_id"] == str(customer.pk)
    assert len(api.get("subjects", customer="c").json()["data"]) == 4


def test_a_bound_key_takes_no_subject_from_others(api, book, customer):
    factories.customer(book=book, key="d")
    api.put("subjects/sk-1", {"customer": "d"})
    bound = Api(book, customer=customer)

    assert code(bound.put("subjects/sk-1", {"customer": "c"})) == (409, "already_exists")
    assert code(bound.get("subjects/sk-1")) == (404, "not_found")
    assert code(bound.put("subjects/sk-2", {"customer": "d"})) == (404, "not_found")
    assert bound.put("subjects/sk-2", {"customer": "c"}).status_code == 200


def test_a_profile_is_set_as_a_whole(api, card, customer):
    assert code(api.get("customers/c/billing-profile")) == (404, "not_found")
    body = {"settlement": "credit_only", "rate_card": "list", "credit_limit": "50.00"}

    found = api.put("customers/c/billing-profile", body, once="p1").json()
    assert (found["settlement"], found["credit_limit"]) == ("credit_only", "50")
    assert found["rate_card_id"] == card["id"]
    unset = api.put("customers/c/billing-profile", {}, once="p2").json()
    assert (unset["settlement"], unset["credit_limit"]) == ("credit_then_invoice", None)
    assert api.get("customers/c/billing-profile").json() == unset


def test_a_profile_that_cannot_be_is_refused(api, customer):
    path = "customers/c/billing-profile"

    assert code(api.put(path, {"credit_limit": "-1"}, once="p"))[0] == 400
    assert code(api.put(path, {"rate_card": "none"}, once="p"))[0] == 404
    manager = Api(api.book, scopes=["manage", "read"])
    assert code(manager.put(path, {}, once="p")) == (403, "scope_missing")


def test_a_bound_key_sees_meters_but_no_prices(api, book, meter, card, customer):
    bound = Api(book, customer=customer)

    assert bound.get("meters/llm").status_code == 200
    assert code(bound.post("meters", METER | {"key": "mine"})) == (404, "not_found")
    for path in ("rate-cards", "rate-cards/list", "rate-cards/list/rates"):
        assert code(bound.get(path)) == (404, "not_found")


def test_the_catalogue_of_other_books_does_not_exist(meter, card):
    other = Api(factories.book())

    for path in (f"meters/{meter['id']}", "meters/llm", f"rate-cards/{card['id']}"):
        assert code(other.get(path)) == (404, "not_found")
    assert other.get("meters").json()["data"] == []
    assert other.get("rate-cards").json()["data"] == []
