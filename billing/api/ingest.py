"""
POST /api/v1/events: usage events in, at gateway speed.

A plain Django view: one CloudEvent (structured or binary mode), a JSON batch of them, or
newline-delimited JSON, perhaps gzipped. Accepted means committed. OpenMeter's Python client takes
nothing but 204 for success: it gets that, as does whoever prefers ``return=minimal`` (RFC 7240).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import asdict
from http import HTTPStatus
from io import BytesIO
from itertools import islice
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework import exceptions

from billing.metering import decode, ingest
from billing.metering.facts import Outcome, Sent
from ledger.api import problems
from ledger.api.authentication import identify
from ledger.api.caller import Caller
from ledger.models import ApiKey

MAX_EVENTS: Final = decode.MAX_BATCH
MAX_BYTES: Final = 32 * 1024 * 1024  # decompressed
_LINES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
_BATCH: Final = "application/cloudevents-batch+json"
_ONE: Final = "application/cloudevents+json"
_WANTS_204: Final = "python-openmeter/"
_KINDS: Final = ", ".join((_ONE, _BATCH, "application/json", *sorted(_LINES)))


class TooLargeError(exceptions.APIException):
    """More than one request may carry."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"Send at most {MAX_EVENTS} events and {MAX_BYTES} bytes in a request."


@csrf_exempt  # authenticated by key, never by cookie
def events(request: HttpRequest) -> HttpResponse:
    """Take usage in and say what became of every event that was not simply accepted."""
    try:
        caller = _caller(request)
        sent = read_events(request)
        outcome = ingest.ingest(book=caller.book, sent=sent, received_at=now(), reach=caller.reach)
    except Exception as error:  # becomes a problem document; what is unknown is logged there
        return problems.response(request, error)
    return _answer(request, outcome)


events = require_POST(events)


def _caller(request: HttpRequest) -> Caller:
    caller = identify(request)
    if caller is None:
        raise exceptions.NotAuthenticated
    if ApiKey.Scope.INGEST not in caller.scopes:
        raise exceptions.PermissionDenied("This key may not ingest.")
    return caller


def read_events(request: HttpRequest) -> list[Sent]:
    """
    Read what a request carries, in whichever way it is written.

    Raises:
        TooLargeError: it is more than one request may carry.
        UnsupportedMediaType: it is written in no way that is known.
        ParseError: its gzip is damaged.
    """
    sent = list(islice(_decoded(request), MAX_EVENTS + 1))
    if len(sent) > MAX_EVENTS:
        raise TooLargeError
    return sent


def _decoded(request: HttpRequest) -> Iterable[Sent]:
    body = read_body(request)
    kind = (request.content_type or "application/json").lower()
    if kind == _ONE:
        return [decode.structured(body)]
    if kind == _BATCH:
        return decode.batch(body)
    if "ce-id" in request.headers or "ce-specversion" in request.headers:
        return [decode.binary({k.lower(): v for k, v in request.headers.items()}, body)]
    if kind in _LINES:
        return decode.lines(BytesIO(body))
    if kind != "application/json":
        raise exceptions.UnsupportedMediaType(kind, detail=f"Send one of: {_KINDS}.")
    return decode.batch(body) if body.lstrip()[:1] == b"[" else [decode.structured(body)]


def read_body(request: HttpRequest) -> bytes:
    """
    Return a request's body, unzipped.

    Raises:
        TooLargeError: it is more than one request may carry.
        UnsupportedMediaType: it is coded otherwise than by gzip.
        ParseError: it ends before its announced length, or its gzip is damaged.
    """
    raw = request.body  # no larger than DATA_UPLOAD_MAX_MEMORY_SIZE
    if len(raw) > MAX_BYTES:
        raise TooLargeError
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isdecimal() and len(raw) < int(announced):  # the sender has hung up
        raise exceptions.ParseError("The body ends before its announced length: send it again.")
    coding = request.headers.get("Content-Encoding", "identity").lower()
    if coding == "identity":
        return raw
    if coding != "gzip":
        raise exceptions.UnsupportedMediaType(coding, detail="Send plain or gzip.")
    return _unzipped(raw)


def _unzipped(raw: bytes) -> bytes:
    """Unzip a body; gzip may have several members, one after the other."""
    body = bytearray()
    while raw:
        unzip = zlib.decompressobj(wbits=31)
        try:
            body += unzip.decompress(raw, MAX_BYTES + 1 - len(body))
        except zlib.error as error:
            raise exceptions.ParseError(f"The body is not gzip: {error}.") from error
        if len(body) > MAX_BYTES:
            raise TooLargeError
        if not unzip.eof:
            raise exceptions.ParseError("The body's gzip ends early.")
        raw = unzip.unused_data.lstrip(b"\0")  # zeros may pad it
    return bytes(body)


def _answer(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    written = asdict(outcome)
    refused = outcome.rejected + outcome.conflicting
    if not refused or outcome.accepted or outcome.duplicate or outcome.unattributed:
        return HttpResponse(status=204) if _wants_no_answer(request) else JsonResponse(written)
    only_conflicts = not outcome.rejected
    status = HTTPStatus.CONFLICT if only_conflicts else HTTPStatus.UNPROCESSABLE_ENTITY
    document = problems.document(
        request,
        status,
        code="events_conflict" if only_conflicts else "events_rejected",
        detail="Nothing was taken; every event is kept as a dead letter with its reason.",
        errors=[
            {"field": row.field, "code": row.reason, "detail": row.detail, "index": row.index}
            for row in outcome.rows
        ],
    )
    return JsonResponse(document | written, status=status, content_type=problems.MEDIA_TYPE)


def _wants_no_answer(request: HttpRequest) -> bool:
    if "return=minimal" in request.headers.get("Prefer", ""):
        return True
    return request.headers.get("User-Agent", "").startswith(_WANTS_204)
