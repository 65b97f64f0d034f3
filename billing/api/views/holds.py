"""Holds: set aside, extended, taken, given back; ``billing.api.holds`` has the hot paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import holds as hot
from billing.api import serializers_holds as s
from billing.entitlements.reserving import is_budget_reached
from billing.holds import asking
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.models import ApiKey
from wallets import holds


class Holds(Resource):
    """GET, POST /holds"""

    scopes = {"GET": "read", "HEAD": "read", "POST": ApiKey.Scope.INGEST}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave reserving, a hot path, to a plain view."""
        if request.method == "POST":
            return hot.reserve(request)
        return super().dispatch(request, *args, **kwargs)

    @operation(
        "list-holds",
        summary="List holds, newest first",
        tag="Holds",
        query=s.HoldQuery,
        answer=listing(s.HoldOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.HoldQuery)
        found = hot.visible_to(self.caller)
        if named := asked.get("customer"):
            found = found.filter(customer=lookups.customer(self.caller, named))
        if "state" in asked:
            found = found.filter(state=asked["state"])
        if "key" in asked:
            found = found.filter(key=asked["key"])
        rows, following = pages.page(found, asked, newest_first=True)
        data = [hot.shown(hold, hot.time_of(hold, self.now)) for hold in rows]
        return Response({"data": data, "next": following})

    @operation(
        "reserve-credit",
        summary="Set credit aside, all of it or nothing",
        description="Of credit in burn order, then of what may be owed on account. Denied with 402"
        " (`credit_exhausted`), 429 (a limit or budget) or 403, and the reason as `code`: the same"
        " key stays denied. A quantity is asked of the decision core, which estimates its price.",
        tag="Holds",
        body=s.HoldIn,
        answer=s.HoldOut,
        status=201,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Describe what ``dispatch`` hands over."""
        return hot.reserve(request._request)  # noqa: SLF001 - DRF has no accessor


class OneHold(Resource):
    """GET /holds/{hold}"""

    @operation("get-hold", summary="Get a hold", tag="Holds", path=["hold"], answer=s.HoldOut)
    def get(self, request: Request, hold: str) -> Response:
        found = lookups.by_id_or_key(hot.visible_to(self.caller), hold, "hold")
        return Response(hot.shown(found, hot.time_of(found, self.now)))


class BudgetReached(exceptions.APIException):
    """A budget has not so much left."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_detail = "A budget is reached."
    default_code = "budget_reached"


@contextmanager
def _within_budgets() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if not is_budget_reached(error):
            raise
        raise BudgetReached from None


class HoldExtension(Resource):
    """POST /holds/{hold}/extend"""

    scopes = {"POST": ApiKey.Scope.INGEST}

    @operation(
        "extend-hold",
        summary="Set more aside, or for longer",
        tag="Holds",
        path=["hold"],
        body=s.ExtendIn,
        answer=s.HoldOut,
    )
    @once(is_required=True)
    def post(self, request: Request, hold: str) -> Response:
        found = lookups.by_id_or_key(hot.visible_to(self.caller), hold, "hold")
        at = hot.time_of(found, self.now)
        credit = asking.credit_of(book_id=found.book_id, customer_id=found.customer_id)
        wanted = self.body(s.ExtendIn)
        expires_in = hot.seconds(wanted["expires_in"]) if "expires_in" in wanted else None
        with hot.discreet(self.caller), _within_budgets():
            longer = holds.extend(
                hold=found,
                at=at,
                amount=wanted.get("amount"),
                expires_in=expires_in,
                credit=credit,
            )
        return Response(hot.shown(longer, at))


class HoldCapture(Resource):
    """POST /holds/{hold}/capture"""

    scopes = {"POST": ApiKey.Scope.INGEST}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave it to a plain view."""
        if request.method == "POST":
            return hot.capture(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)

    @operation(
        "capture-hold",
        summary="Take what work has cost, and give back the rest",
        description="Names the usage events that it pays for, if they are sent as well: what is"
        " ingested under those names is paid from this, once, whichever comes first.",
        tag="Holds",
        path=["hold"],
        body=s.CaptureIn,
        answer=s.CaptureOut,
        status=201,
    )
    def post(self, request: Request, hold: str) -> HttpResponseBase:
        """Describe what ``dispatch`` hands over."""
        return hot.capture(request._request, hold)  # noqa: SLF001 - DRF has no accessor


class HoldRelease(Resource):
    """POST /holds/{hold}/release"""

    scopes = {"POST": ApiKey.Scope.INGEST}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave it to a plain view."""
        if request.method == "POST":
            return hot.release(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)

    @operation(
        "release-hold",
        summary="Give back what is still set aside; again changes nothing",
        tag="Holds",
        path=["hold"],
        answer=s.HoldOut,
    )
    def post(self, request: Request, hold: str) -> HttpResponseBase:
        """Describe what ``dispatch`` hands over."""
        return hot.release(request._request, hold)  # noqa: SLF001 - DRF has no accessor
