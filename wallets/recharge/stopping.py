"""The emergency stop: no rule of a book buys anything until it is ended."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ledger import inputs
from ledger.models import Book
from wallets import watches
from wallets.errors import RechargeStateError
from wallets.models import RechargeRule, RechargeStop


def stop_all(*, book: Book, reason: str, at: datetime, cause: str = "") -> RechargeStop:
    """
    Stop all automatic recharges of a book, for whatever is evaluated from now on.

    What has been asked for stays. Stopping again changes nothing and returns the first stop.

    Raises:
        InvalidInputError: no reason.
    """
    stop, _ = RechargeStop.objects.get_or_create(
        book=book,
        ended_at=None,
        defaults={
            "reason": inputs.name("reason", reason, longest=500),
            "cause": cause,
            "started_at": at,
        },
    )
    return stop


def end_stop(*, stop: RechargeStop, at: datetime) -> RechargeStop:
    """
    End a stop, and have all wallets with rules looked at. Again changes nothing.

    Raises:
        RechargeStateError: ``at`` is before it began.
    """
    with transaction.atomic():
        stop = RechargeStop.objects.select_for_update(no_key=True).get(pk=stop.pk)
        if stop.ended_at is not None:
            return stop
        if at < stop.started_at:
            raise RechargeStateError(stop=stop.pk, started_at=stop.started_at.isoformat())
        stop.ended_at = at
        stop.save(update_fields=["ended_at"])
        rules = RechargeRule.objects.filter(wallet__customer__book=stop.book_id)
        watches.touch_wallets(rules.values_list("wallet", flat=True).distinct().order_by())
    return stop
