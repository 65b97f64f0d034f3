"""Books: a key sees its own, staff open and name them."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests import factories
from tests.api import Api, code


@pytest.fixture
def staff(db):
    """Return a function that signs a staff member in, with permissions."""

    def sign_in(*permissions: str, book: str = "") -> Client:
        user = User.objects.create_user(factories.name("user"), is_staff=True)
        wanted = Permission.objects.filter(codename__in=permissions)
        user.user_permissions.set(wanted)
        client = Client(headers={"Meterbook-Book": book} if book else {})
        client.force_login(user)
        return client

    return sign_in


NEW = {"key": "new", "name": "New Ltd.", "base_currency": "EUR", "time_zone": "Europe/Berlin"}


def test_a_key_sees_its_own_book_only(api):
    other = factories.book()

    assert [found["id"] for found in api.get("books").json()["data"]] == [str(api.book.pk)]
    assert api.get(f"books/{api.book.key}").json()["base_currency"] == "USD"
    assert code(api.get(f"books/{other.key}")) == (404, "not_found")
    assert code(api.get(f"books/{other.pk}")) == (404, "not_found")


def test_a_key_opens_no_book(api):
    assert code(api.post("books", NEW)) == (403, "staff_only")


def test_staff_open_the_first_book(staff):
    client = staff("change_customer", "view_transaction")

    response = client.post("/api/v1/books", NEW, content_type="application/json")

    assert response.status_code == 201
    assert response.json()["time_zone"] == "Europe/Berlin"
    taken = client.post("/api/v1/books", NEW, content_type="application/json")
    assert code(taken) == (409, "already_exists")


def test_staff_name_one_of_several_books(staff):
    one, other = factories.book(), factories.book()

    assert code(staff("view_transaction").get("/api/v1/customers")) == (400, "book_required")
    named = staff("view_transaction", book=other.key)
    assert named.get("/api/v1/trial-balance").json()["book"] == other.key
    nowhere = staff("view_transaction", book="nowhere")
    assert code(nowhere.get("/api/v1/customers"))[0] == 404
    assert len(named.get("/api/v1/books").json()["data"]) == 2
    assert one.pk


def test_what_staff_may_do_is_what_they_are_permitted(staff, book):
    assert code(staff().get("/api/v1/customers")) == (403, "scope_missing")
    reader = staff("view_transaction")
    assert reader.get("/api/v1/customers").status_code == 200
    refused = reader.post("/api/v1/customers", {}, content_type="application/json")
    assert code(refused) == (403, "scope_missing")


def test_people_who_are_no_staff_are_not_let_in(db):
    client = Client()
    client.force_login(User.objects.create_user("visitor"))

    assert code(client.get("/api/v1/customers"))[0] == 401


def test_a_session_needs_its_token_to_write(staff, book):
    user = User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    refused = client.post("/api/v1/customers", {}, content_type="application/json")
    assert code(refused)[0] == 403


def test_a_book_is_renamed(api):
    changed = api.patch(f"books/{api.book.key}", {"name": "Later Inc.", "tax_ids": {"vat": "1"}})

    assert (changed.json()["name"], changed.json()["tax_ids"]) == ("Later Inc.", {"vat": "1"})
    assert code(api.patch(f"books/{api.book.key}", {"base_currency": "EUR"}))[0] == 400


def test_a_key_bound_to_a_customer_changes_no_book(book):
    bound = Api(book, customer=factories.customer(book=book))

    assert code(bound.patch(f"books/{book.key}", {"name": "Mine"}))[0] == 404
