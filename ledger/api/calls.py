"""
Views that answer many requests of one moment by one operation: for hot paths.

    check = Call(scope="read", read=…, answer=…, write=…)

A set-based operation costs hardly more for twenty questions than for one: statements, planning and
the commit are shared. ``all`` answers those that wait together (``ledger.config.lane`` gathers
them); called as a view, it answers one. Callers are identified by key; bodies and problems are
those of ``plain``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, TypeVar

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from ledger.api import plain, problems
from ledger.api.caller import Caller

Q = TypeVar("Q")
A = TypeVar("A")


class _Asked(NamedTuple, Generic[Q]):
    """A request that was understood."""

    place: int
    request: HttpRequest
    caller: Caller
    question: Q


@dataclass(frozen=True, kw_only=True)
class Call(Generic[Q, A]):
    """
    How a request is read, how questions are answered, and how an answer is written.

    ``answer`` is given questions of callers who see the same customers of the same book. It
    returns the answers in their order, or the error instead of one. If it raises, each
    question is asked by itself, so that nobody suffers from another's: it must be safe to repeat.
    Where the database cannot be reached, or a lock not be had in time, all are told so at once.
    """

    csrf_exempt: ClassVar = True  # authenticated by key, never by cookie

    scope: str
    read: Callable[[HttpRequest, Caller], Q]
    answer: Callable[[Caller, Sequence[Q]], Sequence[A | Exception]]
    write: Callable[[HttpRequest, Caller, Q, A], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        [response] = self.all([request])
        return response

    def all(self, requests: Sequence[HttpRequest]) -> list[HttpResponse]:
        """Answer requests, in their order; each gets an answer or a problem document."""
        responses = [HttpResponse()] * len(requests)
        together: defaultdict[tuple[int, int | None], list[_Asked[Q]]] = defaultdict(list)
        for place, request in enumerate(requests):
            try:
                caller = plain.caller_of(request, self.scope)
                asked = _Asked(place, request, caller, self.read(request, caller))
                together[caller.book.pk, caller.customer_id].append(asked)
            except Exception as error:  # what is unknown is logged there
                responses[place] = problems.response(request, error)
        for group in together.values():
            for one, answer in zip(group, self._answers(group), strict=True):
                responses[one.place] = self._written(one, answer)
        return responses

    def _answers(self, group: Sequence[_Asked[Q]]) -> Sequence[A | Exception]:
        try:
            return self.answer(group[0].caller, [one.question for one in group])
        except (OperationalError, InterfaceError) as error:
            return [error] * len(group)  # the database has no time, or is away: for anybody
        except Exception as error:
            if len(group) == 1:
                return [error]
        return [answer for one in group for answer in self._answers([one])]

    def _written(self, asked: _Asked[Q], answer: A | Exception) -> HttpResponse:
        if isinstance(answer, Exception):
            return problems.response(asked.request, answer)
        try:
            return self.write(asked.request, asked.caller, asked.question, answer)
        except Exception as error:
            return problems.response(asked.request, error)
