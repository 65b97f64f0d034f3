"""Whatever goes wrong below /api/ is told as a problem document that leaks nothing."""

import json

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.test import Client

from ledger import registry
from ledger.api import parsers, problems
from ledger.errors import ConflictError
from tests.api import Api, code


def test_no_key_is_told_what_to_send(client, db):
    response = client.get("/api/v1/customers")

    assert code(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("key", ["nonsense", "mb_live_a_b", "mb_live_000000000000_" + "0" * 49])
def test_a_wrong_key_is_refused(db, key):
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert code(Client(headers=headers).get("/api/v1/customers"))[0] == 401


def test_a_key_may_come_in_its_own_header(api):
    assert Client(headers={"X-API-Key": api.text}).get("/api/v1/customers").status_code == 200


def test_an_unknown_address_is_a_problem_below_the_api_only(client, db):
    assert code(client.get("/api/v1/nothing")) == (404, "not_found")
    assert "problem" not in client.get("/nothing").headers["Content-Type"]


def test_a_method_that_is_not_served_names_those_that_are(api):
    response = api.send("delete", "customers")

    assert code(response) == (405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


def test_a_body_of_another_type_is_refused(api):
    response = api.post("customers", "a=1", content_type="application/x-www-form-urlencoded")

    assert code(response) == (415, "unsupported_media_type")


def test_a_long_body_is_refused(api):
    response = api.post("customers", b" " * (parsers.MAX_BYTES + 1))

    assert code(response) == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1e9999999999999999999999}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_not_json_is_refused(api, body):
    assert code(api.post("customers", body)) == (400, "malformed_json")


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(api, body):
    assert code(api.post("customers", json.dumps(body))) == (400, "invalid_input")


def test_what_keeps_something_from_being_done_is_told_whole(rf):
    found = "; ".join(f"rail_clearing USD {number}" for number in range(100))

    _, document = problems.describe(ConflictError(clearing=found), rf.get("/api/v1/periods"))

    assert document["facts"] == {"clearing": found}


def test_each_field_that_is_refused_is_named_with_its_value(api):
    response = api.post("customers", {"key": "c", "kind": "club", "is_admin": True})

    errors = {error["field"]: error for error in response.json()["errors"]}
    assert code(response) == (400, "invalid_input")
    assert errors["is_admin"]["code"] == "unknown_field"

    response = api.post("customers", {"key": "c", "kind": "club"})
    errors = {error["field"]: error for error in response.json()["errors"]}
    assert errors["kind"]["value"] == "club"
    assert errors["name"]["code"] == "required"


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800"])
def test_text_that_cannot_be_kept_is_refused(api, text):
    body = json.dumps({"key": "c", "name": text})
    assert code(api.post("customers", body)) == (400, "invalid_input")
    metadata = json.dumps({"key": "c", "name": "c", "metadata": {"note": text}})
    assert code(api.post("customers", metadata)) == (400, "invalid_input")


def test_a_parameter_that_is_not_known_is_refused(api):
    assert code(api.get("customers", colour="red")) == (400, "invalid_input")


@pytest.mark.parametrize("named", ["99999999999999999999", "nobody", "key:nobody", "a%00b", "٣"])
def test_what_is_not_there_is_not_found(api, named):
    assert code(api.get(f"customers/{named}"))[0] == 404


@pytest.mark.parametrize(
    ("error", "status", "named"),
    [
        (RuntimeError("secret detail"), 500, "internal_error"),
        (IntegrityError("secret detail"), 422, "invariant_violated"),
        (DataError("secret detail"), 400, "invalid_input"),
        (OperationalError("secret detail"), 500, "internal_error"),
    ],
)
def test_what_nobody_foresaw_says_nothing_of_the_inside(api, monkeypatch, error, status, named):
    def fail(**_):
        raise error

    monkeypatch.setattr(registry, "create_customer", fail)
    response = api.post("customers", {"key": "c", "name": "C"})

    assert code(response) == (status, named)
    assert b"secret" not in response.content


def test_a_lost_connection_asks_to_try_again(api, monkeypatch):
    import psycopg

    def fail(**_):
        raise OperationalError from psycopg.OperationalError("server closed the connection")

    monkeypatch.setattr(registry, "create_customer", fail)
    response = api.post("customers", {"key": "c", "name": "C"})

    assert code(response) == (503, "try_again")
    assert response.headers["Retry-After"] == "1"


def test_a_rule_of_the_books_names_its_facts(api):
    api.post("customers", {"key": "c", "name": "C"})

    response = api.post("customers", {"key": "c", "name": "C"})

    assert code(response) == (409, "already_exists")
    assert response.json()["facts"] == {"key": "c"}


def test_answers_are_never_cached(api):
    assert api.get("customers").headers["Cache-Control"] == "no-store"
    assert Api(api.book, scopes=["ingest"]).get("customers").headers["Cache-Control"] == "no-store"
