"""
The changes of a subscription, in the order in which they take effect (pure).

Each says what changed and from when on. One that has not taken effect yet can be withdrawn by a
later one: it stays on record, and no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from billing.subscriptions.errors import SameInstantError, SubscriptionStateError


class Kind(StrEnum):
    """What a change is."""

    CREATED = "created"
    CHANGED = "changed"  # to another plan
    MIGRATED = "migrated"  # to a newer version of the same plan
    EDITED = "edited"  # items added, removed, replaced
    ADDON_SET = "addon_set"  # so many of an add-on
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELED = "canceled"
    CANCELATION_UNSCHEDULED = "cancelation_unscheduled"
    RESTORED = "restored"


PLANS: Final = frozenset({Kind.CREATED, Kind.CHANGED, Kind.MIGRATED})
STATES: Final = frozenset({Kind.PAUSED, Kind.RESUMED, Kind.CANCELED})
WITHDRAWING: Final = frozenset({Kind.CANCELATION_UNSCHEDULED, Kind.RESTORED})
_RANK: Final = {
    kind: place
    for place, kind in enumerate((*sorted(PLANS), Kind.EDITED, Kind.ADDON_SET, *sorted(STATES)))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change, from an instant on."""

    sequence: int
    kind: Kind
    effective_at: datetime
    content: Mapping[str, Any]


def standing(history: Iterable[Event]) -> list[Event]:
    """Return the changes that count, in the order in which they take effect."""
    events = list(history)
    withdrawn = {
        sequence
        for event in events
        if event.kind in WITHDRAWING
        for sequence in event.content["withdraws"]
    }
    return sorted(
        (
            event
            for event in events
            if event.kind not in WITHDRAWING and event.sequence not in withdrawn
        ),
        key=lambda event: (event.effective_at, _RANK[event.kind], event.sequence),
    )


def check(events: Sequence[Event]) -> None:
    """
    Check that changes, in their order, can follow each other.

    Raises:
        SameInstantError: two that concern the same thing take effect at one instant.
        SubscriptionStateError: one before the start or after the end, a pause of what is paused,
            a resumption of what is not.
    """
    for _, together in groupby(events, key=lambda event: event.effective_at):
        _check_together(list(together))
    _check_states(events)


def _check_together(events: Sequence[Event]) -> None:
    taken: dict[str, Event] = {}
    for event in events:
        for lane in _lanes(event):
            if lane in taken:
                remedy = f"choose another instant, or withdraw change {taken[lane].sequence} first"
                at = event.effective_at.isoformat()
                raise SameInstantError(field="timing", value=at, remedy=remedy)
            taken[lane] = event
    whole = next((event for event in events if _is_of_the_whole(event)), None)
    edited = next((event for event in events if event.kind is Kind.EDITED), None)
    if whole and edited:
        first, second = sorted((whole, edited), key=lambda event: event.sequence)
        remedy = f"choose another instant, or withdraw change {first.sequence} first"
        at = second.effective_at.isoformat()
        raise SameInstantError(field="timing", value=at, remedy=remedy)


def _lanes(event: Event) -> Iterator[str]:
    if event.kind is Kind.ADDON_SET:
        yield f"addon {event.content['addon']}"
    elif event.kind is Kind.EDITED:
        for name in ("add", "remove", "replace"):
            yield from (f"item {entry['key']}" for entry in event.content.get(name, ()))
    else:
        if event.kind in PLANS:
            yield "plan"
        if _is_of_the_whole(event):
            yield "whole"


def _is_of_the_whole(event: Event) -> bool:
    # At its very start a subscription may be edited, given add-ons, or called off.
    return event.kind is not Kind.CREATED and event.kind in PLANS | STATES


def _check_states(events: Sequence[Event]) -> None:
    started = paused = ended = False
    for event in events:
        if not started and event.kind is not Kind.CREATED:
            remedy = "choose an instant at or after the start of the subscription"
            raise _refused(event, remedy, "not_started")
        if ended:
            remedy = "choose an instant before its end, or unschedule its cancelation first"
            raise _refused(event, remedy, "ended")
        if event.kind is Kind.PAUSED and paused:
            raise _refused(event, "it is paused then: resume it first", "paused")
        if event.kind is Kind.RESUMED and not paused:
            raise _refused(event, "it is not paused then: there is nothing to resume", "not_paused")
        started = True
        paused = event.kind is Kind.PAUSED or (paused and event.kind is not Kind.RESUMED)
        ended = event.kind is Kind.CANCELED


def _refused(event: Event, remedy: str, rule: str) -> SubscriptionStateError:
    return SubscriptionStateError(
        field="timing",
        value=event.effective_at.isoformat(),
        remedy=remedy,
        rule=rule,
        change=event.kind.value,
    )
