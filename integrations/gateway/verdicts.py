"""What a decision is over HTTP: a status, headers for both sides, and a problem (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from billing.entitlements.answers import Answer, Ask, Reason
from integrations.gateway import ratelimits
from ledger.money import text

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


class _Denial(NamedTuple):
    status: int
    title: str
    detail: str
    kind: str = ""  # of the dimensions that say no


_FORBIDDEN: Final = HTTPStatus.FORBIDDEN
_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS
_DENIALS: Final = {
    Reason.CUSTOMER_UNKNOWN: _Denial(
        _FORBIDDEN, "Customer unknown", "Nobody is known by what the call says about its sender."
    ),
    Reason.CUSTOMER_SUSPENDED: _Denial(
        _FORBIDDEN, "Customer suspended", "This account is suspended: ask its owner."
    ),
    Reason.FEATURE_UNKNOWN: _Denial(
        _FORBIDDEN, "Feature unknown", "There is no such feature on sale."
    ),
    Reason.FEATURE_UNAVAILABLE: _Denial(
        _FORBIDDEN, "Feature unavailable", "This feature is not part of what the customer has."
    ),
    Reason.USAGE_LIMIT_REACHED: _Denial(
        _TOO_MANY, "Usage limit reached", "The allowance does not cover this call.", "entitlement"
    ),
    Reason.BUDGET_REACHED: _Denial(
        _TOO_MANY, "Budget reached", "The budget does not cover this call.", "budget"
    ),
    Reason.APPROVAL_NEEDED: _Denial(
        _TOO_MANY, "Approval needed", "Somebody must approve going beyond the budget.", "budget"
    ),
    Reason.CREDIT_EXHAUSTED: _Denial(
        HTTPStatus.PAYMENT_REQUIRED, "Credit exhausted", "The credit does not cover this call."
    ),
    Reason.HOLD_DENIED: _Denial(
        _FORBIDDEN, "Reservation refused", "What it would cost could not be set aside."
    ),
    Reason.HOLD_CLOSED: _Denial(
        _FORBIDDEN, "Reservation over", "The reservation's key stands for one that is over."
    ),
}


def verdict(ask: Ask, answer: Answer, *, at: datetime, shows_amounts: bool = False) -> Verdict:
    """Return what an answer is over HTTP; amounts of money stay unsaid unless they may be shown."""
    limits = ratelimits.headers(answer.remaining, at=at, shows_amounts=shows_amounts)
    if answer.is_allowed:
        return Verdict(status=OK, up=_customer(answer), down=limits)
    denial = _DENIALS[answer.reason]
    return Verdict(
        status=denial.status,
        down={**limits, **_retry(answer, denial, at)},
        problem=_problem(ask, answer, denial, shows_amounts=shows_amounts),
    )


def explained(reason: Reason) -> str:
    """Return why a call is denied, for people."""
    return _DENIALS[reason].detail


def _customer(answer: Answer) -> dict[str, str]:
    key = answer.customer_key
    if key is None:
        return {}
    # A header is ASCII: keys that are not are percent-encoded.
    is_plain = key.isascii() and key.isprintable()
    return {"Meterbook-Customer": key if is_plain else quote(key)}


def _retry(answer: Answer, denial: _Denial, at: datetime) -> dict[str, str]:
    if denial.status != _TOO_MANY or answer.retry_at is None:
        return {}
    return {"Retry-After": str(ratelimits.seconds_until(answer.retry_at, at))}


def _problem(ask: Ask, answer: Answer, denial: _Denial, *, shows_amounts: bool) -> dict[str, Any]:
    code = answer.reason.value
    problem: dict[str, Any] = {
        "type": f"urn:meterbook:problem:{code}",
        "title": denial.title,
        "status": int(denial.status),
        "code": code,
        "detail": denial.detail,
    }
    if answer.feature_key:
        problem["feature"] = answer.feature_key
    if answer.retry_at is not None:
        problem["retry_at"] = answer.retry_at.isoformat()
    if denial.kind:
        problem["violated-policies"] = ratelimits.violated(
            answer.remaining, denial.kind, quantity=ask.quantity, cost=answer.value
        )
    if shows_amounts:
        problem["remaining"] = [
            {
                "kind": one.kind,
                "key": one.key,
                "asset": one.asset,
                "amount": text(one.amount),
                "resets_at": one.resets_at and one.resets_at.isoformat(),
            }
            for one in answer.remaining
        ]
    return problem
