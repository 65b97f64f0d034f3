"""What was sent as usage and could not be taken."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_usage as s
from billing.metering import deadletters
from billing.models import DeadLetter
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.metadata import canonical

_WHOLE = frozenset({"GET", "HEAD", "POST"})


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
