"""The admin of usage: how it is counted and priced, what came in, and what it came to."""

from billing.admin import (
    catalogue,
    corrections,
    costs,
    dead_letters,
    events,
    glance,
    plan_versions,
    plans,
    profiles,
    rates,
    unattributed,
    usage,
)

__all__ = [
    "catalogue",
    "corrections",
    "costs",
    "dead_letters",
    "events",
    "glance",
    "plan_versions",
    "plans",
    "profiles",
    "rates",
    "unattributed",
    "usage",
]
