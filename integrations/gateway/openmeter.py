"""
OpenMeter's v3 API as its document writes things: ids, pages, problems.

Its ids are ULIDs; ours are numbers, and stand as the ULID of that value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase

from ledger.api import plain
from ledger.api.caller import Caller
from ledger.errors import InvalidInputError
from ledger.models import ApiKey

P = ParamSpec("P")

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 26
_MOST_ID: Final = 2**63 - 1
_MOST_ON_A_PAGE: Final = 100


def ulid(number: int) -> str:
    """
    Return the ULID of a number.

    >>> ulid(42), number_of(ulid(42))
    ('0000000000000000000000001A', 42)
    """
    written = ""
    while number:
        number, rest = divmod(number, 32)
        written = _LETTERS[rest] + written
    return written.rjust(_LENGTH, "0")


def number_of(text: str) -> int | None:
    """
    Return the number that a ULID stands for; None if it is no ULID, or of no number of ours.

    >>> number_of("acme"), number_of("01G65Z755AFWAKHE12NY0CQ9FH")
    (None, None)
    """
    if len(text) != _LENGTH or not set(text) <= set(_LETTERS):
        return None
    number = 0
    for letter in text:
        number = number * 32 + _LETTERS.index(letter)
    return number if number <= _MOST_ID else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for: so many after or before an id."""

    size: int = _MOST_ON_A_PAGE
    after: int | None = None
    before: int | None = None

    def cut(self, ids: Sequence[int], most: int) -> list[int]:
        """
        Return the ids of the page among sorted ones, no more than so many.

        >>> Page(size=2, after=3).cut([1, 3, 4, 5, 6], 100), Page(before=5).cut([1, 3, 4, 5], 2)
        ([4, 5], [3, 4])
        """
        size = min(self.size, most)
        if self.before is not None:
            return [one for one in ids if one < self.before][-size:]
        return [one for one in ids if self.after is None or one > self.after][:size]

    def meta(self, path: str, ids: Sequence[int], page: Sequence[int]) -> dict[str, Any]:
        """Return what the answer says about this page of sorted ids, and where the next is."""
        has_more = bool(page) and page[-1] < ids[-1]
        has_less = bool(page) and page[0] > ids[0]
        following = self._address(path, "after", page[-1]) if has_more else None
        preceding = self._address(path, "before", page[0]) if has_less else None
        return {"page": {"size": self.size, "next": following, "previous": preceding}}

    def _address(self, path: str, side: str, number: int) -> str:
        asked = {"page[size]": self.size, f"page[{side}]": ulid(number)}
        return f"{path}?{urlencode(asked)}"


def page(query: Mapping[str, str]) -> Page:
    """
    Return which page is asked for.

    Raises:
        InvalidInputError: a size out of bounds, no cursor of ours, or one of each kind.
    """
    size = query.get("page[size]", str(_MOST_ON_A_PAGE))
    if not (size.isascii() and size.isdigit() and 1 <= int(size) <= _MOST_ON_A_PAGE):
        remedy = f"send a number from 1 to {_MOST_ON_A_PAGE}"
        raise InvalidInputError(field="page[size]", value=size, remedy=remedy)
    after, before = _cursor(query, "page[after]"), _cursor(query, "page[before]")
    if after is not None and before is not None:
        remedy = "leave page[before] out"
        raise InvalidInputError(field="page[after]", value=query["page[after]"], remedy=remedy)
    return Page(size=int(size), after=after, before=before)


def _cursor(query: Mapping[str, str], field: str) -> int | None:
    if field not in query:
        return None
    number = number_of(query[field])
    if number is None:
        remedy = "send a cursor as it stands in an answer's meta"
        raise InvalidInputError(field=field, value=query[field], remedy=remedy)
    return number


def endpoint(
    answer: Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Make a view for keys that may read; what is wrong with a request is told as v3 does."""
    view = plain.endpoint(ApiKey.Scope.READ)(answer)

    @wraps(view)
    def shaped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code == HTTPStatus.BAD_REQUEST and isinstance(response, HttpResponse):
            problem = msgspec.json.decode(response.content)
            problem["invalid_parameters"] = _invalid(problem)
            response.content = msgspec.json.encode(problem)
        return response

    return shaped


def _invalid(problem: Mapping[str, Any]) -> list[dict[str, str]]:
    found = problem["errors"] or [{"field": "", "detail": problem["detail"]}]
    return [
        {
            "field": error["field"],
            "reason": error["detail"],
            "source": "query" if error["field"].startswith("page[") else "body",
        }
        for error in found
    ]
