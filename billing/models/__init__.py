"""The tables of metering, prices and subscriptions; see billing/README.md."""

from billing.models.billables import Billable
from billing.models.catalogue import Meter, Rate, RateCard
from billing.models.charges import Charge, ChargeChange, Contract
from billing.models.closing import Closing, ClosingCheck, Reopening
from billing.models.collection import CollectionProfile, Party, Supplier
from billing.models.costs import CostPrice, UnknownModel
from billing.models.dunning import Dunning, DunningAct, DunningSchedule
from billing.models.entitlements import Budget, BudgetApproval, BudgetUse, Entitlement
from billing.models.invoices import (
    Invoice,
    InvoiceEdit,
    InvoiceEvent,
    InvoiceLine,
    InvoiceTax,
)
from billing.models.offers import Coupon, CouponRedemption
from billing.models.payments import Allocation, Claim, Dispute, Payment, Refund, Unapplied
from billing.models.plans import (
    Addon,
    AddonVersion,
    Feature,
    Plan,
    PlanAddon,
    PlanPhase,
    PlanRateCard,
    PlanVersion,
    TaxCode,
)
from billing.models.profiles import BillingProfile, Subject
from billing.models.runs import Run, RunPart, Series
from billing.models.subscriptions import (
    Subscription,
    SubscriptionAddon,
    SubscriptionEvent,
    SubscriptionItem,
)
from billing.models.taxes import Document, Exemption, TaxEvidence, TaxId, TaxRate
from billing.models.usage import (
    Accrual,
    Correction,
    DeadLetter,
    EventKey,
    LateUsage,
    UnattributedEvent,
    UniqueValue,
    UsageBatch,
    UsageEvent,
    UsageRollup,
)

__all__ = [
    "Accrual",
    "Addon",
    "AddonVersion",
    "Allocation",
    "Billable",
    "BillingProfile",
    "Budget",
    "BudgetApproval",
    "BudgetUse",
    "Charge",
    "ChargeChange",
    "Claim",
    "Closing",
    "ClosingCheck",
    "CollectionProfile",
    "Contract",
    "Correction",
    "CostPrice",
    "Coupon",
    "CouponRedemption",
    "DeadLetter",
    "Dispute",
    "Document",
    "Dunning",
    "DunningAct",
    "DunningSchedule",
    "Entitlement",
    "EventKey",
    "Exemption",
    "Feature",
    "Invoice",
    "InvoiceEdit",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoiceTax",
    "LateUsage",
    "Meter",
    "Party",
    "Payment",
    "Plan",
    "PlanAddon",
    "PlanPhase",
    "PlanRateCard",
    "PlanVersion",
    "Rate",
    "RateCard",
    "Refund",
    "Reopening",
    "Run",
    "RunPart",
    "Series",
    "Subject",
    "Subscription",
    "SubscriptionAddon",
    "SubscriptionEvent",
    "SubscriptionItem",
    "Supplier",
    "TaxCode",
    "TaxEvidence",
    "TaxId",
    "TaxRate",
    "Unapplied",
    "UnattributedEvent",
    "UniqueValue",
    "UnknownModel",
    "UsageBatch",
    "UsageEvent",
    "UsageRollup",
]
