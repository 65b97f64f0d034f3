"""A request id on every request: taken from the caller or made, logged, and sent back."""

import re
import secrets
import time
import uuid
from collections.abc import Callable
from typing import ClassVar

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ledger.api import health

HEADER = "X-Request-Id"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")  # nothing that could forge a line of the log

logger = structlog.get_logger("meterbook.requests")


class RequestId:
    """Middleware: ``request.request_id``, the response's X-Request-Id, one line in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request under its id."""
        request_id, started = begin(request), time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            finish(request, response, started)
        return response


def begin(request: HttpRequest) -> str:
    """Give a request its id, the caller's own if it can be used, and return it."""
    given = request.headers.get(HEADER, "")
    request_id = given if _ACCEPTED.fullmatch(given) else new_id()
    request.request_id = request_id  # type: ignore[attr-defined]
    return request_id


def finish(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
    """Send the id back, and write the line in the log; ``started`` by ``time.perf_counter``."""
    request_id: str = request.request_id  # type: ignore[attr-defined]
    response.headers[HEADER] = request_id
    logger.info(
        "request",
        request_id=request_id,
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )


class Probes:
    """
    Middleware: answers /healthz and /readyz before hosts and HTTPS are looked at.

    Load balancers and container platforms ask by address, and without TLS.
    """

    VIEWS: ClassVar = {"/healthz": health.healthz, "/readyz": health.readyz}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a probe, or pass the request on."""
        return self.VIEWS.get(request.path, self.get_response)(request)


def new_id() -> str:
    """
    Return a UUID of version 7: ids made later sort later.

    >>> uuid.UUID(new_id()).version
    7
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return str(uuid.UUID(int=value | (0b10 << 62) | secrets.randbits(62)))
