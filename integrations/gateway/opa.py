"""Asked by Kong's OPA plugin, as it asks the Open Policy Agent: a POST that is always 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations.gateway.calls import Call, Source, Sources
from integrations.gateway.deciding import decided
from integrations.gateway.verdicts import Verdict
from ledger.api.problems import MEDIA_TYPE
from ledger.errors import InvalidInputError

_CONSUMER: Final[Sources] = tuple(
    Source("consumer", name) for name in ("custom_id", "username", "id")
)


@csrf_exempt  # authenticated by key, never by cookie
@require_POST
def opa(request: HttpRequest, options: str = "") -> HttpResponse:
    """Answer an OPA query with a verdict; options in the path, for Kong refuses a query there."""
    return decided(
        request,
        options=options or request.META["QUERY_STRING"],
        read=lambda: _call(request),
        write=_result,
        subject=_CONSUMER,
    )


def _result(verdict: Verdict) -> HttpResponse:
    result: dict[str, Any] = {"allow": verdict.is_allowed}
    if verdict.is_allowed:
        result["headers"] = dict(verdict.up)  # Kong sends them to the service, none to the caller
    else:
        result["status"] = int(verdict.status)
        result["headers"] = {**verdict.down, "Content-Type": MEDIA_TYPE}
        result["message"] = verdict.problem
    return JsonResponse({"result": result}, headers={"Cache-Control": "no-store"})


def _call(request: HttpRequest) -> Call:
    """Read Kong's input; a Lua table that is empty may be written as a list."""
    try:
        sent = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        remedy = f"send the input as JSON: {error}"
        raise InvalidInputError(field="input", value="", remedy=remedy) from None
    given = _table(sent).get("input")
    if not isinstance(given, dict):
        remedy = "send an object {'input': {'request': {'http': {…}}}}"
        raise InvalidInputError(field="input", value=str(given), remedy=remedy)
    http = _table(_table(given.get("request")).get("http"))
    return Call(
        path=_text(http.get("path")) or "",
        query=_texts(http.get("querystring")),
        headers={name.lower(): text for name, text in _texts(http.get("headers")).items()},
        consumer=_texts(given.get("consumer")),
    )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    found = {name: _text(inner) for name, inner in _table(value).items()}
    return {name: text for name, text in found.items() if text is not None}


def _text(value: object) -> str | None:
    """Return a text, or the first of several that a header or parameter was given."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, str) else None
