"""
What this package adds to the OpenAPI document.

The paths of sources and gateways, which are plain views, and the section ``webhooks``: what the
service sends.
"""

from __future__ import annotations

from typing import Any, Final

from integrations.api.described import gateway, openmeter, sources
from integrations.api.described.parts import SCHEMES
from integrations.webhooks.catalogue import EVENT_TYPES
from integrations.webhooks.event_types import EventType

_TEXT: Final = {"type": "string"}
_SIGNATURE: Final = (
    "`v1,` and base64 of HMAC-SHA256 of `id.timestamp.body`; two, with a space between them, while"
    " a secret is replaced (standardwebhooks.com)."
)
_HEADERS: Final = {
    "webhook-id": "Names the message: the same each time it is sent.",
    "webhook-timestamp": "When it was sent, in seconds since 1970.",
    "webhook-signature": _SIGNATURE,
}


def add_faces(
    result: dict[str, Any], generator: object, request: object, public: object
) -> dict[str, Any]:
    """Describe what gateways ask and sources post to (drf-spectacular's postprocessing hook)."""
    paths = {**result["paths"], **gateway.PATHS, **sources.PATHS, **openmeter.PATHS}
    result["paths"] = dict(sorted(paths.items()))
    result["components"]["securitySchemes"] |= SCHEMES
    return result


def add_webhooks(
    result: dict[str, Any], generator: object, request: object, public: object
) -> dict[str, Any]:
    """Describe each type of event (drf-spectacular's postprocessing hook)."""
    result["webhooks"] = {kind.name: {"post": _described(kind)} for kind in EVENT_TYPES.values()}
    return result


def _described(kind: EventType) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": _TEXT}
        for name, text in _HEADERS.items()
    ]
    content = {"schema": kind.schema, "example": kind.message}
    return {
        "operationId": f"told-{kind.name.replace('.', '-').replace('_', '-')}",
        "summary": kind.title,
        "description": kind.when,
        "tags": ["Webhooks"],
        "security": [],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Taken: it is not sent again."},
            "410": {"description": "Gone: the endpoint is disabled."},
            "default": {"description": "Not taken: it is sent again later."},
        },
    }
