"""Requests of one moment are answered by one operation, and none suffers from another's."""

import json

import psycopg
import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.utils.timezone import now

from ledger import access
from ledger.api import plain
from ledger.api.calls import Call
from ledger.errors import InvalidInputError, NotFoundError
from tests import factories

pytestmark = pytest.mark.django_db


class Shop:
    """An operation that notes what it is asked at once."""

    def __init__(self):
        self.asked = []
        self.call = Call(scope="read", read=self._read, answer=self._answer, write=self._write)

    def _read(self, request, caller):
        value = json.loads(request.body)
        if value == "unreadable":
            raise InvalidInputError(field="body", value=value, remedy="send another")
        return value

    def _answer(self, caller, questions):
        self.asked.append((caller.book.key, caller.customer_id, list(questions)))
        if "away" in questions:
            raise OperationalError from psycopg.OperationalError()
        if "poison" in questions:
            raise NotFoundError(thing="poison")
        return [NotFoundError(thing=one) if one == "unknown" else one for one in questions]

    def _write(self, request, caller, question, answer):
        return plain.written({"answer": answer})


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def ask():
    """Return a function that makes a request with a key of a book."""
    keys = {}

    def request(value, book, **bound):
        place = (book.pk, *bound.values())
        if place not in keys:
            keys[place] = access.issue_key(book=book, name="k", scopes=["read"], at=now(), **bound)[
                1
            ]
        headers = {"authorization": f"Bearer {keys[place]}"}
        return RequestFactory().post("/", json.dumps(value), "application/json", headers=headers)

    return request


def contents(responses):
    return [(one.status_code, json.loads(one.content).get("answer")) for one in responses]


def test_requests_of_one_book_are_answered_at_once_in_their_order(shop, ask):
    book = factories.book()

    answered = shop.call.all([ask(number, book) for number in (3, 1, 2)])

    assert contents(answered) == [(200, 3), (200, 1), (200, 2)]
    assert shop.asked == [(book.key, None, [3, 1, 2])]


def test_books_and_customers_that_a_key_is_bound_to_are_kept_apart(shop, ask):
    first, second = factories.book(), factories.book()
    customer = factories.customer(book=first)

    answered = shop.call.all(
        [ask(1, first), ask(2, second), ask(3, first, customer=customer), ask(4, first)]
    )

    assert contents(answered) == [(200, 1), (200, 2), (200, 3), (200, 4)]
    assert shop.asked == [
        (first.key, None, [1, 4]),
        (second.key, None, [2]),
        (first.key, customer.pk, [3]),
    ]


def test_what_cannot_be_read_or_answered_is_a_problem_of_its_own(shop, ask):
    book = factories.book()
    stranger = RequestFactory().post("/", "1", "application/json")

    answered = shop.call.all(
        [ask("unreadable", book), stranger, ask("unknown", book), ask(7, book)]
    )

    assert contents(answered) == [(400, None), (401, None), (404, None), (200, 7)]
    assert shop.asked == [(book.key, None, ["unknown", 7])]


def test_each_is_asked_by_itself_where_all_of_them_fail_together(shop, ask):
    book = factories.book()

    answered = shop.call.all([ask(1, book), ask("poison", book), ask(2, book)])

    assert contents(answered) == [(200, 1), (404, None), (200, 2)]
    assert [questions for _, _, questions in shop.asked] == [[1, "poison", 2], [1], ["poison"], [2]]


def test_all_are_told_at_once_where_the_database_is_away(shop, ask):
    book = factories.book()

    answered = shop.call.all([ask(1, book), ask("away", book), ask(2, book)])

    assert [one.status_code for one in answered] == [503, 503, 503]
    assert len(shop.asked) == 1


def test_request_outside_of_its_keys_scopes_is_refused(shop):
    book = factories.book()
    _, key = access.issue_key(book=book, name="k", scopes=["ingest"], at=now())
    request = RequestFactory().post("/", "1", "application/json", headers={"x-api-key": key})

    assert shop.call(request).status_code == 403
