"""
Making one change of a subscription: on record, in its items, and in what falls due.

Every operation goes through here. The customer's row is locked first, so that changes of one
customer's subscriptions take turns and see each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, Required, TypedDict
from zoneinfo import ZoneInfo

from django.db.models import F, Value
from django.db.models.functions import Least

from billing.entitlements import following
from billing.models import Subscription, SubscriptionEvent
from billing.subscriptions.history import WITHDRAWING, Event, Kind
from billing.subscriptions.loading import Catalogue
from billing.subscriptions.reconciling import reconcile
from billing.subscriptions.timeline import Timeline, fold
from ledger import inputs
from ledger.errors import IdempotencyConflictError, PeriodClosedError
from ledger.integrity import refusals
from ledger.models import Book, Customer, Period

IMMEDIATE: Final = "immediate"
NEXT_CYCLE: Final = "next_billing_cycle"
Timing = Literal["immediate", "next_billing_cycle"] | datetime

_LONGEST: Final = 1000


class Note(TypedDict, total=False):
    """What is recorded with every change: when, under which key, who and why."""

    at: Required[datetime]
    key: str  # the caller's own: the same change under it is made once
    cause: str
    reason: str


@dataclass
class Desk:
    """A subscription with its history; its customer is locked."""

    subscription: Subscription
    history: list[Event]
    requests: dict[str, tuple[Kind, Mapping[str, Any]]]  # by the callers' keys
    catalogue: Catalogue

    @cached_property
    def timeline(self) -> Timeline:
        """Return what its history comes to."""
        return self.comes_to(self.history)

    @property
    def zone(self) -> ZoneInfo:
        """Return where its days and months are counted."""
        return ZoneInfo(self.subscription.time_zone)

    def comes_to(self, events: list[Event]) -> Timeline:
        """Return what some history comes to; errors as ``timeline.fold``."""
        self.catalogue.know(events)
        return fold(
            events, offers=self.catalogue.offers, extras=self.catalogue.extras, zone=self.zone
        )

    def instant(self, timing: Timing, at: datetime) -> datetime:
        """Return when a change takes effect."""
        if isinstance(timing, datetime):
            return timing
        if timing == IMMEDIATE:
            return at
        inputs.choice("timing", timing, [IMMEDIATE, NEXT_CYCLE])
        anchor = self.subscription.billing_anchor
        return self.timeline.cycle_at(at, anchor, self.zone).ends_at

    def is_repeated(self, kind: Kind, request: Mapping[str, Any], note: Note) -> bool:
        """
        Say whether this very change has been made under its key.

        Raises:
            IdempotencyConflictError: the key stands for another change.
        """
        known = self.requests.get(note.get("key") or "")
        if known is None:
            return False
        if known != (kind, request):
            raise IdempotencyConflictError(key=note["key"])
        return True


def lock(customer_id: int) -> Customer:
    """Lock a customer's row: changes of its subscriptions take turns, postings go on."""
    return Customer.objects.select_for_update(no_key=True).get(pk=customer_id)


def sit_down(subscription: Subscription) -> Desk:
    """Lock a subscription's customer and read its history."""
    lock(subscription.customer_id)
    return read(subscription)


def read(subscription: Subscription) -> Desk:
    """Read a subscription and its history."""
    current = Subscription.objects.select_related("book", "customer", "asset", "plan_version").get(
        pk=subscription.pk
    )
    rows = list(current.history.order_by("sequence"))
    return Desk(
        subscription=current,
        history=[event_of(row) for row in rows],
        requests={row.key: (Kind(row.kind), row.content["request"]) for row in rows},
        catalogue=Catalogue(),
    )


def event_of(row: SubscriptionEvent) -> Event:
    """Return a row of the history as a plain value."""
    return Event(
        sequence=row.sequence,
        kind=Kind(row.kind),
        effective_at=row.effective_at,
        content=row.content,
    )


def make(
    desk: Desk,
    *,
    kind: Kind,
    effective_at: datetime,
    content: Mapping[str, Any],
    request: Mapping[str, Any],
    note: Note,
) -> Subscription:
    """
    Record a change, and have everything follow from it.

    Raises:
        PeriodClosedError: the books are closed at the time it would take effect.
        SameInstantError, SubscriptionStateError: it cannot follow what is on record.
        BegunError, FeatureTakenError, InvalidTermsError: its items cannot be sold.
        IdempotencyConflictError: its key stands for another change.
    """
    if kind not in WITHDRAWING:
        check_open(desk.subscription.book, effective_at)
    event = Event(
        sequence=len(desk.history) + 1,
        kind=kind,
        effective_at=effective_at,
        content={**content, "request": request},
    )
    desk.timeline = desk.comes_to([*desk.history, event])
    desk.history.append(event)
    _record(desk.subscription, event, note)
    settle(desk, effective_at, note["at"])
    return desk.subscription


def settle(desk: Desk, effective_at: datetime, at: datetime) -> None:
    """Have items, the subscription's row and what falls due follow from the history."""
    subscription, timeline = desk.subscription, desk.timeline
    with refusals():
        reconcile(
            subscription=subscription, spans=timeline.spans, meters=desk.catalogue.meters, at=at
        )
        if any(span.sale.card.entitlement is not None for span in timeline.spans):
            following.follow(subscription=subscription, at=at)
    subscription.plan_version_id = timeline.stretch_at(at).offer.id
    subscription.ends_at = timeline.ends_at
    # Too early does no harm: whoever looks then finds nothing, and what is due next. Late usage
    # may have moved it since it was read: ingest locks the row, and not the customer.
    subscription.due_at = min(subscription.due_at or effective_at, effective_at)
    Subscription.objects.filter(pk=subscription.pk).update(
        plan_version_id=subscription.plan_version_id,
        ends_at=subscription.ends_at,
        due_at=Least(F("due_at"), Value(effective_at)),  # of none and an instant, the instant
    )


def catch_up(*, subscription: Subscription, at: datetime) -> Subscription:
    """Have the row name the plan that is in force at ``at``; the customer is locked."""
    desk = read(subscription)
    current = desk.timeline.stretch_at(at).offer.id
    if desk.subscription.plan_version_id != current:
        desk.subscription.plan_version_id = current
        desk.subscription.save(update_fields=["plan_version"])
    return desk.subscription


def check_open(book: Book, effective_at: datetime) -> None:
    """
    Check that the books are open from an instant on.

    Raises:
        PeriodClosedError: they are closed, or about to be.
    """
    closed = (
        Period.objects.filter(book=book, ends_at__gt=effective_at)
        .exclude(state=Period.State.OPEN)
        .order_by("-ends_at")
        .first()
    )
    if closed is not None:
        remedy = f"choose an instant from {closed.ends_at.isoformat()} on, or reopen the period"
        raise PeriodClosedError(field="timing", value=effective_at.isoformat(), remedy=remedy)


def _record(subscription: Subscription, event: Event, note: Note) -> None:
    key = note.get("key") or f"subscription:{subscription.pk}:{event.sequence}"
    if SubscriptionEvent.objects.filter(book_id=subscription.book_id, key=key).exists():
        raise IdempotencyConflictError(key=key)  # of another subscription
    SubscriptionEvent.objects.create(
        book_id=subscription.book_id,
        subscription=subscription,
        sequence=event.sequence,
        key=inputs.key("key", key),
        kind=event.kind.value,
        effective_at=event.effective_at,
        recorded_at=note["at"],
        cause=inputs.name("cause", note.get("cause", ""), longest=_LONGEST, may_be_empty=True),
        reason=inputs.name("reason", note.get("reason", ""), longest=_LONGEST, may_be_empty=True),
        content=event.content,
    )
