"""The faces of the decision, as the OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.api.described.parts import (
    TEXT,
    Schema,
    answered,
    headers,
    operation,
    parameter,
    refused,
    sent,
    table,
)
from ledger.models import ApiKey

_TAG: Final = "Gateway"
_BY_KEY: Final = ("bearer", "meterbookKey", "basic")
_READ: Final = ApiKey.Scope.READ.value
_OPTIONS: Final = (
    "Options stand in the address that the operator writes: `feature`, `subject`, `customer`,"
    " `quantity`, `cost`, `label.<dimension>`, `amounts` and `key`. A value is a text or says where"
    " in the call it stands: `header:X-Consumer-ID`, `query:app`, `path:2`."
)
_VERDICT: Final = table(
    ["type", "title", "status", "code", "detail"],
    **{
        "type": {"type": "string", "format": "uri"},
        "title": TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Why: `credit_exhausted`, `budget_reached`, …"},
        "detail": TEXT,
        "feature": TEXT,
        "retry_at": {"type": "string", "format": "date-time"},
        "violated-policies": {"type": "array", "items": TEXT},
        "remaining": {"type": "array", "items": {"type": "object"}},
    },
)
_LIMITS: Final = headers(
    RateLimit="What is left of allowances and budgets in units.",
    RateLimit_Policy="How much that is to begin with, and for how long.",
)
_LET_THROUGH: Final[Schema] = {
    "description": "The call may be made.",
    "headers": {**headers(Meterbook_Customer="Whose call it is."), **_LIMITS},
}
_DENIALS: Final = {
    "400": "The call does not say what an option looks for in it, or an option is none.",
    "401": "The gateway's key is missing, or not good.",
    "402": "There is not enough credit.",
    "403": "No right to the feature, somebody unknown or suspended, or an approval is needed.",
    "429": "A limit or a budget is reached.",
}
_AFTER: Final = headers(Retry_After="In how many seconds it is worth asking again.")
_DENIED: Final = {
    status: refused(text, _VERDICT, headers={**_LIMITS, **(_AFTER if status == "429" else {})})
    for status, text in _DENIALS.items()
}


def _option(name: str, text: str) -> dict[str, Any]:
    return parameter("query", name, text)


_AMOUNTS: Final = {"type": "string", "enum": ["hide", "show"]}
_ASKED: Final = [
    _option("feature", "What is used; none asks about the customer and its credit alone."),
    _option("subject", "Who calls, as usage events name it; else the header Meterbook-Subject."),
    _option("customer", "Who calls, by the customer's key."),
    _option("quantity", "What the call will use, estimated."),
    _option("cost", "What the call will cost, estimated."),
    parameter("query", "amounts", "Whether money may be shown to whoever calls.", _AMOUNTS),
    _option("key", "The gateway's key, only where no header can be sent."),
]
_PROXY: Final = [
    *_ASKED,
    parameter("header", "Meterbook-Subject", "Who calls, as the gateway has authenticated it."),
    parameter("header", "X-Forwarded-Uri", "The call's path and query, for options in them."),
    parameter("header", "X-Original-URI", "The same, as nginx names it."),
]
_IN_PATH: Final = parameter(
    "path", "options", "Percent-encoded, as `feature%3Dchat%26subject%3Dheader:X-User`."
)


def _face(name: str, summary: str, **more: Any) -> dict[str, Any]:
    return operation(
        name, summary=summary, tag=_TAG, scope=_READ, schemes=_BY_KEY, problems=("503",), **more
    )


_NGINX: Final = headers(
    Meterbook_Status="The status that the caller should get.",
    Meterbook_Problem="The problem document that the caller should get.",
    Retry_After="In how many seconds it is worth asking again.",
)
_OPA_INPUT: Final = table(
    ["input"],
    input=table(
        request=table(
            http=table(
                path=TEXT,
                headers={"type": "object", "additionalProperties": TEXT},
                querystring={"type": "object", "additionalProperties": TEXT},
            )
        ),
        consumer={"type": "object", "additionalProperties": TEXT},
    ),
)
_OPA_EXAMPLE: Final = {
    "input": {
        "request": {"http": {"method": "POST", "path": "/v1/chat", "headers": {}}},
        "consumer": {"custom_id": "acme-app"},
    }
}
_OPA_ANSWER: Final = answered(
    "The verdict, whatever it is: `status`, `headers` and `message` are for the caller.",
    table(
        ["result"],
        result=table(
            ["allow", "headers"],
            allow={"type": "boolean"},
            status={"type": "integer"},
            headers={"type": "object", "additionalProperties": TEXT},
            message=_VERDICT,
        ),
    ),
    {"result": {"allow": True, "headers": {"Meterbook-Customer": "acme"}}},
)


def _opa(name: str, summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return _face(
        name,
        summary,
        description=f"Always 200, but where nothing could be decided. {_OPTIONS}",
        parameters=parameters,
        body={"application/json": sent(_OPA_INPUT, _OPA_EXAMPLE)},
        answers={"200": _OPA_ANSWER},
    )


PATHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "/api/v1/gateway/forward-auth": {
        "get": _face(
            "forward-auth",
            "Decide a call for Traefik or Caddy",
            description=f"A verdict as the answer that its recipient shall get. {_OPTIONS}",
            parameters=_PROXY,
            answers={"200": _LET_THROUGH, **_DENIED},
        )
    },
    "/api/v1/gateway/auth-request": {
        "get": _face(
            "auth-request",
            "Decide a call for nginx",
            description="Only 2xx, 401 and 403 pass through `auth_request`: what the caller should"
            f" get stands in headers. {_OPTIONS}",
            parameters=_PROXY,
            answers={
                "200": {**_LET_THROUGH, "headers": {**_LET_THROUGH["headers"], **_NGINX}},
                "401": {"description": _DENIALS["401"], "headers": _NGINX},
                "403": {"description": "The call may not be made.", "headers": _NGINX},
            },
        )
    },
    "/api/v1/gateway/ext-authz/{options}/{path}": {
        "get": _face(
            "ext-authz",
            "Decide a call for Envoy, by any method",
            description="Envoy puts its prefix before the call's own path and query. Options are"
            f" `-` for none. {_OPTIONS}",
            parameters=[
                _IN_PATH,
                parameter("path", "path", "The call's own path, with its slashes."),
                parameter("header", "Meterbook-Subject", "Who calls."),
            ],
            answers={"200": _LET_THROUGH, **_DENIED},
        )
    },
    "/api/v1/gateway/opa": {
        "post": _opa("ask-as-opa", "Decide a call as the Open Policy Agent does", _ASKED)
    },
    "/api/v1/gateway/opa/{options}": {
        "post": _opa(
            "ask-as-opa-by-path", "The same, for Kong, with options in the path", [_IN_PATH]
        )
    },
}
