"""
The server's entry: a lane for calls at gateway speed beside everything else.

``settings.LANE`` names a ``Call`` for a method and a path. Requests for it that come at the same
moment are answered together (``Desk``), before sessions, cookies and addresses are looked at. They
get what all others get: an id, a line in the log, refusal of hosts that are not ours, redirection
to HTTPS, and security headers. All other requests take the way of WSGI.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from io import BytesIO
from math import inf
from threading import local
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import OperationalError, close_old_connections, connection, reset_queries
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

from ledger.api import problems
from ledger.api.calls import Call
from ledger.config import requests
from ledger.config.desk import Desk

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TRUSTED: Final = 1.0  # seconds that a connection is used again without a look at it
LONGEST: Final = 65_536  # bytes of a body; longer ones take the other way


class _Arrived(NamedTuple):
    """A request, and when it came (``time.perf_counter``)."""

    request: HttpRequest
    since: float


class Lane:
    """An ASGI application: the calls of the lane, and another application for all else."""

    def __init__(self, calls: Mapping[str, Call[Any, Any]], otherwise: Application) -> None:
        self._desks = {address: Desk(_Answering(call), address) for address, call in calls.items()}
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        desk = self._desks.get(f"{scope['method']} {scope['path']}")
        if desk is None or not _is_short(scope):
            await self._otherwise(scope, _coroutines(receive), send)
            return
        since = time.perf_counter()
        body = await _body(receive)
        if body is None:
            return
        try:
            request = ASGIRequest(dict(scope), BytesIO(body))
        except UnicodeDecodeError:
            response = HttpResponse("Bad request.", status=400, content_type="text/plain")
        else:
            response = await desk.ask(_Arrived(request, since))
        await _send(send, response)


class _Answering:
    """What a desk does: requests in, responses out, on a thread with a connection of its own."""

    def __init__(self, call: Call[Any, Any]) -> None:
        self._call = call
        self._security = SecurityMiddleware(lambda _: HttpResponse())
        self._thread = local()

    def __call__(self, arrived: Sequence[_Arrived]) -> list[HttpResponse]:
        """Answer all of them."""
        close_old_connections()
        reset_queries()
        if time.monotonic() - getattr(self._thread, "used_at", -inf) < TRUSTED:
            known: Any = connection
            known.health_check_done = True  # it need not be asked whether it still lives
        self._plan_once()
        try:
            return self._answer(arrived)
        finally:
            close_old_connections()
            self._thread.used_at = time.monotonic()

    def _plan_once(self) -> None:
        """
        Have a new connection plan what is prepared once, whatever it is asked for.

        The planner thinks plans for known values cheaper, and planning anew costs more than running
        them. Other connections need plans for known values: histories differ in length.
        """
        known, planned = connection.connection, getattr(self._thread, "planned", None)
        is_shared = "pool" in connection.settings_dict["OPTIONS"]
        if not settings.METERBOOK_PREPARE or is_shared or (known and known is planned):
            return
        with suppress(OperationalError), connection.cursor() as cursor:  # it is told further on
            cursor.execute("SET plan_cache_mode = force_generic_plan")
            self._thread.planned = connection.connection

    def _answer(self, arrived: Sequence[_Arrived]) -> list[HttpResponse]:
        refusals = [self._refusal(one.request) for one in arrived]
        welcome = [
            one.request for one, refusal in zip(arrived, refusals, strict=True) if refusal is None
        ]
        answers = iter(self._call.all(welcome))
        responses = [refusal or next(answers) for refusal in refusals]
        for (request, since), response in zip(arrived, responses, strict=True):
            self._security.process_response(request, response)
            requests.finish(request, response, since)
        return responses

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        requests.begin(request)
        try:
            request.get_host()
        except DisallowedHost as error:
            return problems.response(request, error)
        redirect: HttpResponse | None = self._security.process_request(request)
        return redirect


def _is_short(scope: Scope) -> bool:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) <= LONGEST


async def _body(receive: Receive) -> bytes | None:
    """Return the body; None if the caller has hung up."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _coroutines(receive: Receive) -> Receive:
    """Return what receives by coroutines: other threads may wait for those only."""

    async def received() -> Scope:
        return await receive()

    return received


async def _send(send: Send, response: HttpResponse) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.items()
    ]
    headers.append((b"content-length", b"%d" % len(response.content)))
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": response.content})
