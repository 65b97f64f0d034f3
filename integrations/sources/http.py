"""Where sources post to: Kong's http-log plugin, LiteLLM, and OpenTelemetry's exporters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework import exceptions

from billing.api.ingest import MAX_EVENTS, TooLargeError, read_body
from billing.metering import paths
from billing.metering.facts import Outcome, Row, Sent
from billing.metering.ingest import ingest
from integrations.keys import key_in
from integrations.sources import kong, litellm, otlp, otlp_protobuf
from ledger import access
from ledger.api import caller, plain, problems
from ledger.api.caller import Caller
from ledger.errors import TransientError
from ledger.models import ApiKey

_JSON: Final = "application/json"
_MOST_SHOWN: Final = 5
_decoder: Final = msgspec.json.Decoder(float_hook=paths.decimal)

View = Callable[[HttpRequest], HttpResponse]
Failed = Callable[[HttpRequest, Exception], HttpResponse]


def source(
    failed: Failed = problems.response,
) -> Callable[[Callable[[HttpRequest, Caller], HttpResponse]], View]:
    """Make a view of a function that is told who sends: by Bearer, by Basic, or our own header."""

    def decorate(answer: Callable[[HttpRequest, Caller], HttpResponse]) -> View:
        @csrf_exempt  # authenticated by key, never by cookie
        @require_POST
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            try:
                return answer(request, _sender(request))
            except Exception as error:  # becomes a problem; what is unknown is logged there
                return failed(request, error)

        return view

    return decorate


@source()
def kong_http_log(request: HttpRequest, sender: Caller) -> HttpResponse:
    """
    Take entries of Kong's log, one or a list.

    All that could be read is answered with 200, whatever became of it: Kong would send a refused
    batch again for a minute, and each entry of it is on record.
    """
    return _log(sender, _body(request), kong.reason_to_skip, kong.events)


@source()
def litellm_log(request: HttpRequest, sender: Caller) -> HttpResponse:
    """Take calls of LiteLLM's generic API callback: one, a list, or one a line; as Kong's log."""
    places = litellm.subjects(request.GET.getlist("subject"))

    def events(index: int, call: object) -> Iterator[Sent]:
        return litellm.events(index, call, places)

    return _log(sender, _body(request, may_be_lines=True), litellm.reason_to_skip, events)


def _log(
    sender: Caller,
    sent: object,
    reason_to_skip: Callable[[object], str],
    events: Callable[[int, object], Iterator[Sent]],
) -> HttpResponse:
    entries = sent if isinstance(sent, list) else [sent]
    skipped = {i: why for i, entry in enumerate(entries) if (why := reason_to_skip(entry))}
    taken = ((i, entry) for i, entry in enumerate(entries) if i not in skipped)
    outcome = _take(sender, _all(events(i, entry) for i, entry in taken))
    outcome.rows += [Row(i, "skipped", why) for i, why in skipped.items()]
    outcome.rows.sort(key=lambda row: row.index)
    return plain.written({**asdict(outcome), "skipped": len(skipped)})


def _otlp_failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say what failed, in the request's encoding; exporters repeat after 503, never after 500."""
    response = problems.response(request, error)
    if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        response = problems.response(request, TransientError())
    if _is_protobuf(request):
        detail = json.loads(response.content)["detail"]
        response.content = otlp_protobuf.status(detail)
        response["Content-Type"] = otlp_protobuf.MEDIA_TYPE
    return response


@source(_otlp_failed)
def otlp_traces(request: HttpRequest, sender: Caller) -> HttpResponse:
    """Take spans; the answer is OTLP's: what was refused, in number, and why."""
    found = enumerate(otlp.spans(_traces(request)))
    outcome = _take(sender, _all(otlp.events(i, span) for i, span in found))
    refused = {row.index: row for row in outcome.rows if row.status in {"rejected", "conflict"}}
    said = [f"span {i}: {row.reason}: {row.detail}" for i, row in refused.items()]
    why = "; ".join(said[:_MOST_SHOWN])
    if _is_protobuf(request):
        body = otlp_protobuf.answer(refused=len(refused), why=why)
        return HttpResponse(body, content_type=otlp_protobuf.MEDIA_TYPE)
    partial = {"rejectedSpans": str(len(refused)), "errorMessage": why}
    return plain.written({"partialSuccess": partial} if refused else {})


def _is_protobuf(request: HttpRequest) -> bool:
    return request.content_type == otlp_protobuf.MEDIA_TYPE


def _traces(request: HttpRequest) -> Any:
    if not _is_protobuf(request):
        return _body(request, f"{_JSON} or {otlp_protobuf.MEDIA_TYPE}")
    try:
        return otlp_protobuf.read(read_body(request))
    except otlp_protobuf.UnreadableBodyError as error:
        remedy = "send an ExportTraceServiceRequest"
        raise exceptions.ParseError(f"The body cannot be read ({error}): {remedy}.") from None


def _sender(request: HttpRequest) -> Caller:
    text = key_in(request) or request.headers.get("X-API-Key")
    if not text:
        raise exceptions.NotAuthenticated("The source sends no key of Meterbook.")
    found = caller.of_key(access.authenticate(text, at=now()))
    if ApiKey.Scope.INGEST not in found.scopes:
        raise exceptions.PermissionDenied("This needs the scope ingest.", code="scope_missing")
    return found


def _body(request: HttpRequest, kinds: str = _JSON, *, may_be_lines: bool = False) -> Any:
    """Read JSON; of what is none nothing is kept, for nobody can tell the secrets in it."""
    kind = request.content_type or _JSON
    if kind != _JSON:
        raise exceptions.UnsupportedMediaType(kind, detail=f"Send {kinds}, perhaps gzipped.")
    body = read_body(request)
    try:
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError:
            if not may_be_lines:
                raise
            return _decoder.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise exceptions.ParseError(f"The body is not JSON: {error}.") from None


def _all(told: Iterable[Iterator[Sent]]) -> list[Sent]:
    """
    Gather the events of all that was told.

    Raises:
        TooLargeError: they are more than one request may carry.
    """
    found: list[Sent] = []
    for events in told:
        found += events
        if len(found) > MAX_EVENTS:
            raise TooLargeError
    return found


def _take(sender: Caller, sent: list[Sent]) -> Outcome:
    return ingest(book=sender.book, sent=sent, received_at=now(), reach=sender.reach)
