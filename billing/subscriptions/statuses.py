"""The state of many subscriptions at once, and which are in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import (
    Exists,
    F,
    Func,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from billing.models import Subscription, SubscriptionEvent
from billing.subscriptions import history
from billing.subscriptions.changes import event_of
from billing.subscriptions.history import Event, Kind
from billing.subscriptions.timeline import Status, paused_at

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
    """Return those in a state at an instant, or where their customers' test clocks stand."""
    own = F("own_time")
    begun, goes_on = Q(starts_at__lte=own), Q(ends_at=None) | Q(ends_at__gt=own)
    ever_paused = SubscriptionEvent.objects.filter(kind=Kind.PAUSED).values("subscription")
    paused = Q(pk__in=ever_paused, latest_pause=Kind.PAUSED)
    conditions = {
        Status.SCHEDULED: Q(starts_at__gt=own) & goes_on,
        Status.ACTIVE: begun & Q(ends_at=None) & ~paused,
        Status.PAUSED: begun & goes_on & paused,
        Status.CANCELED: begun & Q(ends_at__gt=own) & ~paused,
        Status.ENDED: Q(ends_at__lte=own),
    }
    timed = subscriptions.alias(own_time=Coalesce("customer__clock__now_at", Value(at)))
    found = timed.alias(latest_pause=Coalesce(_latest_pause(), Value("")))
    return found.filter(conditions[Status(status)])


def _latest_pause() -> Subquery:
    """Select the latest pause or resumption that has come and was not withdrawn."""
    withdrawing = SubscriptionEvent.objects.filter(
        subscription=OuterRef("subscription"),
        kind__in=[kind.value for kind in history.WITHDRAWING],
        content__withdraws__contains=Func(
            OuterRef("sequence"), function="to_jsonb", output_field=JSONField()
        ),
    )
    standing = SubscriptionEvent.objects.filter(
        ~Exists(withdrawing),
        subscription=OuterRef("pk"),
        kind__in=[Kind.PAUSED, Kind.RESUMED],
        effective_at__lte=OuterRef("own_time"),
    )
    return Subquery(standing.order_by("-effective_at").values("kind")[:1])


def _status(subscription: Subscription, events: Iterable[Event], at: datetime) -> Status:
    ends_at = subscription.ends_at
    if ends_at is not None and ends_at <= at:
        return Status.ENDED
    if at < subscription.starts_at:
        return Status.SCHEDULED
    if paused_at(history.standing(events), at):
        return Status.PAUSED
    return Status.ACTIVE if ends_at is None else Status.CANCELED
