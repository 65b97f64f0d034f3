"""
Coupons: a percentage or an amount off, once, for some cycles, or for ever; and who redeemed them.

What has been redeemed counts against the limits for good, also if it is removed: a coupon that
could be taken back and used again would have no limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django.db import transaction

from billing import rechecking
from billing.models import Coupon, CouponRedemption, Feature, Subscription
from billing.rating.price import places_of
from ledger import inputs
from ledger.errors import ConflictError, IdempotencyConflictError, InvalidInputError
from ledger.integrity import taken
from ledger.metadata import canonical
from ledger.models import Asset, Book
from ledger.money import exact, text

_LONGEST_NAME: Final = 256
_PERCENTAGE_PLACES: Final = 6
_HUNDRED: Final = Decimal(100)


class CouponRefusedError(ConflictError):
    """
    The coupon cannot be redeemed for this subscription.

    ``reason`` is archived, expired, used_up, used_by_customer, already_applied, other_currency,
    other_book or subscription_ended.
    """

    code = "coupon_refused"

    def __init__(self, *, reason: str, **facts: object) -> None:
        super().__init__(reason=reason, **facts)
        self.reason = reason


def create(
    *,
    book: Book,
    key: str,
    name: str,
    kind: str,
    duration: str,
    at: datetime,
    percentage: Decimal | None = None,
    amount: Decimal | None = None,
    asset: Asset | None = None,
    periods: int | None = None,
    feature_keys: Sequence[str] = (),
    max_redemptions: int | None = None,
    max_redemptions_per_customer: int | None = 1,
    expires_at: datetime | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Coupon:
    """
    Make a coupon; its key is what customers type.

    It takes a percentage, or an amount of an asset per cycle, from charges for the features named,
    or from all. ``periods`` says for how many cycles, if its duration is periods.

    Raises:
        InvalidInputError: a percentage outside 0 … 100, an amount not above zero or without its
            asset, both or neither; periods where none belong, or none where some do; unknown
            features; a limit below one; an expiry that has passed.
        AlreadyExistsError: the book has a coupon with that key.
    """
    coupon = Coupon(
        book=book,
        key=inputs.slug("key", key),
        name=inputs.name("name", name, longest=_LONGEST_NAME),
        kind=inputs.choice("kind", kind, Coupon.Kind.values),
        duration=inputs.choice("duration", duration, Coupon.Duration.values),
        percentage=percentage,
        amount=amount,
        asset=asset,
        periods=periods,
        feature_keys=list(feature_keys),
        max_redemptions=_limit("max_redemptions", max_redemptions),
        max_redemptions_per_customer=_limit(
            "max_redemptions_per_customer", max_redemptions_per_customer
        ),
        expires_at=expires_at,
        metadata=json.loads(canonical(metadata or {})),
        created_at=at,
    )
    _check_worth(coupon)
    _check_periods(coupon)
    _check_features(coupon)
    with transaction.atomic(), taken(coupon=key):
        coupon.save(force_insert=True)
    return coupon


def update(
    *,
    coupon: Coupon,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    **limits: Any,
) -> Coupon:
    """
    Change what may change about a coupon: its name, metadata, and the limits given.

    ``limits`` are max_redemptions and expires_at, where None is without limit; what it takes off
    stays. A limit below what has been redeemed means that nobody else can redeem it.

    Raises:
        InvalidInputError: a malformed name or metadata, a limit below one.
    """
    assert limits.keys() <= {"max_redemptions", "expires_at"}, "what else there is stays"
    if name is not None:
        coupon.name = inputs.name("name", name, longest=_LONGEST_NAME)
    if metadata is not None:
        coupon.metadata = json.loads(canonical(metadata))
    if "max_redemptions" in limits:
        coupon.max_redemptions = _limit("max_redemptions", limits["max_redemptions"])
    coupon.expires_at = limits.get("expires_at", coupon.expires_at)
    coupon.save(update_fields=["name", "max_redemptions", "expires_at", "metadata"])
    return coupon


def archive(*, coupon: Coupon, at: datetime) -> Coupon:
    """Stop a coupon from being redeemed; what has been redeemed goes on. Again changes nothing."""
    Coupon.objects.filter(pk=coupon.pk, archived_at=None).update(archived_at=at)
    coupon.refresh_from_db()
    return coupon


def redeem(
    *, coupon: Coupon, subscription: Subscription, at: datetime, key: str = "", cause: str = ""
) -> CouponRedemption:
    """
    Use a coupon for a subscription, from ``at`` on.

    The same key again changes nothing; without one, each call redeems. Redemptions of one coupon
    come one after the other, so that its limits hold whoever is redeeming at the same time.

    Raises:
        CouponRefusedError: see its reasons.
        IdempotencyConflictError: the key stands for another subscription's redemption.
        InvalidInputError: a malformed key.
    """
    key = inputs.key("key", key or f"own:{uuid4().hex}", longest=255)
    with transaction.atomic():
        coupon = Coupon.objects.select_for_update().get(pk=coupon.pk)
        known = CouponRedemption.objects.filter(coupon=coupon, key=key).first()
        if known is not None:
            if known.subscription_id != subscription.pk:
                raise IdempotencyConflictError(key=key)
            return known
        if reason := _refusal(coupon, subscription, at):
            raise CouponRefusedError(
                reason=reason, coupon=coupon.key, subscription=subscription.key
            )
        rechecking.subscriptions({subscription.pk: at})
        return CouponRedemption.objects.create(
            coupon=coupon, subscription=subscription, key=key, redeemed_at=at, cause=cause
        )


def remove(*, redemption: CouponRedemption, at: datetime) -> CouponRedemption:
    """Take a coupon from a subscription, from ``at`` on. Again changes nothing."""
    removed_at = max(at, redemption.redeemed_at)
    with transaction.atomic():
        rechecking.subscriptions({redemption.subscription_id: removed_at})
        standing = CouponRedemption.objects.filter(pk=redemption.pk, removed_at=None)
        standing.update(removed_at=removed_at)
    redemption.refresh_from_db()
    return redemption


def _refusal(coupon: Coupon, subscription: Subscription, at: datetime) -> str:
    """Return why a coupon cannot be redeemed; nothing if it can."""
    redeemed = CouponRedemption.objects.filter(coupon=coupon)
    most, each = coupon.max_redemptions, coupon.max_redemptions_per_customer
    rules: dict[str, Callable[[], bool]] = {
        "other_book": lambda: coupon.book_id != subscription.book_id,
        "archived": lambda: coupon.archived_at is not None,
        "expired": lambda: coupon.expires_at is not None and coupon.expires_at <= at,
        "subscription_ended": lambda: (
            subscription.ends_at is not None and subscription.ends_at <= at
        ),
        "other_currency": lambda: (
            coupon.asset_id is not None and coupon.asset_id != subscription.asset_id
        ),
        "already_applied": lambda: redeemed.filter(
            subscription=subscription, removed_at=None
        ).exists(),
        "used_up": lambda: most is not None and redeemed.count() >= most,
        "used_by_customer": lambda: (
            each is not None
            and redeemed.filter(subscription__customer=subscription.customer_id).count() >= each
        ),
    }
    return next((reason for reason, is_broken in rules.items() if is_broken()), "")


def _check_worth(coupon: Coupon) -> None:
    if coupon.kind == Coupon.Kind.PERCENTAGE:
        _forbid("amount", coupon.amount, "a percentage takes no amount")
        _forbid("asset", coupon.asset and coupon.asset.code, "a percentage is of any currency")
        share = coupon.percentage
        if share is None or not share.is_finite() or not 0 < share <= _HUNDRED:
            raise InvalidInputError(
                field="percentage", value=_shown(share), remedy="send a number above 0, up to 100"
            )
        if places_of(share) > _PERCENTAGE_PLACES:
            remedy = f"use at most {_PERCENTAGE_PLACES} places"
            raise InvalidInputError(field="percentage", value=_shown(share), remedy=remedy)
        return
    _forbid("percentage", coupon.percentage, "an amount takes no percentage")
    if coupon.asset is None or coupon.asset.kind == Asset.Kind.UNIT:
        remedy = "name the currency or credit of the amount"
        value = coupon.asset and coupon.asset.code
        raise InvalidInputError(field="currency", value=value, remedy=remedy)
    amount = coupon.amount
    if amount is None or not amount.is_finite() or not amount > 0:
        raise InvalidInputError(
            field="amount", value=_shown(amount), remedy="send an amount above zero"
        )
    exact(amount, coupon.asset.scale)


def _check_periods(coupon: Coupon) -> None:
    if coupon.duration != Coupon.Duration.PERIODS:
        _forbid("periods", coupon.periods, f"it lasts {coupon.duration}")
    elif coupon.periods is None or coupon.periods < 1:
        remedy = "say for how many cycles, 1 or more"
        raise InvalidInputError(field="periods", value=coupon.periods, remedy=remedy)


def _check_features(coupon: Coupon) -> None:
    known = set(
        Feature.objects.filter(book=coupon.book, key__in=coupon.feature_keys).values_list(
            "key", flat=True
        )
    )
    for place, key in enumerate(coupon.feature_keys):
        if key not in known:
            remedy = "name a feature of the book"
            raise InvalidInputError(field=f"feature_keys[{place}]", value=key, remedy=remedy)


def _forbid(field: str, value: object, why: str) -> None:
    if value is not None:
        raise InvalidInputError(field=field, value=value, remedy=f"leave it out: {why}")


def _limit(field: str, value: int | None) -> int | None:
    if value is not None and not 1 <= value < 2**31:
        raise InvalidInputError(field=field, value=value, remedy="send 1 or more, or nothing")
    return value


def _shown(number: Decimal | None) -> str | None:
    return number if number is None else text(number)
