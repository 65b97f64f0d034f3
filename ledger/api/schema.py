"""
The OpenAPI document: what every operation has in common is added here, once.

``operation`` describes one method of a view; ``Schema`` adds scopes and Idempotency-Key from
what the code itself enforces; ``finish`` adds problems and security schemes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from ledger.api import idempotency
from ledger.api.problems import MEDIA_TYPE

F = TypeVar("F", bound=Callable[..., Any])

_PATHS: Final = {
    "book": "A book's id or key.",
    "customer": "A customer's id or key; `key:10023` if the key is all digits.",
    "meter": "A meter's id or key.",
    "rate_card": "A rate card's id or key.",
    "code": "An asset's code.",
    "subject": "A subject's key, as events name it.",
    "webhook": "A webhook endpoint's id or key.",
}
_PROBLEMS: Final = {
    "400": "Something sent cannot be read: `errors` names each field.",
    "401": "No API key was sent, or one that is not accepted.",
    "403": "The key lacks the scope that this needs.",
    "404": "Nothing here is known under that name, to this caller.",
    "409": "It collides with what is recorded, or the Idempotency-Key stands for another request.",
    "413": "The body is too large.",
    "415": "The body is not of a type that is read here.",
    "422": "It would break a rule of the books.",
    "503": "Nothing was recorded; send it again.",
}
_WITH_BODY: Final = {"409", "413", "415", "422"}
_ERROR: Final = {
    "type": "object",
    "required": ["field", "code", "detail"],
    "properties": {
        "field": {"type": "string"},
        "value": {"type": ["string", "null"]},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "index": {"type": "integer", "description": "Which of the events sent, from 0."},
    },
}
PROBLEM: Final = {
    "type": "object",
    "description": "A problem document (RFC 9457); `code` is stable.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": _ERROR},
        "facts": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_EXAMPLE: Final = {
    "type": "urn:meterbook:problem:invalid_input",
    "title": "A field cannot be read as what it must be",
    "status": 400,
    "code": "invalid_input",
    "detail": "amount: A valid number is required.",
    "instance": "/api/v1/wallets/7/grants",
    "request_id": "01975e2e-7a3c-7d51-a2c4-6b0d3f1c9e55",
    "errors": [
        {
            "field": "amount",
            "value": "ten",
            "code": "invalid",
            "detail": "A valid number is required.",
        }
    ],
}


def operation(
    name: str,
    *,
    summary: str,
    tag: str,
    answer: Any,
    status: int = 200,
    body: Any = None,
    query: Any = None,
    path: Sequence[str] = (),
    description: str = "",
    more: Sequence[OpenApiParameter] = (),
) -> Callable[[F], F]:
    """Describe one method of a view; examples come from its serializers."""
    parameters: list[Any] = [
        OpenApiParameter(
            part,
            OpenApiTypes.STR,
            OpenApiParameter.PATH,
            description=_PATHS.get(part, f"The {part.replace('_', ' ')}'s id."),
        )
        for part in path
    ]
    parameters += [query] if query is not None else []
    parameters += more
    bodies = body if isinstance(body, dict) else {"application/json": body}
    examples = [
        OpenApiExample("Request", value=example, request_only=True, media_type=media_type)
        for media_type, sent in bodies.items()
        if (example := _example(sent)) is not None
    ]
    answers = answer if isinstance(answer, dict) else {status: answer}
    examples += [
        OpenApiExample("Answer", value=shown.example, response_only=True, status_codes=[str(code)])
        for told, shown in answers.items()
        if hasattr(shown, "example")
        for code in [told[0] if isinstance(told, tuple) else told]
    ]
    decorate: Callable[[F], F] = extend_schema(
        operation_id=name,
        summary=summary,
        description=description or None,
        tags=[tag],
        parameters=parameters,
        request=body,
        responses=answers,
        examples=examples,
    )
    return decorate


def _example(sent: Any) -> object:
    return getattr(getattr(sent, "child", sent), "example", None)  # lists are made of it elsewhere


class Schema(AutoSchema):
    """Reads from the code what an operation enforces."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the scope that the view asks for, for each way to authenticate."""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        scopes = [scope] if scope else []
        if self.method in getattr(self.view, "staff_only", ()):
            return [{"session": []}]
        return [{"bearer": scopes}, {"apiKey": scopes}, {"session": []}]

    def get_override_parameters(self) -> list[Any]:
        """Return Idempotency-Key where the method honours it."""
        handler = getattr(self.view, self.method.lower(), None)
        honours = getattr(handler, "idempotency", None)
        if honours is None:
            return []
        return [
            OpenApiParameter(
                idempotency.HEADER,
                {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
                OpenApiParameter.HEADER,
                required=honours == "required",
                description="The first answer to a key is kept, and replayed to its repetitions.",
            )
        ]


def finish(
    result: dict[str, Any], generator: object, request: object, public: object
) -> dict[str, Any]:
    """Add what all operations share (drf-spectacular's postprocessing hook)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "mb_live_…"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
    }
    components["responses"] = {
        f"Problem{status}": _response(status, text) for status, text in _PROBLEMS.items()
    }
    components["responses"]["Problem"] = _response("500", "Something else went wrong.")
    for methods in result["paths"].values():
        for described in methods.values():
            _add_problems(described)
    written: dict[str, Any] = _with_null(result)
    return written


def _with_null(part: Any) -> Any:
    """Write "one of this and null" as "any of them": what may be anything may be null, too."""
    if isinstance(part, list):
        return [_with_null(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    if {"type": "null"} in part.get("oneOf", ()):
        part = {"anyOf" if name == "oneOf" else name: inner for name, inner in part.items()}
    return {name: _with_null(inner) for name, inner in part.items()}


def _add_problems(described: dict[str, Any]) -> None:
    responses: dict[str, Any] = described["responses"]
    for status in _PROBLEMS:
        if "requestBody" in described or status not in _WITH_BODY:
            responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}


def _response(status: str, text: str) -> Mapping[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if status == "400":
        content["example"] = _EXAMPLE
    return {"description": text, "content": {MEDIA_TYPE: content}}
