"""POST /api/v3/openmeter/events: usage as OpenMeter's hosted API takes it, 202 and no body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from billing.api.ingest import read_events
from billing.metering.facts import Outcome
from billing.metering.ingest import ingest
from ledger.api import plain, problems
from ledger.api.caller import Caller
from ledger.models import ApiKey

_NO_EVENTS: Final = frozenset({"malformed", "invalid_event"})  # what no sender's retry will mend


@plain.endpoint(ApiKey.Scope.INGEST)
def _events(request: HttpRequest, caller: Caller) -> HttpResponse:
    """
    Take usage in.

    What is an event but cannot be taken is kept as a dead letter and still answered with 202: a
    gateway would send a refused batch again for a minute, and hold back those behind it.
    """
    sent = read_events(request)
    outcome = ingest(book=caller.book, sent=sent, received_at=now(), reach=caller.reach)
    if sent and _holds_no_event(outcome, len(sent)):
        return _refused(request, outcome)
    return HttpResponse(status=HTTPStatus.ACCEPTED)


events = require_POST(_events)


def _holds_no_event(outcome: Outcome, count: int) -> bool:
    return sum(row.reason in _NO_EVENTS for row in outcome.rows) == count


def _refused(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    document = problems.document(
        request,
        HTTPStatus.BAD_REQUEST,
        code="events_rejected",
        detail="Nothing was a CloudEvent; all is kept as dead letters with its reason.",
        errors=[
            {"field": row.field, "code": row.reason, "detail": row.detail, "index": row.index}
            for row in outcome.rows
        ],
    )
    document["invalid_parameters"] = [
        {"field": row.field, "reason": row.detail, "source": "body"} for row in outcome.rows
    ]
    return JsonResponse(document, status=HTTPStatus.BAD_REQUEST, content_type=problems.MEDIA_TYPE)
