"""How often subscriptions are billed, and from when on: as the plans in force say."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db import connection

from billing.charging.agreement import Pace
from billing.models import PlanVersion, Subscription
from billing.subscriptions import history
from billing.subscriptions.history import Event, Kind
from ledger import arrays, durations

_NAMING: Final = [kind.value for kind in (*history.PLANS, *history.WITHDRAWING)]
_Plan = tuple[datetime, int]  # since when, and which version


@lru_cache(maxsize=1024)
def cadence(written: str) -> durations.Duration:
    """Return a cadence that was written down."""
    return durations.parse("billing_cadence", written)


def paces_of(subscriptions: Collection[Subscription]) -> dict[int, tuple[Pace, ...]]:
    """Return the cadences of their plans, each from its instant on; one query, two if any did."""
    plans = _plans({one.pk for one in subscriptions})
    changing = {number: of for number, of in plans.items() if len({plan for _, plan in of}) > 1}
    versions = {version for of in changing.values() for _, version in of}
    known = PlanVersion.objects.in_bulk(versions) if versions else {}
    return {
        one.pk: _paces(changing[one.pk], known)
        if one.pk in changing
        else (Pace(one.starts_at, cadence(one.billing_cadence)),)
        for one in subscriptions
    }


def _plans(numbers: Collection[int]) -> dict[int, list[_Plan]]:
    """Return the plans of subscriptions that may have had more than one, in order."""
    events: dict[int, list[Event]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, [arrays.whole(numbers), _NAMING, arrays.whole(numbers), _NAMING])
        for number, sequence, kind, effective_at, plan, withdrawn in cursor.fetchall():
            content: dict[str, Any] = {"plan_version": json.loads(plan or "null")}
            content["withdraws"] = json.loads(withdrawn or "[]")
            event = Event(
                sequence=sequence, kind=Kind(kind), effective_at=effective_at, content=content
            )
            events.setdefault(number, []).append(event)
    return {
        number: [
            (event.effective_at, event.content["plan_version"]) for event in history.standing(found)
        ]
        for number, found in events.items()
    }


def _paces(plans: Sequence[_Plan], versions: Mapping[int, PlanVersion]) -> tuple[Pace, ...]:
    paces: list[Pace] = []
    for since, version in plans:
        new = cadence(versions[version].billing_cadence)
        if not paces or paces[-1].cadence != new:
            paces.append(Pace(since, new))
    return tuple(paces)


# As a rule a subscription has had one plan, whose cadence it has itself: it is left out.
_CHANGES: Final = """
    SELECT e.subscription_id, e.sequence, e.kind, e.effective_at,
           (e.content -> 'plan_version')::text, (e.content -> 'withdraws')::text
    FROM billing_subscriptionevent e
    WHERE e.subscription_id IN (
        SELECT subscription_id FROM billing_subscriptionevent
        WHERE subscription_id = ANY(%s::bigint[]) AND kind = ANY(%s)
        GROUP BY subscription_id HAVING count(*) > 1)
      AND e.subscription_id = ANY(%s::bigint[]) AND e.kind = ANY(%s)
    ORDER BY e.subscription_id, e.sequence
"""
