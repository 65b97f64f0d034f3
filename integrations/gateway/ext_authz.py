"""
Asked by Envoy's external authorization over HTTP: any method, our prefix before the call's path.

The query is the call's own, whose sender writes what they like: options stand in the prefix.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.gateway.calls import Call
from integrations.gateway.deciding import decided
from integrations.gateway.forward_auth import as_it_is


@csrf_exempt  # authenticated by key, never by cookie
def ext_authz(request: HttpRequest, options: str, path: str = "") -> HttpResponse:
    """Answer whether Envoy may let a call through."""

    def call() -> Call:
        return Call(
            path=f"/{path}",
            query=request.GET.dict(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )

    text = "" if options == "-" else options
    return decided(request, options=text, read=call, write=as_it_is)
