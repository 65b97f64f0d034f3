"""Ask for credit to be bought, once per key."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset
from wallets import issuing
from wallets.models import RechargeRule, TopUp, Wallet
from wallets.topups import booking
from wallets.topups.history import note
from wallets.topups.pricing import currency_of, price_of

State = TopUp.State
Availability = TopUp.Availability
MANUAL: Final = "manual"
_RULES: Final = "recharge:"  # how keys of top-ups begin that rules ask for


def request(
    *,
    wallet: Wallet,
    key: str,
    amount: Decimal,
    at: datetime,
    currency: Asset | None = None,
    availability: str = Availability.ON_SETTLEMENT,
    rail: str = MANUAL,
    priority: int = 100,
    expires_at: datetime | None = None,
    feature_keys: Collection[str] = (),
    rule: RechargeRule | None = None,
    cause: str = "",
) -> TopUp:
    """
    Ask for credit to be bought, once per book and key, and return the top-up.

    What it costs is settled now, in ``currency`` (the wallet's, or the book's). The manual rail
    awaits payment at once: finance confirms it (``settle``). The grant pays from when it is
    issued until ``expires_at``. Asking the same again changes nothing, whatever a credit costs by
    then.

    Raises:
        InvalidInputError: no amount above zero, no price in that currency, unusable terms, …
        PrecisionError: the amount is finer than it can be paid.
        IdempotencyConflictError: the key already stands for another top-up.
    """
    inputs.key("key", key)
    if rule is None and key.startswith(_RULES):
        raise InvalidInputError(field="key", value=key, remedy=f"begin it otherwise than {_RULES}")
    inputs.choice("availability", availability, Availability.values)
    with transaction.atomic():
        # One at a time per wallet, so that the second of two equal calls finds the first one's.
        wallet = (
            Wallet.objects.select_for_update(no_key=True, of=("self",))
            .select_related("asset", "customer__book")
            .get(pk=wallet.pk)
        )
        asked: dict[str, Any] = {
            "wallet_id": wallet.pk,
            "amount": amount,
            "currency_id": (currency := currency or currency_of(wallet)).pk,
            "availability": availability,
            "rail": rail,
            "rule_id": rule.pk if rule else None,
            "terms": _terms(priority, expires_at, feature_keys, at),
        }
        first = TopUp.objects.filter(book=wallet.customer.book_id, key=key).first()
        if first is not None:
            return _same(first, asked)
        return _open(wallet, key, asked, currency, at=at, cause=cause)


def _open(
    wallet: Wallet, key: str, asked: dict[str, Any], currency: Asset, *, at: datetime, cause: str
) -> TopUp:
    price = price_of(wallet=wallet, amount=asked["amount"], currency=currency, at=at)
    issuing.check(
        scale=wallet.asset.scale,
        amount=asked["amount"],
        funding="paid",
        priority=asked["terms"]["priority"],
        cost_basis=None,
    )
    top_up = TopUp(
        book_id=wallet.customer.book_id,
        key=key,
        price=price.amount,
        state=State.REQUESTED,
        cause=cause,
        created_at=at,
        **asked,
    )
    top_up.save(force_insert=True)
    top_up.wallet = wallet
    note(top_up, at=at, cause=cause)
    if top_up.availability == Availability.ON_CREATION:
        booking.issue(top_up, at=at, is_paid=False)
        top_up.save(update_fields=["grant"])
    if top_up.rail == MANUAL:
        top_up.state = State.AWAITING_PAYMENT
        top_up.save(update_fields=["state"])
        note(top_up, at=at, cause=cause)
    return top_up


def _terms(
    priority: int, expires_at: datetime | None, feature_keys: Collection[str], at: datetime
) -> dict[str, Any]:
    if expires_at is not None and expires_at <= at:
        remedy = "let it end after it starts"
        raise InvalidInputError(field="expires_at", value=expires_at.isoformat(), remedy=remedy)
    return {
        "priority": priority,
        "expires_at": expires_at.isoformat() if expires_at else None,
        "feature_keys": sorted({inputs.key("feature_keys", name) for name in feature_keys}),
    }


def _same(first: TopUp, asked: dict[str, Any]) -> TopUp:
    if any(getattr(first, field) != value for field, value in asked.items() if field != "rail"):
        raise IdempotencyConflictError(key=first.key)  # it may be somebody else's
    return first
