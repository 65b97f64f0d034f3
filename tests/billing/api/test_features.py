"""Features and tax codes by API."""

import pytest

from ledger import registry
from tests import factories
from tests.api import Api, code

METER = {
    "key": "llm",
    "event_type": "llm.used",
    "aggregation": "sum",
    "value_property": "$.tokens",
    "dimensions": {"model": "$.model", "provider": "$.provider", "token": "$.type"},
    "unit": "tokens",
}
FEATURE = {
    "key": "gpt-5",
    "name": "GPT-5",
    "meter": {"id": "llm", "filters": {"model": {"in": ["gpt-5", "gpt-5-mini"]}}},
    "unit_cost": {"type": "manual", "amount": "0.000001"},
}


@pytest.fixture
def meter(api):
    registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0)
    return api.post("meters", METER).json()


def test_a_feature_is_defined_changed_and_archived(api, meter):
    feature = api.post("features", FEATURE).json()

    assert feature["meter"] == {
        "id": meter["id"],
        "key": "llm",
        "filters": FEATURE["meter"]["filters"],
    }
    assert (
        api.get("features/gpt-5").json() == api.get(f"features/{feature['id']}").json() == feature
    )
    looked_up = {
        "type": "llm",
        "provider_property": "provider",
        "model_property": "model",
        "token_type": "input",
    }
    changed = api.patch("features/gpt-5", {"unit_cost": looked_up, "name": "GPT five"}).json()
    assert (changed["unit_cost"], changed["name"]) == (looked_up, "GPT five")
    assert api.patch("features/gpt-5", {"unit_cost": None}).json()["unit_cost"] is None
    assert api.post("features/gpt-5/archive").json()["archived_at"]
    assert api.get("features").json()["data"] == []
    assert len(api.get("features", include_archived="true", meter="llm").json()["data"]) == 1


def test_a_feature_without_a_meter_is_a_capability(api):
    feature = api.post("features", {"key": "sso", "name": "Single sign-on"}).json()

    assert (feature["meter"], feature["unit_cost"]) == (None, None)
    assert api.get("features", key="sso").json()["data"] == [feature]


def test_an_unknown_dimension_is_refused_with_those_there_are(api, meter):
    wrong = FEATURE | {"meter": {"id": "llm", "filters": {"colour": {"eq": "red"}}}}

    response = api.post("features", wrong)
    assert code(response) == (400, "invalid_feature")
    [error] = response.json()["errors"]
    assert (error["field"], error["code"]) == ("filters.colour", "unknown_dimension")
    assert "model, provider, token" in error["detail"]


@pytest.mark.parametrize(
    ("cost", "field"),
    [
        ({"type": "manual", "amount": "-1"}, "unit_cost.amount"),
        ({"type": "manual"}, "unit_cost.amount"),
        ({"type": "free"}, "unit_cost.type"),
        ({"type": "llm", "provider": "openai", "model_property": "name", "token_type": "input"},
         "unit_cost.model_property"),
        ({"type": "llm", "provider": "openai", "model": "m", "token_type": "inputs"},
         "unit_cost.token_type"),
        ({"type": "llm", "provider": "openai", "model": "m"}, "unit_cost.token_type"),
        (
            {"type": "llm", "provider": "o", "provider_property": "provider", "model": "m",
             "token_type": "input"},
            "unit_cost.provider",
        ),
        (7, "unit_cost"),
    ],
)  # fmt: skip
def test_a_cost_that_cannot_be_is_refused(api, meter, cost, field):
    response = api.post("features", FEATURE | {"unit_cost": cost})

    assert code(response) == (400, "invalid_feature")
    assert field in [error["field"] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"meter": {"id": "none"}}, (404, "not_found")),
        ({"meter": None}, (400, "invalid_feature")),
        ({"key": "a b"}, (400, "invalid_input")),
        ({"name": ""}, (400, "invalid_input")),
        ({"metadata": []}, (400, "invalid_input")),
        ({"colour": "red"}, (400, "invalid_input")),
    ],
)
def test_a_feature_that_cannot_be_is_refused(api, meter, change, expected):
    assert code(api.post("features", FEATURE | change)) == expected


def test_a_feature_is_named_once_and_an_archived_meter_has_no_new_ones(api, meter):
    api.post("features", FEATURE)
    assert code(api.post("features", FEATURE)) == (409, "already_exists")

    api.post("meters/llm/archive")
    assert code(api.post("features", FEATURE | {"key": "new"})) == (400, "invalid_input")


def test_features_and_tax_codes_are_for_the_whole_book(api, book, meter):
    feature = api.post("features", FEATURE).json()
    bound, other = Api(book, customer=factories.customer(book=book)), Api(factories.book())

    for path in ("features", f"features/{feature['id']}", "tax-codes"):
        assert code(bound.get(path)) == (404, "not_found")
    assert code(other.get(f"features/{feature['id']}")) == (404, "not_found")
    assert code(Api(book, scopes=["read"]).post("features", FEATURE)) == (403, "scope_missing")


def test_a_long_list_costs_no_more_queries(api, meter, django_assert_num_queries):
    for number in range(10):
        api.post("features", FEATURE | {"key": f"f{number}"})
    api.get("features")

    with django_assert_num_queries(1):
        assert len(api.get("features").json()["data"]) == 10


def test_a_tax_code_is_made_and_described_anew(api):
    made = api.post("tax-codes", {"key": "saas", "name": "Software"}).json()
    assert api.get("tax-codes").json()["data"] == [made]

    body = {"name": "Software as a service", "description": "Remote", "metadata": {"de": "19"}}
    assert api.put("tax-codes/saas", body).json() == made | body
    assert api.get(f"tax-codes/{made['id']}").json() == made | body
    assert code(api.post("tax-codes", {"key": "saas", "name": "x"})) == (409, "already_exists")
    assert code(api.put("tax-codes/none", body)) == (404, "not_found")
    assert code(api.put("tax-codes/saas", {"key": "other", "name": "x"})) == (400, "invalid_input")
