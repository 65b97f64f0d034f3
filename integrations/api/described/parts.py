"""Operations of faces and sources, which are plain views, as the OpenAPI document writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.api.problems import MEDIA_TYPE

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string"}
PROBLEM: Final[Schema] = {"$ref": "#/components/schemas/Problem"}
# Where a gateway or source that cannot send what it likes may carry its key.
SCHEMES: Final[Mapping[str, Schema]] = {
    "basic": {"type": "http", "scheme": "basic", "description": "The key is the password."},
    "meterbookKey": {"type": "apiKey", "in": "header", "name": "Meterbook-Key"},
}


def operation(
    name: str,
    *,
    summary: str,
    tag: str,
    scope: str,
    schemes: Sequence[str],
    answers: Mapping[str, Schema],
    problems: Sequence[str],
    description: str = "",
    body: Mapping[str, Schema] | None = None,
    parameters: Sequence[Schema] = (),
) -> dict[str, Any]:
    """Describe one operation; ``problems`` are the statuses that are answered as everywhere."""
    shared = {
        status: {"$ref": f"#/components/responses/Problem{status}"}
        for status in problems
        if status not in answers
    }
    described: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "parameters": list(parameters),
        "security": [{scheme: [scope]} for scheme in schemes],
        "responses": {
            **answers,
            **shared,
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described


def parameter(
    place: str, name: str, text: str, schema: Schema = TEXT, *, is_required: bool = False
) -> dict[str, Any]:
    """Describe a parameter in the query, a header or the path."""
    described = {"in": place, "name": name, "description": text, "schema": schema}
    return {**described, "required": True} if is_required or place == "path" else described


def sent(schema: Schema, example: object) -> dict[str, Any]:
    """Describe a body with an example."""
    return {"schema": schema, "examples": {"Request": {"value": example}}}


def answered(text: str, schema: Schema, example: object, **more: Any) -> dict[str, Any]:
    """Describe an answer in JSON with an example."""
    content = {"schema": schema, "examples": {"Answer": {"value": example}}}
    return {"description": text, "content": {"application/json": content}, **more}


def refused(text: str, schema: Schema, **more: Any) -> dict[str, Any]:
    """Describe a problem that is told in its own way."""
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}, **more}


def headers(**texts: str) -> dict[str, Any]:
    """Describe headers of an answer; underscores stand for hyphens."""
    return {
        name.replace("_", "-"): {"description": text, "schema": TEXT}
        for name, text in texts.items()
    }


def table(required: Sequence[str] = (), **properties: Schema) -> dict[str, Any]:
    """Describe an object."""
    return {"type": "object", "required": list(required), "properties": properties}
