"""
One question with all that is known about it, and how it is decided (pure).

A reason is the first that applies: who asks, the feature, its limit, budgets, credit. What is left
is told in every dimension all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.budgets.matching import OpenBudget
from billing.budgets.uses import NOTHING, Use
from billing.entitlements.answers import Answer, Ask, Reason, Remaining
from billing.entitlements.estimates import Quote
from billing.entitlements.parties import Party
from billing.entitlements.rights import Right
from billing.entitlements.sale import Sold
from billing.metering.compiling import CompiledMeter
from billing.models import Budget, Entitlement
from ledger.money import ZERO, add


@dataclass(slots=True, kw_only=True)
class Money:
    """What it costs, in which asset, and how the customer may pay."""

    asset_id: int
    code: str
    scale: int  # of the asset
    feature_key: str  # what credit must be for
    may_owe: bool
    limit: Decimal | None  # of credit; none: without end, if it may owe
    cost: Decimal | None = None  # none: nobody knows how much
    lots: Decimal = ZERO
    room: Decimal | None = None  # what may still be owed; none: without end

    @property
    def is_short(self) -> bool:
        """Whether credit does not cover it; of an unknown cost, whether there is none at all."""
        if self.room is None:
            return False
        left = add(self.lots, self.room)
        return left <= ZERO if self.cost is None else self.cost > left

    def remaining(self) -> list[Remaining]:
        """Return what is left."""
        found = []
        if self.lots or not self.may_owe:
            found.append(self._left("wallet", self.lots))
        if self.may_owe and self.limit is not None and self.room is not None:
            found.append(self._left("credit_limit", self.room, self.limit))
        return found

    def _left(self, kind: str, amount: Decimal, limit: Decimal | None = None) -> Remaining:
        return Remaining(
            kind=kind, key="", asset=self.code, amount=amount, is_money=True, limit=limit
        )


@dataclass(slots=True, kw_only=True)
class Limit:
    """A budget that counts it."""

    budget: OpenBudget
    is_money: bool  # it counts what is spent, or else units
    starts_at: datetime
    ends_at: datetime
    amount: Decimal | None = None  # what of it would be used; none: nobody knows how much
    use: Use = NOTHING

    @property
    def left(self) -> Decimal:
        """Return what is left of it."""
        return self.use.left(self.budget.amount)

    @property
    def is_short(self) -> bool:
        """Whether it would be exceeded; by an unknown amount, whether nothing is left."""
        return self.left <= ZERO if self.amount is None else self.amount > self.left

    @property
    def reason(self) -> Reason | None:
        """Return why it says no, if it does."""
        if not self.is_short or self.budget.action == Budget.Action.WARN:
            return None
        needs_leave = self.budget.action == Budget.Action.APPROVE
        return Reason.APPROVAL_NEEDED if needs_leave else Reason.BUDGET_REACHED

    def remaining(self) -> Remaining:
        """Return what is left, and until when."""
        return Remaining(
            kind="budget",
            key=self.budget.key,
            asset=self.budget.asset_code,
            amount=self.left,
            is_money=self.is_money,
            limit=self.budget.amount,
            resets_at=self.ends_at,
        )


@dataclass(slots=True, kw_only=True)
class Case:
    """A question, who and what it is about, and what was found out."""

    ask: Ask
    party: Party | None
    at: datetime  # the customer's time
    sold: Sold | None = None
    meter: CompiledMeter | None = None
    unit: str = ""  # the asset that the meter counts in
    quote: Quote | None = None
    rights: list[Right] = field(default_factory=list)  # to the feature, the nearest first
    refusal: Reason | None = None  # whatever is left
    money: Money | None = None
    allowance: Decimal | None = None  # what is left of it; none: there is no limit
    limits: list[Limit] = field(default_factory=list)

    @property
    def is_real_time(self) -> bool:
        """Whether the customer lives by no test clock."""
        return self.party is not None and self.party.now_at is None

    @property
    def right(self) -> Right | None:
        """Return the entitlement that speaks for all: the customer's own, or the nearest above."""
        return self.rights[0] if self.rights else None

    @property
    def nearest(self) -> list[Right]:
        """Return the entitlements that decide: its own, or those of the nearest above."""
        return [one for one in self.rights if one.customer_id == self.rights[0].customer_id]

    @property
    def is_limited(self) -> bool:
        """Whether an allowance bounds it; one without a limit lifts all others."""
        metered = [one for one in self.nearest if one.kind == Entitlement.Kind.METERED]
        return bool(metered) and all(one.is_limited for one in metered)

    @property
    def is_soft(self) -> bool:
        """Whether it may be used beyond its limit."""
        return any(one.is_soft for one in self.nearest if one.is_limited)

    def decide(self) -> Answer:
        """Return the answer."""
        reason, retry_at = self._reason()
        party = self.party
        answer = Answer(
            is_allowed=reason is Reason.ALLOWED,
            reason=reason,
            feature_key=self.ask.feature_key,
            customer_id=party.id if party else None,
            customer_key=party.key if party else None,
            retry_at=retry_at,
            config=self._config() if self.refusal is None else None,
        )
        if self.refusal is not None:
            return answer
        money = self.money
        return replace(
            answer,
            remaining=tuple(self._remaining()),
            value=money.cost if money else None,
            asset=money.code if money else None,
        )

    def _config(self) -> Any:
        return next((one.config for one in self.nearest if one.config is not None), None)

    def _reason(self) -> tuple[Reason, datetime | None]:
        if self.refusal is not None:
            return self.refusal, None
        right = self.right
        if right is not None and self._is_over():
            return Reason.USAGE_LIMIT_REACHED, right.resets_at(self.at)
        refused = [(found, one.ends_at) for one in self.limits if (found := one.reason)]
        if refused:
            return refused[0][0], max(ends_at for _, ends_at in refused)
        if self.money is not None and self.money.is_short:
            return Reason.CREDIT_EXHAUSTED, None
        return Reason.ALLOWED, None

    def _is_over(self) -> bool:
        left, quantity = self.allowance, self.ask.quantity
        if left is None or self.is_soft:
            return False
        return left <= ZERO if quantity is None else quantity > left

    def _remaining(self) -> list[Remaining]:
        found = []
        right = self.right
        if right is not None and self.allowance is not None:
            found.append(
                Remaining(
                    kind="entitlement",
                    key=self.ask.feature_key,
                    asset=self.unit,
                    amount=self.allowance,
                    is_money=False,
                    limit=right.limit,
                    resets_at=right.resets_at(self.at),
                )
            )
        found += [limit.remaining() for limit in self.limits]
        return found + (self.money.remaining() if self.money else [])
