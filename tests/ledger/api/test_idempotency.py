"""A write happens once, however often and from however many sides it is sent."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections

from ledger import registry, replies
from ledger.models import Customer, IdempotentReply
from tests import factories
from tests.api import Api, code

BODY = {"key": "c", "name": "C"}


def test_the_first_answer_is_replayed(api):
    first = api.post("customers", BODY, once="k1")
    again = api.post("customers", BODY, once="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Customer.objects.count() == 1


def test_how_a_body_is_written_makes_no_difference(api):
    api.post("customers", '{"key": "c", "name": "C"}', once="k1")

    assert api.post("customers", '{ "name":"C","key":"c" }', once="k1").status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "customers", {"key": "d", "name": "D"}),
        ("post", "assets", BODY),
        ("patch", "customers/c", {"name": "C"}),
    ],
)
def test_a_key_stands_for_one_request(api, method, path, body):
    api.post("customers", BODY, once="k1")

    assert code(api.send(method, path, body, once="k1")) == (409, "idempotency_conflict")


def test_a_refused_request_keeps_nothing(api):
    assert api.post("customers", {"key": "c"}, once="k1").status_code == 400
    assert not IdempotentReply.objects.exists()

    assert api.post("customers", BODY, once="k1").status_code == 201


def test_a_failed_request_keeps_nothing_and_may_be_sent_again(api, monkeypatch):
    def fail(**_):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(registry, "create_customer", fail)
        assert api.post("customers", BODY, once="k1").status_code == 500

    assert api.post("customers", BODY, once="k1").status_code == 201


def test_keys_of_books_and_of_bound_callers_never_meet(api):
    parent = factories.customer(book=api.book, key="p")
    bound = Api(api.book, customer=parent)
    elsewhere = Api(factories.book())

    assert api.post("customers", BODY, once="k1").status_code == 201
    assert elsewhere.post("customers", BODY, once="k1").status_code == 201
    answer = bound.post("customers", {"key": "x", "name": "X", "parent": "p"}, once="k1")
    assert answer.status_code == 201


@pytest.mark.parametrize("key", ["with space", "x" * 201, "naïve"])
def test_a_malformed_key_is_refused(api, key):
    response = api.post("customers", BODY, headers={"Idempotency-Key": key})

    assert code(response) == (400, "invalid_input")


def test_what_moves_money_insists_on_a_key(api):
    response = api.post("transactions/1/reverse")

    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.django_db(transaction=True)
def test_of_many_first_uses_at_once_one_acts_and_all_hear_the_same():
    registry.currency(code="USD")
    api = Api(factories.book())
    at_once = Barrier(6)

    def send(_):
        at_once.wait(10)
        try:
            answer = api.post("customers", BODY, once="race")
            return answer.status_code, json.dumps(answer.json(), sort_keys=True)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))

    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_use_waits_no_longer_than_it_may(monkeypatch):
    from ledger.api import idempotency

    monkeypatch.setattr(idempotency, "_WAIT", "100ms")
    api = Api(factories.book())
    with ThreadPoolExecutor(1) as pool, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "INSERT INTO ledger_idempotentreply (book_id, key, fingerprint, created_at)"
            " VALUES (%s, '0:slow', '', now())",
            [api.book.pk],
        )

        def send():
            try:
                return api.post("customers", BODY, once="slow")
            finally:
                connections.close_all()

        answer = pool.submit(send).result(20)
        cursor.execute("ROLLBACK")

    assert code(answer) == (409, "idempotency_in_progress")
    assert answer.headers["Retry-After"] == "1"
    assert api.post("customers", BODY, once="slow").status_code == 201


def test_an_answer_is_kept_for_thirty_days(api):
    api.post("customers", BODY, once="k1")
    first = IdempotentReply.objects.get().created_at

    assert replies.prune(at=first + replies.KEEP) == 0
    assert replies.prune(at=first + replies.KEEP + timedelta(seconds=1)) == 1
