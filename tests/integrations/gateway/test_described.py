"""What the OpenAPI document says of the faces is what they do."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from ledger.models import ApiKey
from tests.api import Api
from tests.integrations.gateway.asking import Gateway

SHAPES = {"forward-auth", "auth-request", "ext-authz", "ask-as-opa", "ask-as-opa-by-path"}


@pytest.fixture
def faces(db: None) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the faces: method, path, and how each is described."""
    document = Client().get("/api/v1/openapi.json").json()
    return [
        (method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if described["tags"] == ["Gateway"]
    ]


def asked(method: str, path: str, headers: dict[str, str]) -> Any:
    address = re.sub(r"{\w+}", "feature%3Dchat", path)
    return Client().generic(
        method, address, json.dumps({"input": {}}), content_type="application/json", headers=headers
    )


def problem(response: Any) -> dict[str, Any]:
    """Return why a call is denied, in whichever shape it is told."""
    if "Meterbook-Problem" in response.headers:
        found = json.loads(response.headers["Meterbook-Problem"])
    else:
        found = response.json()
    message: dict[str, Any] = found["result"]["message"] if "result" in found else found
    return message


def by_each(described: dict[str, Any], key: str) -> Iterator[dict[str, str]]:
    """Yield the headers of each way to carry a key that is named."""
    ways = {
        "bearer": {"Authorization": f"Bearer {key}"},
        "basic": {"Authorization": f"Basic {b64encode(f'x:{key}'.encode()).decode()}"},
        "meterbookKey": {"Meterbook-Key": key},
    }
    for way in described["security"]:
        yield from (ways[scheme] for scheme in way)


def test_all_of_them_are_described(faces: list[Any]) -> None:
    assert {described["operationId"] for _, _, described in faces} == SHAPES


def test_each_needs_the_scope_that_it_names_by_each_way_it_names(
    gateway: Gateway, faces: list[Any]
) -> None:
    book = gateway.scene.book
    for method, path, described in faces:
        [needed] = {scope for way in described["security"] for [scope] in way.values()}
        others = Api(book, scopes=set(ApiKey.Scope.values) - {needed}).text
        good = Api(book, scopes=[needed]).text
        assert problem(asked(method, path, {}))["status"] == 401, path
        for headers in by_each(described, others):
            assert problem(asked(method, path, headers))["code"] == "scope_missing", path
        for headers in by_each(described, good):
            assert problem(asked(method, path, headers))["code"] != "scope_missing", path


def test_each_status_of_a_verdict_is_described(gateway: Gateway, faces: list[Any]) -> None:
    for method, path, described in faces:
        answer = asked(method, path, gateway.bearer)

        assert str(answer.status_code) in described["responses"], path
        assert problem(answer)["code"] in {"customer_unknown", "invalid_input"}, path
