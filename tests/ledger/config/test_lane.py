"""Calls of the lane get what all requests get, and whatever else comes takes the other way."""

import asyncio
import json

import pytest

from ledger.api.caller import Caller
from ledger.api.calls import Call
from ledger.api.plain import written
from ledger.config.lane import LONGEST, Lane
from ledger.models import Book

ADDRESS = "POST /api/v1/echo"


@pytest.fixture
def talk(monkeypatch, settings):
    """Have a lane with one call that echoes, and speak ASGI to it."""
    monkeypatch.setattr("ledger.config.lane.close_old_connections", lambda: None)
    settings.METERBOOK_PREPARE = False  # no database is asked
    call = Call(
        scope="read",
        read=lambda request, caller: json.loads(request.body),
        answer=lambda caller, questions: questions,
        write=lambda request, caller, question, answer: written(answer),
    )
    caller = Caller(name="k", scopes=frozenset(), known_book=Book(pk=1))
    monkeypatch.setattr("ledger.api.plain.caller_of", lambda request, scope: caller)

    def ask(body=b"{}", *, path="/api/v1/echo", method="POST", query=b"", **headers):
        sent = {"host": "localhost", "content-length": str(len(body)), **headers}
        lane = Lane({ADDRESS: call}, otherwise=elsewhere)
        return asyncio.run(exchange(lane, body, path, method, query, sent))

    return ask


async def elsewhere(scope, receive, send):
    received = receive()
    assert asyncio.iscoroutine(received), "another thread may want to wait for it"
    await received
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"elsewhere"})


async def exchange(lane, body, path, method, query, headers):
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    parts = [body[:1], body[1:]]
    sent = []

    def receive():  # no coroutine, as servers may have it
        answer = asyncio.get_running_loop().create_future()
        body = parts.pop(0)
        answer.set_result({"type": "http.request", "body": body, "more_body": bool(parts)})
        return answer

    async def send(message):
        sent.append(message)

    await lane(scope, receive, send)
    start, content = sent
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, content["body"]


def test_call_is_answered_with_its_id_and_security_headers(talk):
    status, headers, body = talk(b'{"a": 1}', x_request_id="order-7")

    assert (status, json.loads(body)) == (200, {"a": 1})
    assert headers["x-request-id"] == "order-7"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(body))


def test_host_that_is_not_ours_is_refused(talk):
    status, headers, body = talk(host="evil.example")

    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert json.loads(body)["request_id"] == headers["x-request-id"]


def test_log_says_whose_call_failed(talk, caplog):
    caplog.set_level("INFO", "meterbook")

    status, _, body = talk(b"[1", x_request_id="order-7")

    assert (status, json.loads(body)["request_id"]) == (500, "order-7")
    said = [(one.msg["event"], one.msg["request_id"]) for one in caplog.records]
    assert said == [("request_failed", "order-7"), ("request", "order-7")]


def test_call_without_tls_is_redirected_where_tls_is_wanted(talk, settings):
    settings.SECURE_SSL_REDIRECT = True

    status, headers, _ = talk()

    assert (status, headers["location"]) == (301, "https://localhost/api/v1/echo")


def test_query_that_is_no_text_is_refused(talk):
    assert talk(query=b"\xff")[0] == 400


@pytest.mark.parametrize(
    "request_",
    [
        {"path": "/api/v1/other"},
        {"method": "GET"},
        {"body": b"x" * (LONGEST + 1)},
        {"content-length": "many"},
    ],
    ids=["another address", "another method", "a long body", "an unknown length"],
)
def test_everything_else_takes_the_other_way(talk, request_):
    status, _, body = talk(**request_)

    assert (status, body) == (299, b"elsewhere")
