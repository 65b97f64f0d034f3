"""The admin of prepaid credit: wallets and what is in them, holds, what is bought, what waits."""

from wallets.admin import (
    alerts,
    approvals,
    glance,
    grants,
    holds,
    prices,
    recharge,
    recharge_stops,
    schedules,
    shares,
    topups,
    wallets,
)

__all__ = [
    "alerts",
    "approvals",
    "glance",
    "grants",
    "holds",
    "prices",
    "recharge",
    "recharge_stops",
    "schedules",
    "shares",
    "topups",
    "wallets",
]
