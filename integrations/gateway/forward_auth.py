"""
Asked by reverse proxies before they forward a call: Traefik, Caddy, nginx.

Traefik and Caddy hand our answer to whoever calls. nginx knows only yes, 401 and 403, and drops
the body: it gets the status and the problem in headers, for its configuration to answer with.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.gateway.calls import Call
from integrations.gateway.deciding import decided
from integrations.gateway.verdicts import Verdict
from ledger.api.problems import MEDIA_TYPE

_ADDRESSES: Final = ("X-Forwarded-Uri", "X-Original-URI")
_UNCACHED: Final = {"Cache-Control": "no-store"}


@csrf_exempt  # authenticated by key, never by cookie
def forward_auth(request: HttpRequest) -> HttpResponse:
    """Answer Traefik's ForwardAuth and Caddy's forward_auth."""
    options = request.META["QUERY_STRING"]
    return decided(request, options=options, read=lambda: _call(request), write=as_it_is)


@csrf_exempt
def auth_request(request: HttpRequest) -> HttpResponse:
    """Answer nginx's auth_request."""
    options = request.META["QUERY_STRING"]
    return decided(request, options=options, read=lambda: _call(request), write=_for_nginx)


def as_it_is(verdict: Verdict) -> HttpResponse:
    """Write a verdict as the answer that its recipient shall get."""
    headers = {**_UNCACHED, **verdict.headers}
    if verdict.problem is None:
        return HttpResponse(status=verdict.status, headers=headers)
    status = verdict.status
    return JsonResponse(verdict.problem, status=status, headers=headers, content_type=MEDIA_TYPE)


def _for_nginx(verdict: Verdict) -> HttpResponse:
    headers = {**_UNCACHED, **verdict.headers, "Meterbook-Status": str(verdict.status)}
    if verdict.problem is not None:
        headers["Meterbook-Problem"] = json.dumps(verdict.problem, separators=(",", ":"))
    return HttpResponse(status=_simplified(verdict.status), headers=headers)


def _simplified(status: int) -> int:
    known = {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}
    return status if status in known else HTTPStatus.FORBIDDEN


def _call(request: HttpRequest) -> Call:
    address = next((found for name in _ADDRESSES if (found := request.headers.get(name))), "")
    asked = urlsplit(address if address.startswith("/") else "/")
    return Call(
        path=asked.path,
        query=dict(parse_qsl(asked.query)),
        headers={name.lower(): value for name, value in request.headers.items()},
    )
