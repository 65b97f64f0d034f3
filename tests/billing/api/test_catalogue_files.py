"""The whole catalogue over the API."""

import pytest
import yaml

from tests import factories
from tests.api import Api, code
from tests.billing.test_catalogue_files import full_book


@pytest.fixture
def book(db):
    return full_book()


def test_a_catalogue_goes_from_book_to_book(api):
    document = api.get("catalogue").json()
    written = api.get("catalogue", format="yaml")
    assert written.headers["Content-Type"].startswith("application/yaml")
    assert yaml.safe_load(written.content)["plans"] == document["plans"]
    other = Api(factories.book())

    said = other.post("catalogue/import", {"catalogue": document, "dry_run": True}).json()
    assert said["dry_run"]
    assert {"action": "create", "kind": "meter", "key": "llm", "fields": []} in said["changes"]
    assert other.get("catalogue").json() == {"catalogue": 1}

    text = {"catalogue": written.content.decode()}
    assert other.post("catalogue/import", text).json()["changes"] == said["changes"]
    assert other.get("catalogue").json() == document
    assert other.post("catalogue/import", text).json()["changes"] == []


def test_what_is_wrong_is_named_by_its_path(api):
    document = {"catalogue": 1, "meters": [{"key": "m", "unit": "none"}]}

    response = api.post("catalogue/import", {"catalogue": document})
    assert code(response) == (400, "invalid_document")
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["meters[0].aggregation"]
    assert code(api.post("catalogue/import", {"catalogue": "a: *b"})) == (400, "invalid_document")
    assert code(api.get("catalogue", format="xml")) == (400, "invalid_input")


def test_the_catalogue_is_for_the_whole_book(api, book):
    bound = Api(book, customer=factories.customer(book=book))

    assert code(bound.get("catalogue")) == (404, "not_found")
    reader = Api(book, scopes=["read"])
    assert code(reader.post("catalogue/import", {"catalogue": {}})) == (403, "scope_missing")
