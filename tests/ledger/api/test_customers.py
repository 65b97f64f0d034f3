"""Customers: a tree, found by id or key, seen as far as a key reaches."""

import pytest

from ledger.models import Customer
from tests import factories
from tests.api import Api, code


@pytest.fixture
def tree(book):
    """Return a company with a unit with a team, and a stranger beside it."""
    company = factories.customer(book=book, key="company")
    unit = factories.customer(parent=company, key="unit")
    team = factories.customer(parent=unit, key="team")
    stranger = factories.customer(book=book, key="stranger")
    return company, unit, team, stranger


def test_a_customer_is_entered_and_found_by_id_or_key(api):
    made = api.post("customers", {"key": "10023", "name": "ACME", "metadata": {"crm": 7}}).json()

    assert api.get(f"customers/{made['id']}").json() == made
    assert api.get("customers/key:10023").json() == made
    assert made["metadata"] == {"crm": 7}
    assert made["parent_id"] is None


def test_a_child_names_its_parent(api, tree):
    made = api.post("customers", {"key": "new", "name": "New", "parent": "unit"}).json()

    assert made["parent_id"] == str(tree[1].pk)
    below = api.get("customers", parent="unit").json()["data"]
    assert {found["key"] for found in below} == {"team", "new"}
    top = api.get("customers", parent="none").json()["data"]
    assert {found["key"] for found in top} == {"company", "stranger"}


def test_a_customer_moves_but_never_below_itself(api, tree):
    assert api.patch("customers/team", {"parent": "stranger"}).json()["parent_id"]
    assert api.patch("customers/team", {"parent": None}).json()["parent_id"] is None

    refused = api.patch("customers/company", {"parent": "unit"})
    assert code(refused) == (400, "invalid_input")


def test_what_is_left_out_stays(api, tree):
    changed = api.patch("customers/team", {"is_active": False}).json()

    assert changed["parent_id"] == str(tree[1].pk)
    assert api.get("customers", is_active="false").json()["data"] == [changed]


@pytest.mark.parametrize("field", ["id", "book", "book_id", "created_at", "is_superuser"])
def test_fields_that_are_not_offered_cannot_be_set(api, field):
    body = {"key": "c", "name": "C", field: "1"}

    assert code(api.post("customers", body)) == (400, "invalid_input")
    assert not Customer.objects.exists()


def test_pages_follow_each_other_without_gap(api):
    keys = [factories.customer(book=api.book).key for _ in range(7)]
    found, after = [], {}
    while True:
        page = api.get("customers", **{"page[size]": 3}, **after).json()
        found += [customer["key"] for customer in page["data"]]
        if page["next"] is None:
            break
        after = {"page[after]": page["next"]}

    assert found == keys


@pytest.mark.parametrize(
    "query",
    [
        {"page[size]": 0},
        {"page[size]": 201},
        {"limit": "many"},
        {"page[after]": "tampered"},
        {"page[after]": "MTotNQ"},
        {"page[after]": "MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"},
        {"kind": "club"},
    ],
)
def test_a_query_that_cannot_be_is_refused(api, query):
    assert code(api.get("customers", **query)) == (400, "invalid_input")


def test_a_long_list_costs_no_more_queries_than_a_short_one(api, django_assert_num_queries):
    for _ in range(30):
        factories.customer(book=api.book)
    api.get("customers")  # the key is known from here on

    with django_assert_num_queries(1):
        assert len(api.get("customers", limit=30).json()["data"]) == 30


def test_customers_of_other_books_do_not_exist(api):
    other = factories.customer(book=factories.book(), key="elsewhere")

    for named in ("elsewhere", str(other.pk)):
        assert code(api.get(f"customers/{named}")) == (404, "not_found")
        assert code(api.patch(f"customers/{named}", {"name": "Mine"})) == (404, "not_found")
        body = {"key": "c", "name": "C", "parent": named}
        assert code(api.post("customers", body)) == (404, "not_found")


def test_a_bound_key_sees_its_customer_and_what_is_below(book, tree):
    bound = Api(book, customer=tree[1])

    assert {found["key"] for found in bound.get("customers").json()["data"]} == {"unit", "team"}
    for hidden in ("company", "stranger"):
        assert code(bound.get(f"customers/{hidden}")) == (404, "not_found")
        assert code(bound.get(f"customers/{hidden}/balances")) == (404, "not_found")
        assert code(bound.get("customers", parent=hidden)) == (404, "not_found")


def test_a_bound_key_stays_in_its_part_of_the_tree(book, tree):
    bound = Api(book, customer=tree[1])

    assert code(bound.post("customers", {"key": "x", "name": "X"}))[0] == 404
    assert code(bound.patch("customers/unit", {"parent": None}))[0] == 404
    assert code(bound.patch("customers/unit", {"parent": "team"}))[0] == 404
    assert code(bound.patch("customers/team", {"parent": None}))[0] == 404
    assert code(bound.patch("customers/team", {"parent": "stranger"}))[0] == 404
    assert bound.post("customers", {"key": "x", "name": "X", "parent": "team"}).status_code == 201
