"""
POST /api/v1/access/check: may this be used now? At gateway speed.

One question, or up to 100 under ``checks``; requests of one moment are answered together. The
answer is 200 whether it is allowed or not; ``?enforce=true`` answers one question with a problem
document and a status instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from typing import Final, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.timezone import now
from rest_framework import exceptions

from billing.api import ratelimits, verdicts
from billing.entitlements.check import Answer, Ask, Reserve, check
from ledger.api import plain, problems
from ledger.api.caller import Caller
from ledger.api.calls import Call
from ledger.errors import InvalidInputError
from ledger.models import ApiKey
from ledger.money import ZERO, exact

MOST: Final = 100
_HOUR: Final = 3600
_LONGEST_ID: Final = 19  # digits


class ReserveIn(msgspec.Struct, forbid_unknown_fields=True):
    """What to set aside in the same step."""

    key: str
    expires_in: int = _HOUR  # seconds
    purpose: str = ""


class _One(msgspec.Struct, forbid_unknown_fields=True):
    customer: str | None = None
    subject: str | None = None
    feature: str = ""
    quantity: Decimal | None = None
    cost: Decimal | None = None
    labels: dict[str, str] = {}
    reserve: ReserveIn | None = None


class _Asked(_One, forbid_unknown_fields=True):
    checks: list[_One] | None = None


class _Question(NamedTuple):
    """What a request asks: one thing, or several."""

    asks: list[Ask]
    is_one: bool


def _read(request: HttpRequest, caller: Caller) -> _Question:
    body = plain.read(_Asked, request)
    sent: Sequence[_One] = [body] if body.checks is None else body.checks
    if len(sent) > MOST:
        raise InvalidInputError(field="checks", value=len(sent), remedy=f"send at most {MOST}")
    asks = [_ask(one) for one in sent]
    if any(ask.reserve for ask in asks) and ApiKey.Scope.INGEST not in caller.scopes:
        raise exceptions.PermissionDenied(
            "To reserve needs the scope ingest.", code="scope_missing"
        )
    return _Question(asks, is_one=body.checks is None)


def _answers(caller: Caller, questions: Sequence[_Question]) -> list[list[Answer] | Exception]:
    asks = [ask for question in questions for ask in question.asks]
    answers = iter(check(book_id=caller.book.pk, asks=asks, at=now(), reach=caller.reach))
    return [list(islice(answers, len(question.asks))) for question in questions]


def _written(
    request: HttpRequest, caller: Caller, question: _Question, answers: list[Answer]
) -> HttpResponse:
    if not question.is_one:
        return plain.written({"data": [verdicts.written(answer) for answer in answers]})
    [answer] = answers
    if request.GET.get("enforce") != "true":
        return plain.written(verdicts.written(answer))
    at = now()
    if not answer.is_allowed:
        return refused(request, answer, at)
    response = plain.written(verdicts.written(answer))
    for name, value in ratelimits.headers(answer.remaining, at=at, shows_amounts=True).items():
        response[name] = value
    return response


access_check: Final = Call(scope=ApiKey.Scope.READ, read=_read, answer=_answers, write=_written)


def refused(request: HttpRequest, answer: Answer, at: datetime) -> HttpResponse:
    """Return a refusal as a problem document, with when it is worth asking again."""
    status = verdicts.STATUS[answer.reason]
    document = problems.document(request, status, code=answer.reason.value, detail=answer.detail)
    limits = ratelimits.headers(answer.remaining, at=at, shows_amounts=True)
    response = JsonResponse(
        document | {"access": verdicts.written(answer)},
        status=status,
        content_type=problems.MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **limits},
    )
    seconds = verdicts.retry_after(answer, at)
    if status == HTTPStatus.TOO_MANY_REQUESTS and seconds is not None:
        response["Retry-After"] = str(seconds)
    return response


def _ask(one: _One) -> Ask:
    _check("quantity", one.quantity)
    _check("cost", one.cost)
    if (one.customer is None) == (one.subject is None):
        remedy = "name either a customer or a subject"
        raise InvalidInputError(field="customer", value=one.customer, remedy=remedy)
    named = one.customer or ""
    is_number = named.isascii() and named.isdigit() and len(named) <= _LONGEST_ID
    return Ask(
        customer_key=None if one.customer is None or is_number else named.removeprefix("key:"),
        customer_id=int(named) if is_number else None,
        subject=one.subject,
        feature_key=one.feature,
        quantity=one.quantity,
        cost=one.cost,
        labels=one.labels,
        reserve=_reserve(one.reserve),
    )


def _check(field: str, amount: Decimal | None) -> None:
    if amount is not None and exact(amount) < ZERO:
        raise InvalidInputError(field=field, value=amount, remedy="send zero or more")


def _reserve(wanted: ReserveIn | None) -> Reserve | None:
    if wanted is None:
        return None
    expires_in = timedelta(seconds=max(0, min(wanted.expires_in, 10**9)))
    return Reserve(key=wanted.key, expires_in=expires_in, purpose=wanted.purpose)
