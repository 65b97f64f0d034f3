"""What a decision is in HTTP: its JSON, and its status for who wants one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from billing.entitlements.answers import Answer, Reason, Remaining
from ledger.money import text
from wallets.models import Hold

STATUS: Final[Mapping[Reason, HTTPStatus]] = {
    Reason.ALLOWED: HTTPStatus.OK,
    Reason.CUSTOMER_UNKNOWN: HTTPStatus.FORBIDDEN,
    Reason.CUSTOMER_SUSPENDED: HTTPStatus.FORBIDDEN,
    Reason.FEATURE_UNKNOWN: HTTPStatus.FORBIDDEN,
    Reason.FEATURE_UNAVAILABLE: HTTPStatus.FORBIDDEN,
    Reason.APPROVAL_NEEDED: HTTPStatus.FORBIDDEN,
    Reason.USAGE_LIMIT_REACHED: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.BUDGET_REACHED: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.CREDIT_EXHAUSTED: HTTPStatus.PAYMENT_REQUIRED,
    Reason.HOLD_DENIED: HTTPStatus.PAYMENT_REQUIRED,
    Reason.HOLD_CLOSED: HTTPStatus.CONFLICT,
}


def written(answer: Answer) -> dict[str, Any]:
    """Return an answer as it is sent."""
    customer = None
    if answer.customer_id is not None:
        customer = {"id": str(answer.customer_id), "key": answer.customer_key}
    estimate = None
    if answer.value is not None:
        estimate = {"amount": text(answer.value), "asset": answer.asset}
    return {
        "is_allowed": answer.is_allowed,
        "reason": answer.reason.value,
        "customer": customer,
        "feature": answer.feature_key,
        "remaining": [_remaining(one) for one in answer.remaining],
        "retry_at": _instant(answer.retry_at),
        "estimate": estimate,
        "config": answer.config,
        "hold": None if answer.hold is None else _hold(answer.hold),
    }


def retry_after(answer: Answer, now: datetime) -> int | None:
    """Return in how many seconds it is worth asking again, if anybody knows."""
    if answer.retry_at is None:
        return None
    return max(1, ceil((answer.retry_at - now).total_seconds()))


def _remaining(one: Remaining) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "key": one.key,
        "asset": one.asset,
        "amount": text(one.amount),
        "resets_at": _instant(one.resets_at),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {
        "id": str(hold.pk),
        "key": hold.key,
        "state": hold.state,
        "amount": text(hold.requested),
        "expires_at": _instant(hold.expires_at),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
