"""Test clocks over the API."""

import pytest

from tests import factories
from tests.api import Api, code

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock(api):
    made = api.post("test-clocks", {"key": "spring", "now_at": "2026-03-01T00:00:00Z"})
    assert made.status_code == 201
    return made.json()


def test_a_clock_is_made_given_to_a_customer_and_advanced(api, clock):
    factories.customer(book=api.book, key="acme")
    attached = api.put("customers/acme/test-clock", {"test_clock": "spring"})
    assert attached.json()["test_clock"]["now_at"] == "2026-03-01T00:00:00Z"

    moved = api.post("test-clocks/spring/advance", {"to": "2026-04-01T00:00:00Z"})

    assert moved.status_code == 200
    assert moved.json()["now_at"] == "2026-04-01T00:00:00Z"
    assert moved.json()["done"]["instants"] == 0
    assert api.get(f"test-clocks/{clock['id']}").json()["target_at"] is None


def test_going_back_names_the_field(api, clock):
    refused = api.post("test-clocks/spring/advance", {"to": "2026-02-01T00:00:00Z"})

    assert code(refused) == (400, "invalid_input")
    assert refused.json()["errors"][0]["field"] == "to"


def test_a_clock_of_another_book_is_not_there(api, clock):
    stranger = Api(factories.book())
    factories.customer(book=stranger.book, key="beta")

    refused = stranger.put("customers/beta/test-clock", {"test_clock": "spring"})

    assert code(refused) == (404, "not_found")


def test_where_they_are_off_it_says_so(api, clock, settings):
    settings.METERBOOK_TEST_CLOCKS = False

    refused = api.post("test-clocks/spring/advance", {"to": "2026-04-01T00:00:00Z"})

    assert code(refused) == (422, "test_clocks_off")
