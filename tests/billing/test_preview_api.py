"""POST /prices/preview: what would it cost, for whoever may read; nothing is recorded."""

import pytest

from ledger import registry
from ledger.models import Asset
from tests import factories
from tests.api import Api
from tests.billing.rating.examples import EXAMPLES, GRADUATED

pytestmark = pytest.mark.django_db
CASE = {"price": {"type": "unit", "amount": "0.1"}, "currency": "USD", "quantity": "5"}


@pytest.fixture
def api():
    """Return a client that may only read."""
    return Api(factories.book(), scopes=["read"])


def preview(api, case):
    return api.send("post", "prices/preview", case)


def test_one_case_is_answered_by_its_document(api):
    answer = preview(api, CASE | {"price": GRADUATED, "quantity": "1500"})

    assert answer.status_code == 200
    assert answer.json()["total"] == "132"
    assert [line["tier"] for line in answer.json()["lines"]] == [1, 1, 2, 3, 3]


def test_every_example_gives_what_was_computed_by_hand(api):
    answers = preview(api, [example.case for example in EXAMPLES]).json()

    assert [answer["total"] for answer in answers] == [example.total for example in EXAMPLES]


def test_json_numbers_are_exact(api):
    case = '{"price": {"type": "unit", "amount": "1"}, "currency": "USD", "quantity": 0.1,'
    case += ' "discounts": {"percentage": 33.333}}'

    assert preview(api, case).json()["exact_total"] == "0.066667"


def test_a_bad_case_names_every_field_and_rule(api):
    answer = preview(api, CASE | {"price": {"type": "unit", "amount": "-1"}, "colour": "red"})

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = {(error["field"], error["code"]) for error in answer.json()["errors"]}
    assert found == {("price.amount", "negative"), ("colour", "unknown_field")}


def test_a_bad_case_of_a_list_is_answered_in_its_place(api):
    good, bad = preview(api, [CASE, CASE | {"quantity": "x"}]).json()

    assert good["total"] == "0.5"
    assert [(e["field"], e["code"]) for e in bad["errors"]] == [("quantity", "not_a_number")]


@pytest.mark.parametrize(
    ("price", "total"), [({"type": "free"}, "0"), ({"type": "flat", "amount": "10"}, "10")]
)
@pytest.mark.parametrize("given", [{}, {"quantity": None}, {"quantity": "0"}, {"quantity": "7"}])
def test_what_costs_the_same_whatever_is_used_needs_no_quantity(api, price, total, given):
    answer = preview(api, {"price": price, "currency": "USD"} | given)

    assert (answer.status_code, answer.json()["total"]) == (200, total)


def test_problems_have_the_code_and_the_values_that_a_list_gives(api):
    bad = CASE | {"price": {"type": "unit", "amount": "-1"}}

    alone, [listed] = preview(api, bad).json(), preview(api, [bad]).json()

    assert alone["code"] == listed["code"] == "invalid_terms"
    assert alone["errors"] == listed["errors"]
    assert alone["errors"][0]["value"] == "-1"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"currency": None}, "currency", "required"),
        ({"currency": "usd"}, "currency", "unknown_currency"),
        ({"currency": "U\0D"}, "currency", "unknown_currency"),
        ({"currency": ["USD"]}, "currency", "unknown_currency"),
        ({"quantity": None}, "quantity", "required"),
        ({"quantity": "1e5"}, "quantity", "not_a_number"),
        ({"quantity": True}, "quantity", "not_a_number"),
        ({"quantity": "1" * 27}, "quantity", "too_large"),
        ({"quantity": "0.0000000000001"}, "quantity", "too_many_places"),
        ({"quantity": "0.000000000001"}, "price.amount", "too_many_places"),
        ({"prior_quantity": "many"}, "prior_quantity", "not_a_number"),
        ({"ends_period": "yes"}, "ends_period", "not_a_boolean"),
        ({"events": [{"value": "3"}]}, "quantity", "not_the_sum"),
        ({"events": []}, "events", "empty"),
        ({"events": [{}], "quantity": "0"}, "events[0].value", "required"),
        ({"events": ["5"], "quantity": "0"}, "events[0]", "not_an_object"),
        ({"events": [{"value": "5", "at": "now"}]}, "events[0].at", "unknown_field"),
        ({"events": [{"value": "5", "dimensions": {"a": 1}}]}, "events[0].dimensions",
         "not_an_object"),
        ({"events": [{"value": "5", "cost": "x"}]}, "events[0].cost", "not_a_number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_case_is_named(api, changes, field, code):
    answer = preview(api, CASE | changes)

    assert answer.status_code == 400
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]


def test_credits_are_printed_with_the_places_they_have(api):
    registry.create_asset(code="tokens", name="Tokens", kind=Asset.Kind.CREDIT, scale=4)

    answer = preview(api, CASE | {"currency": "tokens", "quantity": "0.0125"})

    assert answer.json()["total"] == "0.0013"


def test_a_thousand_cases_are_the_most(api):
    assert len(preview(api, [CASE] * 1000).json()) == 1000
    assert preview(api, [CASE] * 1001).status_code == 400


def test_who_may_not_read_may_not_preview():
    api = Api(factories.book(), scopes=["ingest"])

    assert preview(api, CASE).status_code == 403


def test_a_customers_own_key_may_preview():
    customer = factories.customer()
    api = Api(customer.book, scopes=["read"], customer=customer)

    assert preview(api, CASE).json()["total"] == "0.5"


def test_previews_neither_read_nor_write_the_database(api, django_assert_num_queries):
    preview(api, CASE)  # has the key remembered

    with django_assert_num_queries(0):
        assert preview(api, CASE).status_code == 200
