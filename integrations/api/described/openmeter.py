"""Paths of OpenMeter's v3 API that are served here, as the OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.api.described.parts import (
    PROBLEM,
    TEXT,
    Schema,
    answered,
    operation,
    parameter,
    refused,
    sent,
    table,
)
from ledger.models import ApiKey

_EVENT: Final[Schema] = {"$ref": "#/components/schemas/CloudEventInRequest"}
_EVENT_EXAMPLE: Final = {
    "specversion": "1.0",
    "id": "req-8f2a",
    "source": "gateway-1",
    "type": "llm.used",
    "subject": "sk-research-1",
    "data": {"tokens": 1500, "model": "gpt-5", "type": "input"},
}

_NAMED: Final = {
    "type": "object",
    "required": ["keys"],
    "additionalProperties": False,
    "properties": {
        "keys": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
        }
    },
}
_ACCESS: Final = table(
    ["has_access"],
    has_access={"type": "boolean"},
    reason=table(["code", "message"], code=TEXT, message=TEXT, attributes={"type": "object"}),
)
_WHO: Final = table(["id", "key", "name"], id=TEXT, key=TEXT, name=TEXT)
_FOUND: Final = table(
    ["matched", "customer", "features", "updated_at"],
    matched={"type": "array", "items": TEXT},
    customer=_WHO,
    features={"type": "object", "additionalProperties": _ACCESS},
    updated_at={"type": "string", "format": "date-time"},
)
_AT: Final = "2026-03-01T12:00:00Z"
_ULID: Final = "00000000000000000000000007"
_QUERY_ANSWER: Final = answered(
    "Who may use what; who is unknown stands under `errors`.",
    table(
        ["data", "errors", "meta"],
        data={"type": "array", "items": _FOUND},
        errors={"type": "array", "items": table(["code", "message"], code=TEXT, message=TEXT)},
        meta={"type": "object"},
    ),
    {
        "data": [
            {
                "matched": ["acme"],
                "customer": {"id": _ULID, "key": "acme", "name": "ACME", "created_at": _AT},
                "features": {"gpt-5-input": {"has_access": True}},
                "updated_at": _AT,
            }
        ],
        "errors": [],
        "meta": {"page": {"size": 100, "next": None, "previous": None}},
    },
)
_QUERY: Final = {
    "type": "object",
    "required": ["customer"],
    "additionalProperties": False,
    "properties": {
        "customer": _NAMED,
        "feature": {"anyOf": [_NAMED, {"type": "null"}]},
        "include_credits": {"type": "boolean", "default": False},
    },
}
_PAGES: Final = [
    parameter(
        "query",
        "page[size]",
        "How many customers.",
        {"type": "integer", "minimum": 1, "maximum": 100},
    ),
    parameter("query", "page[after]", "A cursor of an answer's meta."),
    parameter("query", "page[before]", "A cursor of an answer's meta."),
]


def _v3(name: str, summary: str, *, scope: str = ApiKey.Scope.READ, **more: Any) -> dict[str, Any]:
    return operation(
        name,
        summary=summary,
        tag="OpenMeter",
        scope=str(scope),
        schemes=("bearer", "apiKey"),
        problems=("400", "401", "403", "404", "413", "415", "503"),
        **more,
    )


_INVALID: Final = {"400": refused("Also as OpenMeter tells it: `invalid_parameters`.", PROBLEM)}

PATHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "/api/v3/openmeter/events": {
        "post": _v3(
            "take-openmeter-events",
            "Take usage in as OpenMeter's hosted API does",
            description="What is an event but cannot be taken is kept as a dead letter, and"
            " answered with 202 all the same.",
            scope=ApiKey.Scope.INGEST,
            body={
                "application/cloudevents+json": sent(_EVENT, _EVENT_EXAMPLE),
                "application/json": sent(_EVENT, _EVENT_EXAMPLE),
                "application/cloudevents-batch+json": sent(
                    {"type": "array", "items": _EVENT}, [_EVENT_EXAMPLE]
                ),
            },
            answers={
                "202": {"description": "Taken."},
                "400": refused(
                    "Nothing of it is an event: `invalid_parameters` says why.", PROBLEM
                ),
            },
        )
    },
    "/api/v3/openmeter/customers/{customer}/entitlement-access": {
        "get": _v3(
            "list-entitlement-access",
            "List what a customer is entitled to, and whether it has access now",
            parameters=[parameter("path", "customer", "By id, as a ULID or a number, or by key.")],
            answers={
                "200": answered(
                    "Its entitlements.",
                    table(
                        ["data"],
                        data={
                            "type": "array",
                            "items": table(
                                ["type", "feature_key", "has_access"],
                                type={"type": "string", "enum": ["boolean", "static", "metered"]},
                                feature_key=TEXT,
                                has_access={"type": "boolean"},
                                config={"type": "string", "description": "JSON, of a static one."},
                            ),
                        },
                    ),
                    {
                        "data": [
                            {"type": "metered", "feature_key": "gpt-5-input", "has_access": True}
                        ]
                    },
                )
            },
        )
    },
    "/api/v3/openmeter/entitlement-access/query": {
        "post": _v3(
            "query-entitlement-access",
            "Say who may use what, for many customers and features",
            parameters=_PAGES,
            body={
                "application/json": sent(
                    _QUERY,
                    {
                        "customer": {"keys": ["acme"]},
                        "feature": {"keys": ["gpt-5-input"]},
                        "include_credits": True,
                    },
                )
            },
            answers={"200": _QUERY_ANSWER, **_INVALID},
        )
    },
}
