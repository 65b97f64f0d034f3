"""What a payment does to a top-up: it is awaited, authorised, settled, or fails."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from ledger import inputs
from ledger.errors import IdempotencyConflictError
from ledger.integrity import taken
from ledger.sweeps import Sweep
from wallets.errors import TopUpStateError
from wallets.models import TopUp
from wallets.topups import booking, declines
from wallets.topups.history import note
from wallets.topups.refunding import take_back
from wallets.topups.standing import check_open, lock, tie

State = TopUp.State
_CHUNK: Final = 100
UNPAID: Final = "It was not paid in time."


def await_payment(*, top_up: TopUp, at: datetime, cause: str = "") -> TopUp:
    """
    Note that the rail has been asked for the payment. Again changes nothing.

    Raises:
        TopUpStateError: it has been settled, refunded, or has failed.
    """
    with transaction.atomic():
        top_up = lock(top_up)
        check_open(top_up)
        if top_up.state == State.REQUESTED:
            top_up.state = State.AWAITING_PAYMENT
            top_up.save(update_fields=["state"])
            note(top_up, at=at, cause=cause)
    return top_up


def authorise(*, top_up: TopUp, payment_key: str, at: datetime, cause: str = "") -> TopUp:
    """
    Tie a top-up to a payment that the rail has promised. The same payment again changes nothing.

    Raises:
        TopUpStateError: it has been settled or refunded, or has failed.
        IdempotencyConflictError: the payment is another top-up's, or the top-up another payment's.
    """
    with transaction.atomic():
        top_up = lock(top_up)
        check_open(top_up)
        tie(top_up, payment_key)
        if top_up.state == State.AUTHORISED:
            return top_up
        if top_up.availability == TopUp.Availability.ON_AUTHORISATION:
            booking.issue(top_up, at=at, is_paid=False)
        top_up.state = State.AUTHORISED
        with taken(payment_key=payment_key):
            top_up.save(update_fields=["state", "payment_key", "grant"])
        note(top_up, at=at, cause=cause)
    return top_up


def settle(*, top_up: TopUp, payment_key: str, at: datetime, cause: str = "") -> TopUp:
    """
    Have the money of a top-up come in, and issue its credit if that is not there yet.

    ``payment_key`` is the rail's own name of the payment, or what finance finds it by. The same
    payment again changes nothing, also by somebody else at the same time.

    Raises:
        TopUpStateError: it has been refunded, or has failed: enter late money as a new top-up.
        IdempotencyConflictError: the payment is another top-up's, or the top-up another payment's.
        PeriodClosedError: the books are closed at ``at``.
    """
    with transaction.atomic():
        top_up = lock(top_up)
        if top_up.state == State.SETTLED and top_up.payment_key == payment_key:
            return top_up
        if top_up.state == State.SETTLED:
            raise IdempotencyConflictError(top_up=top_up.key, payment=top_up.payment_key)
        check_open(top_up)
        tie(top_up, payment_key)
        if top_up.grant is None:
            booking.issue(top_up, at=at, is_paid=True)
        else:
            booking.pay(top_up, at=at)
        top_up.state, top_up.settled_at = State.SETTLED, at
        with taken(payment_key=payment_key):
            top_up.save(update_fields=["state", "payment_key", "grant", "settled_at"])
        note(top_up, at=at, cause=cause)
        declines.forget(top_up)
    return top_up


def fail(*, top_up: TopUp, reason: str, at: datetime, cause: str = "") -> TopUp:
    """
    Note that a top-up will not be paid. Again changes nothing.

    Credit that was there before is taken back as far as it is unused; the customer owes the rest.
    The rule that asked for it rests, or stops.

    Raises:
        InvalidInputError: no reason.
        TopUpStateError: it has been settled: refund it.
    """
    reason = inputs.name("reason", reason, longest=500)
    with transaction.atomic():
        top_up = lock(top_up)
        if top_up.state == State.FAILED:
            return top_up
        check_open(top_up)
        if top_up.grant is not None:
            take_back(top_up, reason=reason, at=at, is_paid=False)
        top_up.state, top_up.reason, top_up.closed_at = State.FAILED, reason, at
        top_up.save(update_fields=["state", "reason", "closed_at", "taken_back", "money_back"])
        note(top_up, at=at, reason=reason, cause=cause)
        declines.count(top_up, reason=reason, at=at)
    return top_up


def expire_unpaid(*, at: datetime) -> Sweep:
    """
    Fail what has been asked for and not paid in time, by each customer's clock; say how many.

    Safe to run twice, late, or concurrently.
    """
    bounds: dict[str, Any] = {"at": at, "days": settings.METERBOOK_TOPUP_DAYS, "last": 0}
    sweep = Sweep()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_UNPAID, {**bounds, "limit": _CHUNK})
            found = cursor.fetchall()
        for number, customers_time in found:
            bounds["last"] = number
            with sweep.each(number):
                sweep.done += _expire(number, customers_time)
        if len(found) < _CHUNK:
            return sweep


def _expire(number: int, at: datetime) -> bool:
    try:
        fail(top_up=TopUp(pk=number), reason=UNPAID, at=at, cause="expiry")
    except TopUpStateError:
        return False  # it was paid in this very moment
    return True


# By the time that the customer lives by.
_UNPAID: Final = """
    SELECT t.id, coalesce(k.now_at, %(at)s)
    FROM wallets_topup t
    JOIN wallets_wallet w ON w.id = t.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE t.state IN ('requested', 'awaiting_payment')
      AND t.created_at <= coalesce(k.now_at, %(at)s) - %(days)s * interval '1 day'
      AND t.id > %(last)s
    ORDER BY t.id LIMIT %(limit)s
"""
