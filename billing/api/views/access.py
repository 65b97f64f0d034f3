"""Decisions whether something may be used."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from billing.api import access
from billing.api import serializers_access as s
from ledger.api.resource import Resource
from ledger.api.schema import operation


class AccessCheck(Resource):
    """POST /access/check"""

    scopes = {"POST": "read"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave the decision, the hot path, to a plain view."""
        if request.method == "POST":
            return access.access_check(request)
        return super().dispatch(request, *args, **kwargs)

    @operation(
        "check-access",
        summary="Decide whether something may be used now, and perhaps set its cost aside",
        description="One question, or up to 100 under `checks`: then the answers are under `data`."
        " 200 whether it is allowed or not: see `is_allowed` and `reason`; with `enforce=true` a"
        " refusal of one question is a problem document with 402 (credit), 429 (limit, budget) or"
        " 403. To reserve needs the scope ingest; the same key gets the same answer.",
        tag="Access",
        query=s.CheckQuery,
        body=s.CheckIn,
        answer=s.CheckOut,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Describe what ``dispatch`` hands over."""
        return access.access_check(request._request)  # noqa: SLF001 - DRF has no accessor
