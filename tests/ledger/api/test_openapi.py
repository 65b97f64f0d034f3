"""The OpenAPI document is valid, complete, and true of who may do what."""

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import OpenAPIV31SpecValidator

from ledger.models import ApiKey
from tests import factories
from tests.api import Api, code

FILES = {"download-invoice", "download-top-up-receipt"}  # of media types that are not JSON
SCOPES = set(ApiKey.Scope.values)
NOT_SHOWN = {"application/x-ndjson", "application/x-protobuf"}
# What is told by status and headers alone.
EMPTY = {"204", "take-openmeter-events", "forward-auth", "auth-request", "ext-authz"}


@pytest.fixture(scope="module")
def document():
    GENERATOR_STATS.reset()
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document):
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def ours(document):
    """Yield the operations that answer as all of ours do: gateways get verdicts, in their shape."""
    return (one for one in operations(document) if one[2]["tags"] != ["Gateway"])


def addresses(patterns, above: str = "/") -> Iterator[str]:
    """Yield what the service answers, as the document writes it."""
    for one in patterns:
        address = above + re.sub(r"<\w+:(\w+)>", r"{\1}", str(one.pattern))
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, address)
        elif isinstance(one, URLPattern):
            yield address


def test_every_address_is_described(document):
    answered = {one for one in addresses(get_resolver().url_patterns) if one.startswith("/api/")}

    # The document itself and its pages; a call of the root, which is one with an empty path.
    pages = {f"/api/v1/{name}" for name in ("docs", "redoc", "openapi.json", "openapi.yaml")}
    root = {"/api/v1/gateway/ext-authz/{options}/"}
    assert answered - document["paths"].keys() == pages | root
    assert document["paths"].keys() <= answered


def test_it_is_valid_and_made_without_a_warning(document):
    OpenAPIV31SpecValidator(document).validate()

    assert document["openapi"].startswith("3.1")
    assert not GENERATOR_STATS


def test_every_operation_says_what_it_does_and_shows_it(document):
    for path, method, described in operations(document):
        name = f"{method} {path}"
        assert described["summary"], name
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", described["operationId"]), name
        assert "default" in described["responses"], name
        for kind, content in described.get("requestBody", {}).get("content", {}).items():
            assert "examples" in content or kind in NOT_SHOWN, name
        answers = [
            answer["content"]
            for status, answer in described["responses"].items()
            if status.startswith("2") and not {status, described["operationId"]} & (EMPTY | FILES)
        ]
        assert all("examples" in answer["application/json"] for answer in answers), name


def test_every_operation_of_ours_names_its_problems(document):
    for path, method, described in ours(document):
        assert {"401", "403", "404"} <= described["responses"].keys(), f"{method} {path}"


def test_every_write_takes_an_idempotency_key_but_a_few(document):
    without = {
        described["operationId"]
        for _, method, described in operations(document)
        if method != "get"
        and not any(p["name"] == "Idempotency-Key" for p in described.get("parameters", []))
    }

    # Events count by their own source and id; a book is opened by its key, by staff; a clock is
    # advanced to an instant, and commits each instant on the way; holds and captures have keys of
    # their own, and a hold is released once. What answers with a webhook's secret keeps no answer.
    # The others write nothing, but that a check may reserve under a key of its own.
    writing = {"ingest-events", "create-book", "advance-test-clock"}
    writing |= {"reserve-credit", "capture-hold", "release-hold", "check-access"}
    writing |= {"create-webhook", "rotate-webhook-secret"}
    # Sources send what has names of its own; gateways only ask.
    writing |= {f"take-{what}" for what in ("kong-log", "litellm-log", "otlp-traces")}
    writing |= {"take-openmeter-events"}
    # An authority is asked outside of any transaction, once a minute whoever asks.
    writing |= {"verify-tax-id"}
    asking = {"ask-as-opa", "ask-as-opa-by-path", "query-entitlement-access"}
    asking |= {"preview-price", "simulate-usage", "query-feature-cost"}
    asking |= {"preview-tax-decision", "preview-payment-matches"}
    assert without == writing | asking


def test_it_is_served_with_its_documentation(client, db):
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "Meterbook"
    assert client.get("/api/v1/openapi.yaml").status_code == 200
    for page in ("docs", "redoc"):
        html = client.get(f"/api/v1/{page}").content.decode()
        assert not re.findall(r'(?:src|href)="https?://', html)


def _call(document, path, method, api: Api):
    described = document["paths"][path][method]
    response = api.client.generic(
        method.upper(),
        re.sub(r"{\w+}", "1", path),
        json.dumps({}),
        content_type="application/json",
        headers={"Idempotency-Key": factories.name("key")},
    )
    return described, response


def test_each_operation_needs_exactly_the_scope_it_names(document, book):
    apis = {scope: Api(book, scopes=[scope]) for scope in SCOPES}
    others = {scope: Api(book, scopes=SCOPES - {scope}) for scope in SCOPES}
    checked = 0
    for path, method, described in ours(document):
        needed = next(iter(described["security"][0].values()))
        if not needed:
            assert described["operationId"] == "create-book"
            assert code(_call(document, path, method, apis["manage"])[1])[0] == 403
            continue
        allowed = _call(document, path, method, apis[needed[0]])[1]
        assert allowed.status_code not in {401, 403, 500}, (path, method, allowed.content)
        refused = _call(document, path, method, others[needed[0]])[1]
        assert code(refused)[0] == 403, (path, method)
        nobody = Client().generic(method.upper(), re.sub(r"{\w+}", "1", path))
        assert code(nobody)[0] == 401, (path, method)
        checked += 1
    assert checked > 40


def test_bound_keys_and_other_books_see_nothing_by_any_operation(document, book):
    """Everything exists in one book; whoever is not concerned gets 404, and never a 403."""
    customer = factories.customer(book=book, key="secret-customer")
    factories.grant(wallet=factories.wallet(customer=customer))
    strangers = [
        Api(factories.book()),
        Api(book, customer=factories.customer(book=book, key="beside")),
    ]
    open_to_all = {"list-assets", "get-asset"}
    for path, method, described in ours(document):
        if method != "get" or described["operationId"] in open_to_all:
            continue
        for stranger in strangers:
            named = path.replace("{customer}", "secret-customer")
            answer = stranger.client.get(re.sub(r"{\w+}", "1", named))
            assert answer.status_code in {200, 400, 404}, (path, answer.content)
            assert (
                b"secret-customer" not in answer.content.replace(named.encode(), b"")
                or answer.status_code == 404
            )
