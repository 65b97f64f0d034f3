"""Where sources post to: Kong's http-log plugin, and OpenTelemetry's exporters."""

from __future__ import annotations

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
from integrations.sources import kong, otlp
from ledger import access
from ledger.api import caller, plain, problems
from ledger.api.caller import Caller
from ledger.models import ApiKey

_JSON: Final = "application/json"
_MOST_SHOWN: Final = 5
_decoder: Final = msgspec.json.Decoder(float_hook=paths.decimal)

View = Callable[[HttpRequest], HttpResponse]


def source(answer: Callable[[HttpRequest, Caller], HttpResponse]) -> View:
    """Make a view of a function that is told who sends: by Bearer, by Basic, or our own header."""

    @csrf_exempt  # authenticated by key, never by cookie
    @require_POST
    @wraps(answer)
    def view(request: HttpRequest) -> HttpResponse:
        try:
            return answer(request, _sender(request))
        except Exception as error:  # becomes a problem; what is unknown is logged there
            return problems.response(request, error)

    return view


@source
def kong_http_log(request: HttpRequest, sender: Caller) -> HttpResponse:
    """
    Take entries of Kong's log, one or a list.

    All that could be read is answered with 200, whatever became of it: Kong would send a refused
    batch again for a minute, and each entry of it is on record.
    """
    sent = _body(request)
    entries = sent if isinstance(sent, list) else [sent]
    skipped = [i for i, entry in enumerate(entries) if kong.is_answered_by_gateway(entry)]
    left_out = set(skipped)
    taken = ((i, entry) for i, entry in enumerate(entries) if i not in left_out)
    outcome = _take(sender, _all(kong.events(i, entry) for i, entry in taken))
    outcome.rows += [Row(i, "skipped", "answered_by_gateway") for i in skipped]
    outcome.rows.sort(key=lambda row: row.index)
    return plain.written({**asdict(outcome), "skipped": len(skipped)})


@source
def otlp_traces(request: HttpRequest, sender: Caller) -> HttpResponse:
    """Take spans; the answer is OTLP's: what was refused, in number, and why."""
    found = enumerate(otlp.spans(_body(request)))
    outcome = _take(sender, _all(otlp.events(i, span) for i, span in found))
    refused = {row.index: row for row in outcome.rows if row.status in {"rejected", "conflict"}}
    if not refused:
        return plain.written({})
    said = [f"span {i}: {row.reason}: {row.detail}" for i, row in refused.items()]
    message = "; ".join(said[:_MOST_SHOWN])
    partial = {"rejectedSpans": str(len(refused)), "errorMessage": message}
    return plain.written({"partialSuccess": partial}, status=HTTPStatus.OK)


def _sender(request: HttpRequest) -> Caller:
    text = key_in(request) or request.headers.get("X-API-Key")
    if not text:
        raise exceptions.NotAuthenticated("The source sends no key of Meterbook.")
    found = caller.of_key(access.authenticate(text, at=now()))
    if ApiKey.Scope.INGEST not in found.scopes:
        raise exceptions.PermissionDenied("This needs the scope ingest.", code="scope_missing")
    return found


def _body(request: HttpRequest) -> Any:
    """Read JSON; of what is none nothing is kept, for nobody can tell the secrets in it."""
    kind = request.content_type or _JSON
    if kind != _JSON:
        raise exceptions.UnsupportedMediaType(kind, detail=f"Send {_JSON}, perhaps gzipped.")
    try:
        return _decoder.decode(read_body(request))
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
