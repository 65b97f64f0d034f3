"""The state of many subscriptions at once, and which are in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from billing.models import Subscription, SubscriptionEvent
from billing.subscriptions import history
from billing.subscriptions.changes import event_of
from billing.subscriptions.history import Event, Kind
from billing.subscriptions.timeline import Status, paused_at

# "paused" is in the history only, so what is paused is found among the active.
FILTERS = (Status.SCHEDULED, Status.ACTIVE, Status.CANCELED, Status.ENDED)
_PAUSING = [Kind.PAUSED, Kind.RESUMED, Kind.RESTORED]


def statuses(
    subscriptions: Iterable[Subscription], at: Callable[[Subscription], datetime]
) -> dict[int, Status]:
    """Return each subscription's state at its own instant, by id; one query."""
    wanted = list(subscriptions)
    rows = SubscriptionEvent.objects.filter(
        subscription__in=wanted, kind__in=[kind.value for kind in _PAUSING]
    )
    events: dict[int, list[Event]] = defaultdict(list)
    for row in rows:
        events[row.subscription_id].append(event_of(row))
    return {each.pk: _status(each, events[each.pk], at(each)) for each in wanted}


def in_state(
    subscriptions: QuerySet[Subscription], status: str, at: datetime
) -> QuerySet[Subscription]:
    """Return those in a state, paused or not."""
    begun = Q(starts_at__lte=at)
    conditions = {
        Status.SCHEDULED: Q(starts_at__gt=at) & (Q(ends_at=None) | Q(ends_at__gt=at)),
        Status.ACTIVE: begun & Q(ends_at=None),
        Status.CANCELED: begun & Q(ends_at__gt=at),
        Status.ENDED: Q(ends_at__lte=at),
    }
    return subscriptions.filter(conditions[Status(status)])


def _status(subscription: Subscription, events: Iterable[Event], at: datetime) -> Status:
    ends_at = subscription.ends_at
    if ends_at is not None and ends_at <= at:
        return Status.ENDED
    if at < subscription.starts_at:
        return Status.SCHEDULED
    if paused_at(history.standing(events), at):
        return Status.PAUSED
    return Status.ACTIVE if ends_at is None else Status.CANCELED
