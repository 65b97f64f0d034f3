"""Events, usage, and what could not be taken."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import ingest
from billing.api import serializers_usage as s
from billing.api.views.catalogue import find_meter
from billing.metering import corrections, deadletters, decode, history, usage
from billing.metering.facts import Fact, Rejection
from billing.metering.windows import Window
from billing.models import DeadLetter, UnattributedEvent, UsageEvent
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError
from ledger.ids import first_id_at
from ledger.metadata import canonical
from ledger.models import Customer

_WHOLE = frozenset({"GET", "HEAD", "POST"})


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


class Csv(BaseRenderer):
    """Writes usage as comma-separated values."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a line per row; its groups are columns."""
        names = list(data["data"][0]["group"]) if data["data"] else []
        written = io.StringIO()
        lines = csv.writer(written)
        lines.writerow(["window_start", "window_end", *names, "value", "events"])
        for row in data["data"]:
            groups = ("" if row["group"][name] is None else row["group"][name] for name in names)
            lines.writerow(
                [row["window_start"], row["window_end"], *groups, row["value"], row["events"]]
            )
        return written.getvalue()


class Usage(Resource):
    """GET /usage"""

    renderer_classes = [JSONRenderer, Csv]

    @operation(
        "query-usage",
        summary="Get a meter's value by window, customer, subject and dimensions",
        description="As JSON, or as CSV by `format=csv` or `Accept: text/csv`; the header"
        " `Meterbook-Next` then carries the cursor of the next page.",
        tag="Usage",
        query=s.UsageQuery,
        more=[
            OpenApiParameter(
                "filter",
                {"type": "object", "additionalProperties": {"type": "string"}},
                OpenApiParameter.QUERY,
                style="deepObject",
                explode=True,
                description="`filter[model]=gpt-5`: only usage with that dimension's value; give"
                " it several times for several values, empty for usage without the dimension.",
            )
        ],
        answer={(200, "application/json"): s.UsageOut, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response:
        asked, filters = _asked(self)
        meter = find_meter(self, asked["meter"])
        found = usage.query(
            book=self.caller.book,
            meter=meter,
            starts_at=asked["from"],
            ends_at=asked["to"],
            subjects=asked.get("subject"),
            window=Window(asked["window"]) if "window" in asked else None,
            zone=_zone(asked["time_zone"]),
            group_by=asked.get("group_by", []),
            filters=filters,
            limit=asked["limit"],
            cursor=asked.get("page[after]"),
            **_customers(self, asked),
        )
        written = {
            "meter": meter.key,
            "unit": meter.unit.code,
            "data": found.rows,
            "next": found.cursor,
        }
        response = self.answer(s.UsageOut, written)
        if found.cursor:
            response.headers["Meterbook-Next"] = found.cursor
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Let ``format`` decide before Accept does."""
        match request.query_params.get("format"):
            case "csv":
                return Csv(), Csv.media_type
            case None:
                return super().perform_content_negotiation(request, force)
        return JSONRenderer(), JSONRenderer.media_type


def _asked(view: Resource) -> tuple[dict[str, Any], dict[str, list[str | None]]]:
    """Return the query, lists and ``filter[…]`` taken apart."""
    sent = view.request.query_params
    plain: dict[str, Any] = {}
    filters: dict[str, list[str | None]] = {}
    for name in sent:
        if name.startswith("filter[") and name.endswith("]"):
            if "\0" in "".join(values := sent.getlist(name)):
                raise InvalidInputError(field=name, value="", remedy="leave out null characters")
            filters[name[len("filter[") : -1]] = [value or None for value in values]
        elif name in {"customer", "subject", "group_by"}:
            plain[name] = sent.getlist(name)
        else:
            plain[name] = sent[name]
    return view.read(s.UsageQuery, plain), filters


def _customers(view: Resource, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose usage; a caller that is bound to a customer sees no more than its own."""
    below = asked["include_descendants"]
    if named := asked.get("customer"):
        customers = [lookups.customer(view.caller, text) for text in named]
        return {"customers": customers, "include_descendants": below}
    if view.caller.customer_id is None:
        return {"customers": None}
    bound = Customer.objects.get(pk=view.caller.customer_id)
    return {"customers": [bound], "include_descendants": True}


def _zone(name: str) -> Any:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(
            field="time_zone", value=name, remedy="use a name like Europe/Berlin"
        ) from None


class DeadLetters(Resource):
    """GET /dead-letters"""

    whole_book = _WHOLE

    @operation(
        "list-dead-letters",
        summary="List what was sent as usage and could not be taken, newest first",
        tag="Dead letters",
        query=s.DeadLetterQuery,
        answer=listing(s.DeadLetterOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.DeadLetterQuery)
        where = {name: asked[name] for name in ("status", "reason") if asked.get(name)}
        rows = DeadLetter.objects.filter(book=self.caller.book, **where)
        return self.page(s.DeadLetterOut, *pages.page(rows, asked, newest_first=True))


class OneDeadLetter(Resource):
    """GET /dead-letters/{dead_letter}"""

    whole_book = _WHOLE

    @operation(
        "get-dead-letter",
        summary="Get a dead letter",
        tag="Dead letters",
        path=["dead_letter"],
        answer=s.DeadLetterOut,
    )
    def get(self, request: Request, dead_letter: str) -> Response:
        return self.answer(s.DeadLetterOut, _letter(self, dead_letter))


class DeadLetterReplay(Resource):
    """POST /dead-letters/{dead_letter}/replay"""

    whole_book = _WHOLE

    @operation(
        "replay-dead-letter",
        summary="Send a dead letter in again, as it was or mended",
        tag="Dead letters",
        path=["dead_letter"],
        body=s.ReplayIn,
        answer=s.OutcomeOut,
    )
    @once(is_required=True)
    def post(self, request: Request, dead_letter: str) -> Response:
        found = _letter(self, dead_letter)
        event = self.body(s.ReplayIn).get("event")
        raw = None if event is None else canonical(event)
        outcome = deadletters.replay(letter=found, raw=raw, at=self.now)
        return self.answer(s.OutcomeOut, outcome)


class DeadLetterDismissal(Resource):
    """POST /dead-letters/{dead_letter}/dismiss"""

    whole_book = _WHOLE

    @operation(
        "dismiss-dead-letter",
        summary="Close a dead letter without replaying it",
        tag="Dead letters",
        path=["dead_letter"],
        answer=s.DeadLetterOut,
    )
    @once()
    def post(self, request: Request, dead_letter: str) -> Response:
        found = _letter(self, dead_letter)
        return self.answer(s.DeadLetterOut, deadletters.dismiss(letter=found, at=self.now))


def _letter(view: Resource, text: str) -> DeadLetter:
    return lookups.by_id(DeadLetter.objects.filter(book=view.caller.book), text, "dead_letter")


class UnattributedEvents(Resource):
    """GET /unattributed-events"""

    whole_book = _WHOLE

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
