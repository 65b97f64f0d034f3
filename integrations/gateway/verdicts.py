"""What a decision is over HTTP: a status, headers for both sides, and a problem (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from billing.api import ratelimits
from billing.api.verdicts import STATUS, retry_after, written
from billing.entitlements.answers import Answer, Ask, Reason

OK: Final = HTTPStatus.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Let it through, or deny it with a status and a problem that say why."""

    status: int
    up: Mapping[str, str] = field(default_factory=dict)  # headers for the service behind
    down: Mapping[str, str] = field(default_factory=dict)  # headers for who calls
    problem: Mapping[str, Any] | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the call may be made."""
        return self.status == OK

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers for both sides."""
        return {**self.up, **self.down}


# The dimensions that say no.
_KINDS: Final = {
    Reason.USAGE_LIMIT_REACHED: "entitlement",
    Reason.BUDGET_REACHED: "budget",
    Reason.APPROVAL_NEEDED: "budget",
}


def verdict(ask: Ask, answer: Answer, *, at: datetime, shows_amounts: bool = False) -> Verdict:
    """Return what an answer is over HTTP; amounts of money stay unsaid unless they may be shown."""
    limits = ratelimits.headers(answer.remaining, at=at, shows_amounts=shows_amounts)
    if answer.is_allowed:
        return Verdict(status=OK, up=_customer(answer), down=limits)
    return Verdict(
        status=STATUS[answer.reason],
        down={**limits, **_retry(answer, at)},
        problem=_problem(ask, answer, shows_amounts=shows_amounts),
    )


def _customer(answer: Answer) -> dict[str, str]:
    key = answer.customer_key
    if key is None:
        return {}
    # A header is ASCII: keys that are not are percent-encoded.
    is_plain = key.isascii() and key.isprintable()
    return {"Meterbook-Customer": key if is_plain else quote(key)}


def _retry(answer: Answer, at: datetime) -> dict[str, str]:
    seconds = retry_after(answer, at)
    is_limit = STATUS[answer.reason] == HTTPStatus.TOO_MANY_REQUESTS
    return {"Retry-After": str(seconds)} if is_limit and seconds is not None else {}


def _problem(ask: Ask, answer: Answer, *, shows_amounts: bool) -> dict[str, Any]:
    code = answer.reason.value
    problem: dict[str, Any] = {
        "type": f"urn:meterbook:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": int(STATUS[answer.reason]),
        "code": code,
        "detail": answer.detail,
    }
    said = written(answer)
    if answer.feature_key:
        problem["feature"] = answer.feature_key
    if answer.retry_at is not None:
        problem["retry_at"] = said["retry_at"]
    if kind := _KINDS.get(answer.reason):
        problem["violated-policies"] = ratelimits.violated(
            answer.remaining, kind, quantity=ask.quantity, cost=answer.value
        )
    if shows_amounts:
        problem["remaining"] = said["remaining"]
    return problem
