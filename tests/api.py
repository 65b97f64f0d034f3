"""Calling the API as a machine does: with a key, JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.test import Client
from django.utils.timezone import now

from ledger import access
from ledger.models import ApiKey, Book, Customer

ALL = tuple(ApiKey.Scope.values)


class Api:
    """A client with a key of a book; ``once`` gives a write its Idempotency-Key."""

    def __init__(
        self, book: Book, *, scopes: Iterable[str] = ALL, customer: Customer | None = None
    ) -> None:
        self.book = book
        self.key, self.text = access.issue_key(
            book=book, name="test", scopes=scopes, customer=customer, at=now()
        )
        self.client = Client(headers={"Authorization": f"Bearer {self.text}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query)

    def send(self, method: str, path: str, body: Any = None, *, once: str = "", **more: Any) -> Any:
        headers = {"Idempotency-Key": once} if once else {}
        return self.client.generic(
            method.upper(),
            f"/api/v1/{path}",
            data=_written(body),
            content_type=more.pop("content_type", "application/json"),
            headers=headers | more.pop("headers", {}),
        )

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.send("post", path, {} if body is None else body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.send("put", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.send("patch", path, body, **more)


def _written(body: Any) -> bytes | str:
    import json

    return body if isinstance(body, bytes | str) else json.dumps(body)


def code(response: Any) -> tuple[int, str]:
    """Return a problem's status and code, having checked that it is a problem."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    document = response.json()
    assert document["status"] == response.status_code
    assert {"type", "title", "detail", "instance", "errors"} <= document.keys()
    assert document["request_id"] == response.headers["X-Request-Id"]
    return response.status_code, document["code"]
