"""Where sources post to, as the OpenAPI document describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.api.described.parts import (
    TEXT,
    Schema,
    answered,
    operation,
    parameter,
    sent,
    table,
)
from integrations.sources import otlp_protobuf
from integrations.sources.litellm import AUTHENTICATED, SUBJECTS
from ledger.models import ApiKey

_TAG: Final = "Sources"
_JSON: Final = "application/json"
_INGEST: Final = ApiKey.Scope.INGEST.value
_PROBLEMS: Final = ("400", "401", "403", "404", "413", "415", "503")
_TAKEN: Final = answered(
    "What became of all that was sent. What was taken is committed, the rest is on record.",
    {
        "allOf": [
            {"$ref": "#/components/schemas/OutcomeOut"},
            table(["skipped"], skipped={"type": "integer", "description": "What costs nothing."}),
        ]
    },
    {
        "accepted": 2,
        "duplicate": 0,
        "conflicting": 0,
        "unattributed": 0,
        "rejected": 0,
        "unmetered": 0,
        "rows": [],
        "skipped": 0,
    },
)


def _source(name: str, summary: str, **more: Any) -> dict[str, Any]:
    return operation(
        name,
        summary=summary,
        tag=_TAG,
        scope=_INGEST,
        schemes=("bearer", "basic", "meterbookKey", "apiKey"),
        problems=_PROBLEMS,
        **more,
    )


def _some(what: str) -> Schema:
    one = {"type": "object", "description": what}
    return {"oneOf": [one, {"type": "array", "items": one}]}


_KONG_ENTRY: Final = {
    "request": {"id": "8f2a", "method": "POST", "uri": "/v1/chat", "size": 512},
    "response": {"status": 200, "size": 2048},
    "consumer": {"custom_id": "acme-app"},
    "service": {"name": "chat"},
    "route": {"name": "chat"},
    "started_at": 1772366400000,
}
_LITELLM_CALL: Final = {
    "id": "chatcmpl-8f2a",
    "status": "success",
    "model": "gpt-5",
    "custom_llm_provider": "openai",
    "endTime": 1772366400.0,
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "metadata": {"user_api_key_user_id": "acme-app"},
}
_SPAN: Final = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "chat gpt-5",
    "endTimeUnixNano": "1772366400000000000",
    "attributes": [
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-5"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}},
    ],
}
PATHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "/api/v1/sources/kong/http-log": {
        "post": _source(
            "take-kong-log",
            "Take entries of Kong's log, as its http-log plugin posts them",
            description="One or an array, perhaps gzipped. What could be read is answered with 200,"
            " whatever became of it: Kong would send a refused batch again.",
            body={_JSON: sent(_some("An entry of the log."), _KONG_ENTRY)},
            answers={"200": _TAKEN},
        )
    },
    "/api/v1/sources/litellm": {
        "post": _source(
            "take-litellm-log",
            "Take calls, as LiteLLM's generic API callback posts them",
            description="One, an array, or one a line, perhaps gzipped; answered as Kong's log.",
            parameters=[
                parameter(
                    "query",
                    "subject",
                    f"Who pays, the first that is said; unless given: {', '.join(AUTHENTICATED)}.",
                    {"type": "array", "items": {"type": "string", "enum": list(SUBJECTS)}},
                )
            ],
            body={_JSON: sent(_some("A call."), _LITELLM_CALL)},
            answers={"200": _TAKEN},
        )
    },
    "/api/v1/sources/otlp/v1/traces": {
        "post": _source(
            "take-otlp-traces",
            "Take spans of calls to models, over OTLP/HTTP",
            description="In JSON or protobuf, perhaps gzipped; answers and problems are in the same"
            " encoding. Spans that tell of no tokens are left alone.",
            body={
                _JSON: sent(
                    table(resourceSpans={"type": "array", "items": {"type": "object"}}),
                    {"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]},
                ),
                otlp_protobuf.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
            },
            answers={
                "200": answered(
                    "Taken; what was refused is told in number, and why.",
                    table(
                        partialSuccess=table(
                            ["rejectedSpans", "errorMessage"],
                            rejectedSpans=TEXT,
                            errorMessage=TEXT,
                        )
                    ),
                    {},
                )
            },
        )
    },
}
