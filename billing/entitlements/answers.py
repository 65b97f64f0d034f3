"""What is asked before something is used, and what is answered (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from wallets.models import Hold

HOUR: Final = timedelta(hours=1)


class Reason(StrEnum):
    """Why a call may or may not be made."""

    ALLOWED = "allowed"
    CUSTOMER_UNKNOWN = "customer_unknown"
    CUSTOMER_SUSPENDED = "customer_suspended"
    FEATURE_UNKNOWN = "feature_unknown"
    FEATURE_UNAVAILABLE = "feature_unavailable"
    USAGE_LIMIT_REACHED = "usage_limit_reached"
    BUDGET_REACHED = "budget_reached"
    APPROVAL_NEEDED = "approval_needed"
    CREDIT_EXHAUSTED = "credit_exhausted"
    HOLD_DENIED = "hold_denied"  # its key stands for a hold that was refused for another reason
    HOLD_CLOSED = "hold_closed"  # its key stands for a hold that is over: choose another


_EXPLAINED: Final[Mapping[Reason, str]] = {
    Reason.ALLOWED: "It may be used.",
    Reason.CUSTOMER_UNKNOWN: "No customer is known under that name.",
    Reason.CUSTOMER_SUSPENDED: "The customer, or one above it, is suspended.",
    Reason.FEATURE_UNKNOWN: "No feature is known under that key.",
    Reason.FEATURE_UNAVAILABLE: "The customer has no right to the feature.",
    Reason.APPROVAL_NEEDED: "A budget is reached: somebody has to approve more.",
    Reason.USAGE_LIMIT_REACHED: "The allowance is used up.",
    Reason.BUDGET_REACHED: "A budget is reached.",
    Reason.CREDIT_EXHAUSTED: "There is not enough credit.",
    Reason.HOLD_DENIED: "The key stands for what was refused.",
    Reason.HOLD_CLOSED: "The key stands for a hold that is over: choose another.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Set aside what the call will cost, in the same step."""

    key: str
    expires_in: timedelta = HOUR
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    One question: may this customer use so much of a feature?

    The customer is named by key, by id, or by a subject that is mapped to it. ``quantity`` is in
    the meter's unit, ``cost`` in the asset of the customer's price; neither given asks whether
    anything is left at all. No feature asks about the customer and its money alone.
    """

    customer_key: str | None = None
    subject: str | None = None
    customer_id: int | None = None
    feature_key: str = ""
    quantity: Decimal | None = None
    cost: Decimal | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    reserve: Reserve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """
    What is left in one dimension, before what was asked for is used.

    ``kind`` is wallet, credit_limit, entitlement or budget; ``key`` names the budget or feature.
    Money is marked: callers of a gateway are not shown it.
    """

    kind: str
    key: str
    asset: str
    amount: Decimal
    is_money: bool
    limit: Decimal | None = None  # how much it was to begin with, where one can say
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether it may be used, why not, and what is left."""

    is_allowed: bool
    reason: Reason
    feature_key: str
    customer_id: int | None = None
    customer_key: str | None = None
    remaining: tuple[Remaining, ...] = ()
    retry_at: datetime | None = None  # when a limit that was reached starts anew
    hold: Hold | None = None
    config: Any = None  # of a static entitlement
    value: Decimal | None = None  # what it is estimated to cost
    asset: str | None = None  # what that is in

    @property
    def detail(self) -> str:
        """Say why, in a sentence."""
        return _EXPLAINED[self.reason]
