"""Pausing, ending, and taking back what has not happened yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Unpack

from django.db import transaction

from billing.models import Subscription
from billing.subscriptions.changes import (
    IMMEDIATE,
    Desk,
    Note,
    Timing,
    make,
    sit_down,
)
from billing.subscriptions.documents import plain
from billing.subscriptions.errors import SubscriptionStateError
from billing.subscriptions.history import Event, Kind
from ledger.errors import InvalidInputError


def pause(
    *, subscription: Subscription, timing: Timing = IMMEDIATE, **note: Unpack[Note]
) -> Subscription:
    """
    Sell nothing from an instant on, until the subscription is resumed.

    Time goes on: phases end when they would have ended, and cycles stay where they are.

    Raises:
        SubscriptionStateError: it is paused then, has not started or has ended.
        SameInstantError, BegunError, PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    return _move(subscription, Kind.PAUSED, timing, note)


def resume(
    *, subscription: Subscription, timing: Timing = IMMEDIATE, **note: Unpack[Note]
) -> Subscription:
    """
    Sell again what the plan says, from an instant on.

    Raises:
        SubscriptionStateError: it is not paused then.
        SameInstantError, BegunError, PeriodClosedError, IdempotencyConflictError: as ``make``.
        FeatureTakenError: meanwhile another subscription sells one of its features.
    """
    return _move(subscription, Kind.RESUMED, timing, note)


def cancel(
    *, subscription: Subscription, timing: Timing = IMMEDIATE, **note: Unpack[Note]
) -> Subscription:
    """
    End a subscription: now, at the end of its cycle, or at an instant.

    Ended at its very start, it never begins.

    Raises:
        SubscriptionStateError: it starts only afterwards, or has an end already.
        SameInstantError, BegunError, PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request = {"timing": plain(timing)}
        if desk.is_repeated(Kind.CANCELED, request, note):
            return desk.subscription
        effective_at = desk.instant(timing, note["at"])
        if desk.timeline.ends_at is not None:
            has_ended = desk.timeline.ends_at <= note["at"]
            remedy = "it has ended" if has_ended else "unschedule its cancelation first"
            raise _refused(desk, remedy, "canceled")
        if effective_at < desk.timeline.starts_at:
            starts_at = desk.timeline.starts_at.isoformat()
            remedy = f"cancel it at its start, {starts_at}, so that it never begins"
            raise SubscriptionStateError(
                field="timing", value=effective_at.isoformat(), remedy=remedy, rule="not_started"
            )
        return make(
            desk,
            kind=Kind.CANCELED,
            effective_at=effective_at,
            content={},
            request=request,
            note=note,
        )


def unschedule_cancelation(*, subscription: Subscription, **note: Unpack[Note]) -> Subscription:
    """
    Let a subscription go on that was to end.

    Raises:
        SubscriptionStateError: no end is set, or it has ended.
        FeatureTakenError: another subscription sells one of its features afterwards.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        if desk.is_repeated(Kind.CANCELATION_UNSCHEDULED, {}, note):
            return desk.subscription
        scheduled = desk.timeline.scheduled_after(note["at"])
        ends = [event for event in scheduled if event.kind is Kind.CANCELED]
        if not ends:
            remedy = "only a cancelation that lies ahead can be unscheduled"
            raise _refused(desk, remedy, "not_canceled")
        return _withdraw(desk, Kind.CANCELATION_UNSCHEDULED, ends, {}, note)


def restore(
    *, subscription: Subscription, changes: Collection[int] = (), **note: Unpack[Note]
) -> Subscription:
    """
    Take back changes that have not taken effect: those named by their sequence, or all of them.

    Of all of them, one stays: the resumption of what is paused now.

    Raises:
        InvalidInputError: one of the changes is unknown, or has taken effect.
        SubscriptionStateError: nothing lies ahead, or what stays could not follow by itself.
        FeatureTakenError: another subscription sells one of its features then.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request = {"changes": sorted(changes)}
        if desk.is_repeated(Kind.RESTORED, request, note):
            return desk.subscription
        ahead = {event.sequence: event for event in desk.timeline.scheduled_after(note["at"])}
        ahead = {number: event for number, event in ahead.items() if event.kind is not Kind.CREATED}
        for number in changes:
            if number not in ahead:
                remedy = f"name changes that lie ahead: {_listed(ahead)}"
                raise InvalidInputError(field="changes", value=number, remedy=remedy)
        undone = [ahead[number] for number in changes] or _undoable(desk, ahead.values(), note)
        if not undone:
            raise _refused(desk, "no change lies ahead that could be undone", "nothing_scheduled")
        return _withdraw(desk, Kind.RESTORED, undone, request, note)


def _move(subscription: Subscription, kind: Kind, timing: Timing, note: Note) -> Subscription:
    with transaction.atomic():
        desk = sit_down(subscription)
        request = {"timing": plain(timing)}
        if desk.is_repeated(kind, request, note):
            return desk.subscription
        return make(
            desk,
            kind=kind,
            effective_at=desk.instant(timing, note["at"]),
            content={},
            request=request,
            note=note,
        )


def _undoable(desk: Desk, ahead: Iterable[Event], note: Note) -> list[Event]:
    events = list(ahead)
    if desk.timeline.is_paused_at(note["at"]):
        resumed = next((event for event in events if event.kind is Kind.RESUMED), None)
        events = [event for event in events if event is not resumed]
    return events


def _withdraw(
    desk: Desk, kind: Kind, events: Iterable[Event], request: dict[str, Any], note: Note
) -> Subscription:
    return make(
        desk,
        kind=kind,
        effective_at=note["at"],
        content={"withdraws": sorted(event.sequence for event in events)},
        request=request,
        note=note,
    )


def _refused(desk: Desk, remedy: str, rule: str) -> SubscriptionStateError:
    ends_at = desk.timeline.ends_at
    shown = "open-ended" if ends_at is None else f"ending {ends_at.isoformat()}"
    return SubscriptionStateError(field="subscription", value=shown, remedy=remedy, rule=rule)


def _listed(events: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(events))) or "there are none"
