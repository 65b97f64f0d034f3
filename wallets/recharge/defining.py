"""Rules of automatic recharge: made once per wallet and key, changed, paused, resumed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from ledger import durations, inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset
from ledger.money import exact
from wallets import topups, watches
from wallets.errors import RechargeStateError
from wallets.models import RechargeRule, Wallet

State = RechargeRule.State
Method = RechargeRule.Method
_SHORTEST: Final = durations.Duration(3600, durations.Unit.SECOND)
_TERMS: Final = (
    "trigger", "threshold", "interval", "anchor", "time_zone", "method", "amount", "most_per_day",
    "most_per_month", "rail", "currency_id",
)  # fmt: skip


def create(
    *,
    wallet: Wallet,
    key: str,
    method: str,
    amount: Decimal,
    at: datetime,
    threshold: Decimal | None = None,
    interval: str = "",
    anchor: datetime | None = None,
    time_zone: str = "",
    most_per_day: Decimal | None = None,
    most_per_month: Decimal | None = None,
    currency: Asset | None = None,
    rail: str = "manual",
) -> RechargeRule:
    """
    Have a wallet's credit bought by itself, once per wallet and key, and return the rule.

    It buys when what the wallet has to spend, and what is on its way, falls below ``threshold``; or
    every ``interval``, counted from ``anchor`` (now), which is when it buys first. It buys
    ``amount`` ("fixed") or up to ``amount`` ("target"). Days and months of the caps are those of
    ``time_zone`` (the book's). Creating the same again changes nothing.

    Raises:
        InvalidInputError: not one of threshold and interval, a target that is not above the
            threshold, no price for the credit in that currency, …
        PrecisionError: an amount is finer than it can be paid.
        IdempotencyConflictError: the key already stands for another rule.
    """
    wallet = Wallet.objects.select_related("asset", "customer__book").get(pk=wallet.pk)
    currency = currency or topups.currency_of(wallet)
    rule = RechargeRule(
        wallet=wallet,
        key=inputs.key("key", key),
        trigger="interval" if interval else "threshold",
        threshold=threshold,
        interval=str(durations.parse("interval", interval)) if interval else "",
        anchor=(anchor or at) if interval else None,
        time_zone=inputs.time_zone("time_zone", time_zone or wallet.customer.book.time_zone).key,
        method=inputs.choice("method", method, Method.values),
        amount=amount,
        most_per_day=most_per_day,
        most_per_month=most_per_month,
        currency=currency,
        rail=rail,
        created_at=at,
    )
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        first = RechargeRule.objects.filter(wallet=wallet, key=key).first()
        if first is not None:
            return _same(first, rule, is_anchored=anchor is not None)
        _check(rule, at)
        rule.due_at = rule.anchor
        rule.save(force_insert=True)
        watches.watch(wallet)
    return rule


def change(*, rule: RechargeRule, at: datetime, **terms: Any) -> RechargeRule:
    """
    Change some of a rule's terms: ``threshold``, ``amount``, ``most_per_day``, ``most_per_month``.

    It looks at the wallet anew, at once if it rested at a cap.

    Raises:
        InvalidInputError, PrecisionError: see ``create``.
    """
    assert terms.keys() <= {"threshold", "amount", "most_per_day", "most_per_month"}
    with transaction.atomic():
        rule = lock(rule)
        for field, value in terms.items():
            setattr(rule, field, value)
        _check(rule, at)
        if rule.state == State.ACTIVE and not rule.declines:
            _begin_anew(rule)
        rule.save(update_fields=[*terms, "reason", "declines", "rests_until", "due_at"])
        watches.watch(rule.wallet)
    return rule


def pause(*, rule: RechargeRule, reason: str) -> RechargeRule:
    """
    Have a rule buy nothing until it is resumed. What it has asked for stays. Again: nothing more.

    Raises:
        InvalidInputError: no reason.
        RechargeStateError: it has stopped.
    """
    reason = inputs.name("reason", reason, longest=500)
    with transaction.atomic():
        rule = lock(rule)
        if rule.state == State.STOPPED:
            raise RechargeStateError(rule=rule.key, state=rule.state)
        rule.state, rule.reason = State.PAUSED, reason
        rule.save(update_fields=["state", "reason"])
    return rule


def resume(*, rule: RechargeRule) -> RechargeRule:
    """Have a rule that paused, stopped or rests begin anew, its declines forgotten."""
    with transaction.atomic():
        rule = lock(rule)
        rule.state = State.ACTIVE
        _begin_anew(rule)
        rule.save(update_fields=["state", "reason", "declines", "rests_until", "due_at"])
        watches.watch(rule.wallet)
    return rule


def lock(rule: RechargeRule) -> RechargeRule:
    """
    Lock a rule and its wallet until the transaction ends, before its top-ups, and return it.

    The wallet, too, so that of two rules the second counts what the first has asked for.
    """
    rules = RechargeRule.objects.select_related("wallet__asset", "wallet__customer", "currency")
    return rules.select_for_update(no_key=True, of=("self", "wallet")).get(pk=rule.pk)


def _begin_anew(rule: RechargeRule) -> None:
    rests = rule.rests_until is not None
    rule.declines, rule.rests_until, rule.reason = 0, None, ""
    if rule.trigger == RechargeRule.Trigger.THRESHOLD:
        rule.due_at = None
    elif rests or rule.due_at is None:
        rule.due_at = rule.anchor  # what was due is due now


def _same(first: RechargeRule, asked: RechargeRule, *, is_anchored: bool) -> RechargeRule:
    terms = [name for name in _TERMS if name != "anchor" or is_anchored]
    if any(getattr(first, name) != getattr(asked, name) for name in terms):
        raise IdempotencyConflictError(key=first.key)
    return first


def _check(rule: RechargeRule, at: datetime) -> None:
    if (rule.threshold is None) != bool(rule.interval):
        raise _refused("threshold", rule.threshold, "name either a threshold or an interval")
    if rule.interval:
        length = durations.parse("interval", rule.interval)
        if length.unit is durations.Unit.SECOND and length.count < _SHORTEST.count:
            raise _refused("interval", rule.interval, "name at least one hour (PT1H)")
    exact(rule.threshold or 0, rule.wallet.asset.scale)
    topups.price_of(wallet=rule.wallet, amount=rule.amount, currency=rule.currency, at=at)
    is_target = rule.method == Method.TARGET
    if is_target and rule.threshold is not None and rule.amount <= rule.threshold:
        raise _refused("amount", rule.amount, "name a target above the threshold")
    for field in ("most_per_day", "most_per_month"):
        _check_cap(field, getattr(rule, field), None if is_target else rule.amount)


def _check_cap(field: str, most: Decimal | None, one: Decimal | None) -> None:
    if most is None:
        return
    if not exact(most) > 0:
        raise _refused(field, most, "name an amount above zero, or none for no cap")
    if one is not None and most < one:
        raise _refused(field, most, "allow at least one charge")


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)
