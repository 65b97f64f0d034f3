"""Test clocks: made, read, advanced, and given to customers."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import clocks
from ledger.api import lookups, pages
from ledger.api import serializers_clocks as s
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.models import TestClock

_TAG = "Test clocks"
_EVERY_METHOD = frozenset({"GET", "HEAD", "POST"})


def _clocks(view: Resource) -> QuerySet[TestClock]:
    return TestClock.objects.filter(book=view.caller.book)


class Clocks(Resource):
    """GET, POST /test-clocks"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-test-clocks",
        summary="List test clocks",
        tag=_TAG,
        query=PageQuery,
        answer=listing(s.ClockOut),
    )
    def get(self, request: Request) -> Response:
        return self.page(s.ClockOut, *pages.page(_clocks(self), self.asked(PageQuery)))

    @operation(
        "create-test-clock",
        summary="Make a clock that stands until it is advanced",
        description="Only where the setting METERBOOK_TEST_CLOCKS allows it.",
        tag=_TAG,
        body=s.ClockIn,
        answer=s.ClockOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        clock = clocks.create(book=self.caller.book, at=self.now, **self.body(s.ClockIn))
        return self.answer(s.ClockOut, clock, status=201)


class OneClock(Resource):
    """GET /test-clocks/{test_clock}"""

    whole_book = _EVERY_METHOD

    @operation(
        "get-test-clock",
        summary="Get a test clock",
        tag=_TAG,
        path=["test_clock"],
        answer=s.ClockOut,
    )
    def get(self, request: Request, test_clock: str) -> Response:
        return self.answer(
            s.ClockOut, lookups.by_id_or_key(_clocks(self), test_clock, "test_clock")
        )


class ClockAdvance(Resource):
    """POST /test-clocks/{test_clock}/advance"""

    whole_book = _EVERY_METHOD

    @operation(
        "advance-test-clock",
        summary="Move a clock on, and do everything that falls due on the way, in order",
        description="Returns when it is done. The instant itself makes it happen once: asked for"
        " again, what is left is finished, and what is done stays.",
        tag=_TAG,
        path=["test_clock"],
        body=s.AdvanceIn,
        answer=s.AdvanceOut,
    )
    def post(self, request: Request, test_clock: str) -> Response:
        """No Idempotency-Key: it would tie all instants into one transaction."""
        clock = lookups.by_id_or_key(_clocks(self), test_clock, "test_clock")
        done = asdict(clocks.advance(clock=clock, to=self.body(s.AdvanceIn)["to"]))
        done.pop("until", None)
        clock.refresh_from_db()
        clock.done = done  # type: ignore[attr-defined]
        return self.answer(s.AdvanceOut, clock)


class CustomerClock(Resource):
    """PUT /customers/{customer}/test-clock"""

    whole_book = frozenset({"PUT"})

    @operation(
        "attach-test-clock",
        summary="Have a customer live by a test clock, for good",
        tag=_TAG,
        path=["customer"],
        body=s.AttachIn,
        answer=s.AttachOut,
    )
    @once()
    def put(self, request: Request, customer: str) -> Response:
        found = lookups.customer(self.caller, customer)
        named = self.body(s.AttachIn)["test_clock"]
        clock = lookups.by_id_or_key(_clocks(self), named, "test_clock")
        return self.answer(s.AttachOut, clocks.attach(customer=found, clock=clock))
