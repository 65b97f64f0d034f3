"""The tables of metering and prices; see billing/README.md."""

from billing.models.catalogue import Meter, Rate, RateCard
from billing.models.profiles import BillingProfile, Subject
from billing.models.usage import (
    Accrual,
    Correction,
    DeadLetter,
    EventKey,
    UnattributedEvent,
    UniqueValue,
    UsageBatch,
    UsageEvent,
    UsageRollup,
)

__all__ = [
    "Accrual",
    "BillingProfile",
    "Correction",
    "DeadLetter",
    "EventKey",
    "Meter",
    "Rate",
    "RateCard",
    "Subject",
    "UnattributedEvent",
    "UniqueValue",
    "UsageBatch",
    "UsageEvent",
    "UsageRollup",
]
