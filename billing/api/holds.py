"""
Holds at gateway speed: reserve, capture and release, as plain Django views.

    POST /api/v1/holds
    POST /api/v1/holds/{hold}/capture
    POST /api/v1/holds/{hold}/release
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from billing.entitlements.answers import Reason
from billing.holds import asking, taking
from billing.holds.asking import Wanted
from ledger import clocks
from ledger.api import lookups, problems
from ledger.api.caller import Caller
from ledger.api.calls import Call
from ledger.api.fields import Instant
from ledger.api.plain import endpoint, read, written
from ledger.models import ApiKey
from ledger.money import ZERO, subtract, text
from wallets import holds
from wallets.errors import CreditExhaustedError
from wallets.holds import Claim, Credit, Reserved, standing
from wallets.holds.capturing import Beyond
from wallets.holds.orders import USUAL
from wallets.models import Capture, Hold

# What a denial is, by its reason; any other is a 403.
_STATUS: Final[dict[str, int]] = {
    Reason.CREDIT_EXHAUSTED: 402,
    Reason.USAGE_LIMIT_REACHED: 429,
    Reason.BUDGET_REACHED: 429,
    Reason.HOLD_CLOSED: 409,
}
_USUAL: Final = int(USUAL.total_seconds())
_MOST_SECONDS: Final = 10**9
_instant = Instant()


class _Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    customer: str
    key: str
    amount: Decimal | None = None
    asset: str = ""
    quantity: Decimal | None = None
    labels: dict[str, str] = {}
    feature: str = ""
    expires_in: int = _USUAL  # seconds
    purpose: str = ""
    metadata: dict[str, Any] = {}


class _Event(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    source: str
    id: str


class _Claim(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    key: str
    amount: Decimal
    events: list[_Event] = []
    beyond: str = Beyond.REJECT.value
    is_final: bool = True


def _read(request: HttpRequest, _: Caller) -> Wanted:
    sent = read(_Order, request)
    return Wanted(
        customer=sent.customer,
        key=sent.key,
        amount=sent.amount,
        asset=sent.asset,
        quantity=sent.quantity,
        labels=sent.labels,
        feature_key=sent.feature,
        expires_in=seconds(sent.expires_in),
        purpose=sent.purpose,
        metadata=sent.metadata,
    )


def _reserve(caller: Caller, wanted: Sequence[Wanted]) -> Sequence[Reserved | Exception]:
    book_id, at, reach = caller.book.pk, now(), caller.reach
    return asking.reserve_all(book_id=book_id, wanted=wanted, at=at, reach=reach)


def _reserved(
    request: HttpRequest, caller: Caller, wanted: Wanted, reserved: Reserved
) -> HttpResponse:
    if reserved.hold.state == Hold.State.DENIED:
        return _denied(request, caller, reserved)
    hold, asset = reserved.hold, wanted.asset if wanted.amount is not None else ""
    at = hold.created_at if reserved.is_new else time_of(hold, now())
    return written(shown(hold, at, asset), status=201)


# Set credit aside: 201, for the same key again; 402, 429 or 403 if it is denied.
reserve: Final = Call(scope=ApiKey.Scope.INGEST, read=_read, answer=_reserve, write=_reserved)


@endpoint(ApiKey.Scope.INGEST)
def capture(request: HttpRequest, caller: Caller, hold: str) -> HttpResponse:
    """Take what work has cost: 201, the same again for the same key."""
    sent = read(_Claim, request)
    found = lookups.by_id_or_key(visible_to(caller), hold, "hold")
    claim = Claim(
        key=sent.key,
        amount=sent.amount,
        events=[(event.source, event.id) for event in sent.events],
        beyond=sent.beyond,
        is_final=sent.is_final,
        credit=_credit(found, sent.beyond),
    )
    with discreet(caller):
        made = taking.capture(hold=found, claim=claim, at=time_of(found, now()))
    return written(captured(made), status=201)


@endpoint(ApiKey.Scope.INGEST)
def release(request: HttpRequest, caller: Caller, hold: str) -> HttpResponse:
    """Give back what is still set aside."""
    found = lookups.by_id_or_key(visible_to(caller), hold, "hold")
    at = time_of(found, now())
    return written(shown(holds.release(hold=found, at=at), at))


def visible_to(caller: Caller) -> QuerySet[Hold]:
    """Return the holds that the caller may see."""
    found = Hold.objects.filter(book=caller.book).select_related("asset", "customer__clock")
    return lookups.within(caller, found, "customer")


def time_of(hold: Hold, at: datetime) -> datetime:
    """Return the time that a hold's customer lives by."""
    return clocks.now_of(hold.customer, at)


@contextmanager
def discreet(caller: Caller) -> Iterator[None]:
    """Do not tell a bound caller how much there is: what others share is none of its business."""
    try:
        yield
    except CreditExhaustedError as error:
        if caller.reach is None:
            raise
        told = {name: fact for name, fact in error.facts.items() if name != "available"}
        raise CreditExhaustedError(**told) from None


def shown(hold: Hold, at: datetime, asset: str = "") -> dict[str, Any]:
    """Write a hold, as it is at its customer's time; ``asset`` spares a look at its code."""
    state = standing.state_at(hold, at)
    is_active = state == Hold.State.ACTIVE
    closed_at = hold.expires_at if state == Hold.State.EXPIRED else hold.closed_at
    return {
        "id": str(hold.pk),
        "key": hold.key,
        "customer_id": str(hold.customer_id),
        "asset": asset or hold.asset.code,
        "state": str(state),
        "reason": hold.reason,
        "requested": text(hold.requested),
        "captured": text(hold.captured),
        "remaining": text(subtract(hold.requested, hold.captured) if is_active else ZERO),
        "feature": hold.feature_key,
        "purpose": hold.purpose,
        "metadata": hold.metadata,
        "expires_at": _instant.to_representation(hold.expires_at),
        "created_at": _instant.to_representation(hold.created_at),
        "closed_at": None if closed_at is None else _instant.to_representation(closed_at),
    }


def captured(made: Capture) -> dict[str, Any]:
    """Write a capture."""
    settled_at = made.settled_at
    return {
        "id": str(made.pk),
        "hold_id": str(made.hold_id),
        "key": made.key,
        "amount": text(made.amount),
        "remaining": text(made.remaining),
        "transaction_id": None if made.transaction_id is None else str(made.transaction_id),
        "created_at": _instant.to_representation(made.created_at),
        "settled_at": None if settled_at is None else _instant.to_representation(settled_at),
    }


def seconds(count: int) -> timedelta:
    """Return so many seconds, as far as time goes; what is too long is refused as such."""
    return timedelta(seconds=max(-_MOST_SECONDS, min(count, _MOST_SECONDS)))


def _credit(hold: Hold, beyond: str) -> Credit:
    """Return how far a customer may owe; not asked for where nothing goes beyond its hold."""
    if beyond == Beyond.REJECT:
        return Credit(may_owe=False)
    return asking.credit_of(book_id=hold.book_id, customer_id=hold.customer_id)


def _denied(request: HttpRequest, caller: Caller, reserved: Reserved) -> HttpResponse:
    hold = reserved.hold
    facts = {"hold": hold.key, "reason": hold.reason}
    if hold.pk is not None:
        facts |= {"id": str(hold.pk), "asked": text(hold.requested)}
    # What others share with somebody is none of its business.
    if reserved.available is not None and caller.reach is None:
        facts["available"] = text(reserved.available)
    status = _STATUS.get(hold.reason, 403)
    detail = "Nothing is set aside, and this key stays denied: use another to try again."
    document = problems.document(request, status, code=hold.reason, detail=detail, facts=facts)
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(
        msgspec.json.encode(document),
        status=status,
        content_type=problems.MEDIA_TYPE,
        headers=headers,
    )
