"""Usage events: taken in, listed, voided and amended; and those that are nobody's yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import ingest
from billing.api import serializers_usage as s
from billing.metering import corrections, decode, history
from billing.metering.facts import Fact, Rejection
from billing.models import UnattributedEvent, UsageEvent
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError
from ledger.ids import first_id_at
from ledger.metadata import canonical


def events_of(view: Resource) -> QuerySet[UsageEvent]:
    """Return the events that the caller may see."""
    events = UsageEvent.objects.filter(book=view.caller.book)
    return lookups.within(view.caller, events, "customer_id")


class Events(Resource):
    """GET, POST /events"""

    scopes = {"GET": "read", "HEAD": "read", "POST": "ingest"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leave ingest, the hot path, to a plain view."""
        if request.method == "POST":
            return ingest.events(request)
        return super().dispatch(request, *args, **kwargs)

    @operation(
        "list-events",
        summary="List usage events, newest first",
        tag="Events",
        query=s.EventQuery,
        answer=listing(s.EventOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.EventQuery)
        events = events_of(self).filter(**_where(asked))
        if named := asked.get("customer"):
            events = events.filter(customer=lookups.customer(self.caller, named))
        return self.page(s.EventOut, *pages.page(events, asked, newest_first=True))

    @operation(
        "ingest-events",
        summary="Take usage events in",
        description="One CloudEvent (structured, or binary with `ce-` headers), a JSON array of"
        " them, or newline-delimited JSON; up to 10,000 events and 32 MiB, perhaps gzipped."
        " Accepted means committed. An event counts once by source and id: sending again is safe.",
        tag="Events",
        body={
            "application/cloudevents+json": s.CloudEventIn,
            "application/json": s.CloudEventIn,
            "application/cloudevents-batch+json": s.CloudEventIn(many=True),
            "application/x-ndjson": OpenApiTypes.STR,
        },
        answer=s.OutcomeOut,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Describe what ``dispatch`` hands over."""
        return ingest.events(request._request)  # noqa: SLF001 - DRF has no accessor


def _where(asked: Mapping[str, Any]) -> dict[str, Any]:
    received_from, received_to = asked.get("received_from"), asked.get("received_to")
    where = {
        "type": asked.get("type"),
        "subject": asked.get("subject"),
        "occurred_at__gte": asked.get("occurred_from"),
        "occurred_at__lt": asked.get("occurred_to"),
        "pk__gte": received_from and first_id_at(received_from),
        "pk__lt": received_to and first_id_at(received_to),
    }
    return {column: value for column, value in where.items() if value is not None}


class OneEvent(Resource):
    """GET /events/{event}"""

    @operation(
        "get-event", summary="Get a usage event", tag="Events", path=["event"], answer=s.EventOut
    )
    def get(self, request: Request, event: str) -> Response:
        return self.answer(s.EventOut, lookups.by_id(events_of(self), event, "event"))


class EventVoid(Resource):
    """POST /events/{event}/void"""

    scopes = {"POST": "finance"}

    @operation(
        "void-event",
        summary="Take an event back: the meter becomes what it is without it",
        tag="Events",
        path=["event"],
        body=s.VoidEventIn,
        answer=s.CorrectionOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, event: str) -> Response:
        found = lookups.by_id(events_of(self), event, "event")
        correction = corrections.void(
            book=self.caller.book,
            event=found,
            key=_key(self),
            at=self.now,
            cause=self.caller.name,
            **self.body(s.VoidEventIn),
        )
        return self.answer(s.CorrectionOut, correction, status=201)


class EventAmend(Resource):
    """POST /events/{event}/amend"""

    scopes = {"POST": "finance"}

    @operation(
        "amend-event",
        summary="Replace what an event says",
        tag="Events",
        path=["event"],
        body=s.AmendEventIn,
        answer=s.CorrectionOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, event: str) -> Response:
        found = lookups.by_id(events_of(self), event, "event")
        wanted = self.body(s.AmendEventIn)
        correction = corrections.amend(
            book=self.caller.book,
            event=found,
            replacement=_amended(found, wanted),
            key=_key(self),
            at=self.now,
            reason=wanted["reason"],
            cause=self.caller.name,
            reach=self.caller.reach,
        )
        return self.answer(s.CorrectionOut, correction, status=201)


def _key(view: Resource) -> str:
    return f"{view.caller.customer_id or 0}:{view.request.headers['Idempotency-Key']}"


def _amended(event: UsageEvent, wanted: Mapping[str, Any]) -> Fact:
    """Return the event as it should have been, read by the rules of ingest."""
    attributes = {
        "specversion": "1.0",
        "id": event.external_id,
        "source": event.source,
        "type": wanted.get("type", event.type),
        "subject": wanted.get("subject", event.subject),
        "time": wanted.get("time", event.occurred_at).isoformat(),
    }
    data = canonical(wanted["data"]) if "data" in wanted else history.fact_of(event).data_json
    read = decode.one(f'{json.dumps(attributes)[:-1]}, "data": {data}}}'.encode(), 0)
    if isinstance(read, Rejection):
        raise InvalidInputError(field=read.field or "data", value=read.reason, remedy=read.detail)
    return read


class UnattributedEvents(Resource):
    """GET /unattributed-events"""

    whole_book = frozenset({"GET", "HEAD"})

    @operation(
        "list-unattributed-events",
        summary="List usage of subjects that are nobody's yet, newest first",
        tag="Events",
        query=s.UnattributedQuery,
        answer=listing(s.UnattributedOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.UnattributedQuery)
        rows = UnattributedEvent.objects.filter(book=self.caller.book)
        if subject := asked.get("subject"):
            rows = rows.filter(subject=subject)
        if asked["is_posted"] is not None:
            rows = rows.filter(posted_at__isnull=not asked["is_posted"])
        return self.page(s.UnattributedOut, *pages.page(rows, asked, newest_first=True))
