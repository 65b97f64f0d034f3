"""How often a subscription is billed, and from when on: as the plans in force say."""

from __future__ import annotations

from typing import Final

from billing.charging.agreement import Pace
from billing.models import PlanVersion, Subscription, SubscriptionEvent
from billing.subscriptions import history
from billing.subscriptions.changes import event_of
from ledger import durations

_NAMING: Final = [kind.value for kind in (*history.PLANS, *history.WITHDRAWING)]


def paces_of(subscription: Subscription) -> tuple[Pace, ...]:
    """Return the cadences of its plans, each from its instant on; one query unless it changed."""
    rows = SubscriptionEvent.objects.filter(subscription=subscription, kind__in=_NAMING)
    plans = [
        (event.effective_at, event.content["plan_version"])
        for event in history.standing(event_of(row) for row in rows)
    ]
    if len({version for _, version in plans}) <= 1:
        cadence = durations.parse("billing_cadence", subscription.billing_cadence)
        return (Pace(subscription.starts_at, cadence),)
    versions = PlanVersion.objects.in_bulk(version for _, version in plans)
    paces: list[Pace] = []
    for since, version in plans:
        cadence = durations.parse("billing_cadence", versions[version].billing_cadence)
        if not paces or paces[-1].cadence != cadence:
            paces.append(Pace(since, cadence))
    return tuple(paces)
