"""Make budgets, change what may change, end them, and allow more than their amount."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import F

from billing.budgets import recounting, using
from billing.budgets.periods import period_of
from billing.models import Budget, BudgetApproval, BudgetUse, Feature, Meter
from ledger import durations, inputs
from ledger.errors import ConflictError, IdempotencyConflictError, InvalidInputError
from ledger.integrity import taken
from ledger.models import Asset, Customer
from ledger.money import ZERO, exact
from ledger.periods import month_of

_SHORTEST: Final = durations.Duration(3600, durations.Unit.SECOND)
_MOST_LABELS: Final = 10
_LONGEST_LABEL: Final = 200
_MOST_THRESHOLDS: Final = 20
_HIGHEST: Final = Decimal(1000)  # percent
_PERCENT_PLACES: Final = 3


class BudgetEndedError(ConflictError):
    """The budget has ended; make another."""

    code = "budget_ended"


def create(
    *,
    customer: Customer,
    key: str,
    asset: Asset,
    amount: Decimal,
    at: datetime,
    cadence: str = "P1M",
    feature_key: str = "",
    labels: Mapping[str, str] | None = None,
    action: str = Budget.Action.BLOCK,
    warn_at: Collection[Decimal] = (),
    anchor: datetime | None = None,
    time_zone: str = "",
    name: str = "",
) -> Budget:
    """
    Bound what a customer and all below it may spend every ``cadence``.

    In money or credits (``asset`` is what prices are in) or in units of meters; of one feature or
    of all, of usage with certain labels or of all. Periods count from ``anchor`` (the start of the
    month) on the wall clock of ``time_zone`` (the book's). What the period has seen so far counts.

    Raises:
        InvalidInputError: an unknown feature, an amount below zero, a cadence below an hour, …
        PrecisionError: the amount is finer than the asset is kept.
        AlreadyExistsError: another budget of the book has the key.
    """
    zone = inputs.time_zone("time_zone", time_zone or customer.book.time_zone)
    budget = Budget(
        book_id=customer.book_id,
        customer=customer,
        key=inputs.key("key", key),
        name=inputs.name("name", name, may_be_empty=True),
        asset=asset,
        feature_key=_feature(customer, feature_key),
        labels=_labels(labels or {}),
        amount=_amount(amount, asset),
        cadence=_cadence(cadence),
        anchor=anchor or month_of(at, zone).starts_at,
        time_zone=zone.key,
        action=inputs.choice("action", action, Budget.Action.values),
        warn_at=_thresholds(warn_at),
        created_at=at,
    )
    with transaction.atomic():
        using.wait_for_usage(customer.book_id)
        with taken(budget=key):
            budget.save(force_insert=True)
        recounting.begin(budget, at=at)
    return budget


def update(
    *,
    budget: Budget,
    name: str | None = None,
    amount: Decimal | None = None,
    action: str | None = None,
    warn_at: Collection[Decimal] | None = None,
) -> Budget:
    """
    Change a budget from now on; what is None stays.

    Raises:
        InvalidInputError, PrecisionError: as ``create``.
        BudgetEndedError: it has ended.
    """
    with transaction.atomic():
        budget = _locked(budget)
        if name is not None:
            budget.name = inputs.name("name", name, may_be_empty=True)
        if amount is not None:
            budget.amount = _amount(amount, budget.asset)
        if action is not None:
            budget.action = inputs.choice("action", action, Budget.Action.values)
        if warn_at is not None:
            budget.warn_at = _thresholds(warn_at)
        budget.save(update_fields=["name", "amount", "action", "warn_at"])
    return budget


def end(*, budget: Budget, at: datetime) -> Budget:
    """Have a budget bound nothing any more. Again changes nothing."""
    Budget.objects.filter(pk=budget.pk, ended_at=None).update(ended_at=at)
    budget.refresh_from_db()
    return budget


def approve(
    *, budget: Budget, key: str, extra: Decimal, at: datetime, cause: str, reason: str = ""
) -> BudgetApproval:
    """
    Allow ``extra`` beyond a budget's amount in the period that holds ``at``, once per key.

    Raises:
        InvalidInputError: nothing to allow, a malformed key.
        PrecisionError: it is finer than the asset is kept.
        IdempotencyConflictError: the key stands for another amount.
        BudgetEndedError: it has ended.
    """
    if not extra > ZERO:
        raise InvalidInputError(field="extra", value=extra, remedy="allow more than zero")
    with transaction.atomic():
        budget = _locked(budget)
        starts_at = period_of(budget.anchor, budget.cadence, budget.time_zone, at).starts_at
        approval, is_new = BudgetApproval.objects.get_or_create(
            budget=budget,
            key=inputs.key("key", key, longest=255),
            defaults={
                "starts_at": starts_at,
                "extra": exact(extra, budget.asset.scale),
                "cause": cause,
                "reason": reason,
                "approved_at": at,
            },
        )
        if not is_new and approval.extra != extra:
            raise IdempotencyConflictError(key=key)
        if is_new:
            BudgetUse.objects.get_or_create(budget=budget, starts_at=starts_at)
            period = BudgetUse.objects.filter(budget=budget, starts_at=starts_at)
            period.update(extra=F("extra") + extra)
    return approval


def _locked(budget: Budget) -> Budget:
    found = (
        Budget.objects.select_for_update(no_key=True, of=("self",))
        .select_related("asset", "customer")
        .get(pk=budget.pk)
    )
    if found.ended_at is not None:
        raise BudgetEndedError(budget=found.key, ended_at=found.ended_at.isoformat())
    return found


def _feature(customer: Customer, key: str) -> str:
    if not key:
        return ""
    is_known = (
        Feature.objects.filter(book_id=customer.book_id, key=key).exists()
        or Meter.objects.filter(book_id=customer.book_id, feature_key=key).exists()
    )
    if not is_known:
        remedy = "name a feature of the book, or none for all"
        raise InvalidInputError(field="feature", value=key, remedy=remedy)
    return key


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    if len(labels) > _MOST_LABELS:
        remedy = f"name at most {_MOST_LABELS}"
        raise InvalidInputError(field="labels", value=len(labels), remedy=remedy)
    return {
        inputs.name("labels", name): inputs.name(f"labels.{name}", value, longest=_LONGEST_LABEL)
        for name, value in labels.items()
    }


def _amount(amount: Decimal, asset: Asset) -> Decimal:
    if exact(amount, asset.scale) < ZERO:
        raise InvalidInputError(field="amount", value=amount, remedy="allow zero or more")
    return amount


def _cadence(cadence: str) -> str:
    found = durations.parse("cadence", cadence)
    if found.unit is durations.Unit.SECOND and found.count < _SHORTEST.count:
        remedy = "name at least one hour (PT1H)"
        raise InvalidInputError(field="cadence", value=cadence, remedy=remedy)
    return str(found)


def _thresholds(warn_at: Collection[Decimal]) -> list[Decimal]:
    if len(warn_at) > _MOST_THRESHOLDS:
        remedy = f"name at most {_MOST_THRESHOLDS}"
        raise InvalidInputError(field="warn_at", value=len(warn_at), remedy=remedy)
    for percent in warn_at:
        if not ZERO < exact(percent, _PERCENT_PLACES) <= _HIGHEST:
            remedy = f"name percents above 0, up to {_HIGHEST}"
            raise InvalidInputError(field="warn_at", value=percent, remedy=remedy)
    return sorted(set(warn_at))
