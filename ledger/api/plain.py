"""
Plain Django views for hot paths: callers by key, JSON by msgspec, problems as everywhere.

    @endpoint("ingest")
    def reserve(request: HttpRequest, caller: Caller) -> HttpResponse:
        wanted = read(_Wanted, request)
        …
        return written({"id": …}, status=201)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions

from ledger.api import problems
from ledger.api.authentication import identify
from ledger.api.caller import Caller
from ledger.errors import InvalidInputError

P = ParamSpec("P")
T = TypeVar("T", bound=msgspec.Struct)

_WHERE: Final = re.compile(r"(?P<detail>.*?)(?: - at `\$\.?(?P<field>.*)`)?")
_NAMED: Final = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]*)`")
_JSON: Final = "application/json"


def endpoint(
    scope: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Make a view of a function that is told who calls; by key, within a scope."""

    def decorate(
        answer: Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @csrf_exempt  # authenticated by key, never by cookie
        @wraps(answer)
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                return answer(request, caller_of(request, scope), *args, **kwargs)
            except Exception as error:  # what is unknown is logged there
                return problems.response(request, error)

        return view

    return decorate


def read(kind: type[T], request: HttpRequest) -> T:
    """
    Return a body, read; amounts exactly as they were written.

    Raises:
        InvalidInputError: it is not JSON, or a field is missing, unknown or of another kind.
        UnsupportedMediaType: it says that it is something else.
    """
    if (request.content_type or _JSON) != _JSON:
        raise exceptions.UnsupportedMediaType(request.content_type or "")
    try:
        body: T = _decoder(kind).decode(request.body)
    except msgspec.ValidationError as error:
        found = _WHERE.fullmatch(str(error))
        named = _NAMED.search(str(error))
        field = named[1] if named else (found["field"] or "") if found else ""
        detail = found["detail"] if found else str(error)
        raise InvalidInputError(field=field, value=None, remedy=detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise exceptions.ParseError(f"The body is not JSON: {error}.") from None
    return body


def written(value: object, *, status: int = 200) -> HttpResponse:
    """Return an answer in JSON that nobody keeps."""
    return HttpResponse(
        _encoder.encode(value),
        status=status,
        content_type=_JSON,
        headers={"Cache-Control": "no-store"},
    )


def caller_of(request: HttpRequest, scope: str) -> Caller:
    """
    Return who calls by key, within a scope.

    Raises:
        NotAuthenticated, KeyRefusedError: no key, or none that is accepted.
        PermissionDenied: the key has not the scope.
    """
    caller = identify(request)
    if caller is None:
        raise exceptions.NotAuthenticated
    if scope not in caller.scopes:
        raise exceptions.PermissionDenied(f"This needs the scope {scope}.", code="scope_missing")
    return caller


@cache  # one decoder for one kind of body
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind, float_hook=Decimal)


_encoder: Final[Any] = msgspec.json.Encoder()
