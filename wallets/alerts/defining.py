"""Alerts: made once per book and key, changed, ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.money import ZERO, exact
from wallets import watches
from wallets.models import Alert, Wallet

Kind = Alert.Kind
MOST_DAYS: Final = 36_525  # a hundred years
_OF_DAYS: Final = {Kind.EXPIRY, Kind.RUN_OUT}
_MOST_EMAILS: Final = 20


def create(
    *,
    wallet: Wallet,
    key: str,
    kind: str,
    threshold: Decimal,
    at: datetime,
    emails: Collection[str] = (),
    feature_key: str = "",
) -> Alert:
    """
    Have a wallet's figure told when it crosses a threshold, once per book and key.

    ``threshold`` is an amount of credit (balance), percent (usage) or days (expiry, run_out). If
    the figure is beyond it already, that is told at once. Creating the same again changes nothing.

    Raises:
        InvalidInputError: no such kind, a threshold that cannot be, no address of mail.
        IdempotencyConflictError: the key already stands for another alert.
    """
    _check(kind, threshold)
    book_id = wallet.customer.book_id
    with transaction.atomic():
        alert, is_new = Alert.objects.get_or_create(
            book_id=book_id,
            key=inputs.key("key", key),
            defaults={
                "wallet": wallet,
                "kind": kind,
                "threshold": threshold,
                "emails": _addresses(emails),
                "subject_key": feature_key,
                "created_at": at,
            },
        )
        asked = (wallet.pk, kind, threshold, feature_key)
        if (alert.wallet_id, alert.kind, alert.threshold, alert.subject_key) != asked:
            raise IdempotencyConflictError(key=key)
        if is_new:
            watches.watch(wallet)
    return alert


def change(
    *, alert: Alert, threshold: Decimal | None = None, emails: Collection[str] | None = None
) -> Alert:
    """
    Change an alert's threshold or addresses; what is None stays. A new threshold arms it.

    Raises:
        InvalidInputError: a threshold that cannot be, no address of mail.
    """
    with transaction.atomic():
        alert = lock(alert)
        changed: dict[str, Any] = {}
        if emails is not None:
            changed["emails"] = _addresses(emails)
        if threshold is not None and threshold != alert.threshold:
            _check(alert.kind, threshold)
            changed |= {"threshold": threshold, "is_armed": True}
        for field, value in changed.items():
            setattr(alert, field, value)
        alert.save(update_fields=list(changed))
        watches.touch_wallets([alert.wallet_id])
    return alert


def end(*, alert: Alert, at: datetime) -> Alert:
    """Have an alert tell nothing any more, for good. Again changes nothing."""
    with transaction.atomic():
        alert = lock(alert)
        if alert.ended_at is None:
            alert.ended_at = at
            alert.save(update_fields=["ended_at"])
    return alert


def lock(alert: Alert) -> Alert:
    """Lock an alert until the transaction ends, and return it as it is."""
    alerts = Alert.objects.select_related("wallet__asset", "wallet__customer")
    return alerts.select_for_update(no_key=True, of=("self",)).get(pk=alert.pk)


def _check(kind: str, threshold: Decimal) -> None:
    inputs.choice("kind", kind, Kind.values)
    if exact(threshold) < ZERO or (not threshold and kind != Kind.BALANCE):
        remedy = "name a threshold above zero" + (", or zero" if kind == Kind.BALANCE else "")
        raise InvalidInputError(field="threshold", value=threshold, remedy=remedy)
    if kind in _OF_DAYS and threshold > MOST_DAYS:
        remedy = f"name at most {MOST_DAYS} days"
        raise InvalidInputError(field="threshold", value=threshold, remedy=remedy)


def _addresses(emails: Collection[str]) -> list[str]:
    if len(emails) > _MOST_EMAILS:
        remedy = f"name at most {_MOST_EMAILS}"
        raise InvalidInputError(field="emails", value=len(emails), remedy=remedy)
    for address in emails:
        try:
            validate_email(address)
        except ValidationError:
            remedy = "write an address like finance@example.com"
            raise InvalidInputError(field="emails", value=address, remedy=remedy) from None
    return sorted(set(emails))
