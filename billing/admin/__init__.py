"""The admin of usage: how it is counted and priced, what came in, and what it came to."""

from billing.admin import (
    addons,
    catalogue,
    corrections,
    costs,
    coupons,
    dead_letters,
    events,
    features,
    glance,
    plan_versions,
    plans,
    profiles,
    rates,
    tax_codes,
    unattributed,
    usage,
)

__all__ = [
    "addons",
    "catalogue",
    "corrections",
    "costs",
    "coupons",
    "dead_letters",
    "events",
    "features",
    "glance",
    "plan_versions",
    "plans",
    "profiles",
    "rates",
    "tax_codes",
    "unattributed",
    "usage",
]
