"""From a gateway's request to a verdict: its key, the question, the answer."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from rest_framework import exceptions

from billing.entitlements.check import check
from integrations.gateway.calls import Call, Source, Sources, read_options
from integrations.gateway.verdicts import Verdict, verdict
from integrations.keys import key_in
from ledger import access
from ledger.api import caller, problems
from ledger.api.caller import Caller
from ledger.models import ApiKey

SUBJECT: Final[Sources] = (Source("header", "Meterbook-Subject"),)


def decided(
    request: HttpRequest,
    *,
    options: str,
    read: Callable[[], Call],
    write: Callable[[Verdict], HttpResponse],
    subject: Sources = SUBJECT,
) -> HttpResponse:
    """
    Answer a gateway in its own shape.

    What cannot be decided, for we fail, is no denial: it is a 5xx in every shape, and whether the
    call is let through then is for the gateway's configuration to say.
    """
    try:
        made = _verdict(request, options, read, subject)
    except Exception as error:  # becomes a problem; what is unknown is logged there
        status, problem = problems.describe(error, request)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return problems.response(request, error)
        del problem["instance"]  # our address is nobody's business, and may hold the key
        made = Verdict(status=status, down=_challenge(status), problem=problem)
    return write(made)


def _verdict(
    request: HttpRequest, text: str, read: Callable[[], Call], subject: Sources
) -> Verdict:
    options = read_options(text, subject)
    asking = _asking(request, options.key)
    ask = options.ask(read())
    at = now()
    answers = check(book_id=asking.book.pk, asks=[ask], at=at, reach=asking.reach)
    return verdict(ask, answers[0], at=at, shows_amounts=options.shows_amounts)


def _asking(request: HttpRequest, written_in_address: str) -> Caller:
    """Return the gateway that asks."""
    text = written_in_address or key_in(request)
    if not text:
        raise exceptions.NotAuthenticated("The gateway sends no key of Meterbook.")
    found = caller.of_key(access.authenticate(text, at=now()))
    if ApiKey.Scope.READ not in found.scopes:
        raise exceptions.PermissionDenied("This needs the scope read.", code="scope_missing")
    return found


def _challenge(status: int) -> dict[str, str]:
    is_unknown = status == HTTPStatus.UNAUTHORIZED
    return {"WWW-Authenticate": 'Bearer realm="Meterbook"'} if is_unknown else {}
