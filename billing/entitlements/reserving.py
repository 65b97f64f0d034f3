"""
Setting aside what a call will cost, in the step that allows it.

A hold is in money if the call costs any, else in units of an allowance that has an end. What was
answered under a key is answered again: an active hold is returned, a refusal stays one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import psycopg
from django.db import IntegrityError

from billing.budgets import uses
from billing.entitlements.answers import Answer, Reason
from billing.entitlements.cases import Case
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.metadata import canonical
from ledger.money import text
from wallets import holds
from wallets.holds import Credit, Order
from wallets.models import Hold

_REACHED: Final = "billing_budget_reached"  # the constraint by which the database says it


class _Wanted(NamedTuple):
    """What is to be set aside."""

    asset_id: int
    amount: Decimal
    feature_key: str
    credit: Credit
    is_money: bool
    scale: int  # of the asset


def settle(*, book_id: int, cases: Sequence[Case], answers: Sequence[Answer]) -> list[Answer]:
    """
    Return answers with the holds that were asked for.

    Raises:
        InvalidInputError: neither quantity nor cost, an unusable key, a time out of bounds.
        IdempotencyConflictError: a key stands for another question.
    """
    keys = [case.ask.reserve.key for case in cases if case.ask.reserve is not None]
    if not keys:
        return list(answers)
    storable = [key for key in keys if "\0" not in key]  # others are refused further on
    known = {one.key: one for one in Hold.objects.filter(book=book_id, key__in=storable)}
    return [
        answer if case.ask.reserve is None else _settle(book_id, case, answer, known)
        for case, answer in zip(cases, answers, strict=True)
    ]


def _settle(book_id: int, case: Case, answer: Answer, known: Mapping[str, Hold]) -> Answer:
    ask = case.ask
    if ask.quantity is None and ask.cost is None:
        remedy = "send the quantity or the cost to be set aside"
        raise InvalidInputError(field="quantity", value=None, remedy=remedy)
    wanted = _wanted(case)
    if wanted is None:
        return answer
    order = _order(book_id, case, answer, wanted)
    hold = known.get(order.key)
    if hold is None:
        hold = _reserve(order, case)
    elif bytes(hold.fingerprint) != order.fingerprint:
        raise IdempotencyConflictError(key=order.key)
    reason = _reason(hold, case.at)
    return replace(answer, hold=hold, is_allowed=reason is Reason.ALLOWED, reason=reason)


def _wanted(case: Case) -> _Wanted | None:
    """Return what is to be set aside; None if the call takes nothing that has an end."""
    money, ask = case.money, case.ask
    if money is not None and money.cost:
        credit = Credit(may_owe=money.may_owe, limit=money.limit)
        place = (money.asset_id, money.cost, money.feature_key, credit)
        return _Wanted(*place, is_money=True, scale=money.scale)
    if not ask.quantity or case.meter is None or not case.is_limited or case.is_soft:
        return None
    credit = Credit(may_owe=False)
    place = (case.meter.unit_id, ask.quantity, ask.feature_key, credit)
    return _Wanted(*place, is_money=False, scale=case.meter.scale)


def _order(book_id: int, case: Case, answer: Answer, wanted: _Wanted) -> Order:
    ask, reserve, party = case.ask, case.ask.reserve, case.party
    assert reserve is not None, "it asks to reserve"
    assert party is not None, "it is about somebody"
    asked = {
        "feature": ask.feature_key,
        "quantity": None if ask.quantity is None else text(ask.quantity),
        "cost": None if ask.cost is None else text(ask.cost),
        "labels": dict(ask.labels),
    }
    return Order(
        book_id=book_id,
        customer_id=party.id,
        asset_id=wanted.asset_id,
        scale=wanted.scale,
        key=reserve.key,
        amount=wanted.amount,
        at=case.at,
        expires_in=reserve.expires_in,
        feature_key=wanted.feature_key,
        purpose=reserve.purpose,
        credit=wanted.credit,
        metadata={"asked": asked},
        budget_ids=_budgets(case, wanted) if answer.is_allowed else (),
        refused_for="" if answer.is_allowed else answer.reason.value,
        short_of=(Reason.CREDIT_EXHAUSTED if wanted.is_money else Reason.USAGE_LIMIT_REACHED).value,
        content=canonical(asked).encode(),
    )


def _budgets(case: Case, wanted: _Wanted) -> tuple[int, ...]:
    """Return the periods of budgets that count the hold."""
    counting = [limit for limit in case.limits if limit.is_money is wanted.is_money]
    missing = [(one.budget.id, one.starts_at) for one in counting if not one.use.id]
    opened = uses.open_all(missing)
    return tuple(one.use.id or opened[one.budget.id, one.starts_at] for one in counting)


def _reserve(order: Order, case: Case) -> Hold:
    try:
        return holds.reserve(order).hold
    except IntegrityError as error:
        if not is_budget_reached(error):
            raise
    # Others have come to the budget's end in the meantime.
    needs_leave = any(one.budget.action == "approve" for one in case.limits)
    reason = Reason.APPROVAL_NEEDED if needs_leave else Reason.BUDGET_REACHED
    return holds.reserve(replace(order, refused_for=reason.value, budget_ids=())).hold


def is_budget_reached(error: IntegrityError) -> bool:
    """Say whether the database refused to hold more than a budget has."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.constraint_name == _REACHED


def _reason(hold: Hold, at: datetime) -> Reason:
    if hold.state == Hold.State.ACTIVE and hold.expires_at > at:
        return Reason.ALLOWED
    if hold.state != Hold.State.DENIED:
        return Reason.HOLD_CLOSED
    return Reason(hold.reason) if hold.reason in set(Reason) else Reason.HOLD_DENIED
