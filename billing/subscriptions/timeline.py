"""
What a history of changes comes to: which items are sold when, on what terms (pure).

The time from start to end is cut wherever something may change: a plan, a phase, an edit, an
add-on, a pause. What is sold between two cuts is asked once; what stays the same across a cut
stays one span, so that nobody's tiers start anew because something else was edited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Any

from billing.cycles import cycle_of
from billing.subscriptions import history
from billing.subscriptions.history import Event, Kind
from billing.subscriptions.offers import Card, Extra, Offer, Phase
from ledger.durations import later
from ledger.periods import Period


class Origin(StrEnum):
    """Where an item comes from."""

    PLAN = "plan"
    OVERRIDE = "override"
    ADDON = "addon"
    CUSTOM = "custom"


class Status(StrEnum):
    """The state of a subscription at an instant; ``canceled`` runs until its end."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELED = "canceled"
    ENDED = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One thing as it is sold at some instant."""

    card: Card
    phase: str
    origin: Origin
    quantity: int = 1
    addon: int | None = None

    def goes_on_as(self, other: Sale) -> bool:
        """Say whether the other is the same thing on the same terms."""
        alike = replace(other, card=self.card, origin=self.origin)
        return self == alike and self.card.is_same_sale(other.card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One item over one stretch of time; ``quantity`` is nought for a one-time fee already due."""

    key: str
    sale: Sale
    quantity: int
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The time from which one plan is in force, and where its phases are."""

    starts_at: datetime
    root: datetime  # since when its edits count: migrations keep them
    offer: Offer
    overrides: Sequence[Mapping[str, Any]]
    phases: tuple[tuple[datetime, Phase], ...]

    def phase_at(self, instant: datetime) -> Phase:
        """Return the phase it is in."""
        place = bisect_right(self.phases, instant, key=lambda phase: phase[0])
        return self.phases[max(place - 1, 0)][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything a history says of past and future."""

    starts_at: datetime
    ends_at: datetime | None
    stretches: tuple[Stretch, ...]
    spans: tuple[Span, ...]
    events: tuple[Event, ...]  # those that count

    def is_paused_at(self, instant: datetime) -> bool:
        """Say whether nothing is sold for the time being."""
        return paused_at(self.events, instant)

    def stretch_at(self, instant: datetime) -> Stretch:
        """Return the plan in force; before the start, the first."""
        place = bisect_right(self.stretches, instant, key=lambda stretch: stretch.starts_at)
        return self.stretches[max(place - 1, 0)]

    def sales_at(self, instant: datetime) -> dict[str, Span]:
        """Return what is sold, by key."""
        return {
            span.key: span
            for span in self.spans
            if span.starts_at <= instant and (span.ends_at is None or instant < span.ends_at)
        }

    def cycle_at(self, instant: datetime, anchor: datetime, zone: tzinfo) -> Period:
        """Return the plan's cycle that holds an instant; before the start, the first one's."""
        instant = max(instant, self.starts_at)
        return cycle_of(instant, anchor, self.stretch_at(instant).offer.billing_cadence, zone)

    def scheduled_after(self, instant: datetime) -> list[Event]:
        """Return the changes that have not taken effect."""
        return [event for event in self.events if event.effective_at > instant]


def fold(
    events: Iterable[Event],
    *,
    offers: Mapping[int, Offer],
    extras: Mapping[int, Extra],
    zone: tzinfo,
) -> Timeline:
    """
    Return what a history comes to.

    ``offers`` and ``extras`` are the versions that it names, by id; ``zone`` is where phases are
    counted by the wall clock.

    Raises:
        SameInstantError, SubscriptionStateError: changes that cannot follow each other.
    """
    standing = history.standing(events)
    history.check(standing)
    stretches = tuple(_stretches(standing, offers, zone))
    starts_at = stretches[0].starts_at
    ends_at = next((e.effective_at for e in standing if e.kind is Kind.CANCELED), None)
    cuts = sorted(_cuts(starts_at, ends_at, standing, stretches))
    shop = _Shop(standing, stretches, extras)
    spans = _Spans()
    for cut in cuts:
        spans.go_on(cut, None if paused_at(standing, cut) else shop.sold_at(cut), shop.root)
    return Timeline(
        starts_at=starts_at,
        ends_at=ends_at,
        stretches=stretches,
        spans=tuple(spans.closed(ends_at)),
        events=tuple(standing),
    )


def _stretches(
    events: Sequence[Event], offers: Mapping[int, Offer], zone: tzinfo
) -> Iterator[Stretch]:
    before: Stretch | None = None
    for event in events:
        if event.kind not in history.PLANS:
            continue
        offer = offers[event.content["plan_version"]]
        if event.kind is Kind.MIGRATED and before is not None:
            root, first = before.root, event.content.get("starting_phase") or ""
            counted_from = before.phases[0][0]
        else:
            root = counted_from = event.effective_at
            first = event.content.get("starting_phase") or ""
        before = Stretch(
            starts_at=event.effective_at,
            root=root,
            offer=offer,
            overrides=event.content.get("overrides") or (),
            phases=tuple(_phases(offer, first, counted_from, zone)),
        )
        yield before


def _phases(
    offer: Offer, first: str, starts_at: datetime, zone: tzinfo
) -> Iterator[tuple[datetime, Phase]]:
    for phase in offer.phases[offer.position(first) or 0 :]:
        yield starts_at, phase
        if phase.duration is None:
            return
        starts_at = later(starts_at, phase.duration, zone)


def _cuts(
    starts_at: datetime,
    ends_at: datetime | None,
    events: Sequence[Event],
    stretches: Sequence[Stretch],
) -> set[datetime]:
    cuts = {event.effective_at for event in events}
    for stretch, following in pairwise((*stretches, None)):
        assert stretch is not None
        cuts |= {
            at
            for at, _ in stretch.phases
            if at >= stretch.starts_at and (following is None or at < following.starts_at)
        }
    return {cut for cut in cuts if starts_at <= cut and (ends_at is None or cut < ends_at)}


def paused_at(events: Iterable[Event], instant: datetime) -> bool:
    """Say whether changes, in their order, leave it paused at an instant."""
    paused = False
    for event in events:
        if event.effective_at > instant:
            break
        if event.kind in {Kind.PAUSED, Kind.RESUMED}:
            paused = event.kind is Kind.PAUSED
    return paused


class _Shop:
    """What is sold at an instant, paused or not."""

    def __init__(
        self, events: Sequence[Event], stretches: Sequence[Stretch], extras: Mapping[int, Extra]
    ) -> None:
        self._events, self._stretches, self._extras = events, stretches, extras
        self.root = stretches[0].root

    def sold_at(self, instant: datetime) -> dict[str, Sale]:
        place = bisect_right(self._stretches, instant, key=lambda stretch: stretch.starts_at)
        stretch = self._stretches[place - 1]
        self.root = stretch.root
        phase = stretch.phase_at(instant)
        sold = {
            card.key: Sale(card=card, phase=phase.key, origin=Origin.PLAN) for card in phase.cards
        }
        _patch(sold, stretch.overrides, phase.key)
        for event in self._events:
            if event.kind is Kind.EDITED and stretch.root <= event.effective_at <= instant:
                _edit(sold, event.content, phase.key)
        self._add_addons(sold, stretch.offer, phase.key, instant)
        return sold

    def _add_addons(
        self, sold: dict[str, Sale], offer: Offer, phase: str, instant: datetime
    ) -> None:
        bought = {
            event.content["addon"]: event
            for event in self._events
            if event.kind is Kind.ADDON_SET and event.effective_at <= instant
        }
        for addon, event in bought.items():
            quantity = event.content["quantity"]
            extra = self._extras[event.content["addon_version"]]
            if not quantity or not offer.sells(extra.id, phase):
                continue
            for card in extra.cards:
                sold[f"{extra.key}/{card.key}"] = Sale(
                    card=card.paced(str(offer.billing_cadence)),
                    phase=phase,
                    origin=Origin.ADDON,
                    quantity=quantity,
                    addon=addon,
                )


def _edit(sold: dict[str, Sale], content: Mapping[str, Any], phase: str) -> None:
    for entry in content.get("remove", ()):
        if entry.get("phase") in {None, "", phase}:
            sold.pop(entry["key"], None)
    _patch(sold, content.get("replace", ()), phase)
    for entry in content.get("add", ()):
        if entry.get("phase") in {None, "", phase}:
            card = Card(**{name: value for name, value in entry.items() if name != "phase"})
            sold[card.key] = Sale(card=card, phase=phase, origin=Origin.CUSTOM)


def _patch(sold: dict[str, Sale], patches: Iterable[Mapping[str, Any]], phase: str) -> None:
    for patch in patches:
        sale = sold.get(patch["key"])
        if sale is not None and patch.get("phase") in {None, "", phase}:
            origin = Origin.CUSTOM if sale.origin is Origin.CUSTOM else Origin.OVERRIDE
            sold[patch["key"]] = replace(sale, card=sale.card.patched(patch), origin=origin)


class _Spans:
    """Spans as they open and close while time goes on."""

    def __init__(self) -> None:
        self._open: dict[str, Span] = {}
        self._closed: list[Span] = []
        # How many of a one-time fee are due already: by key, phase, and when the plan began.
        self._due: dict[tuple[str, str, datetime], int] = {}

    def go_on(self, at: datetime, sold: Mapping[str, Sale] | None, root: datetime) -> None:
        """Go on with what is sold from an instant on; None: paused."""
        for key, span in list(self._open.items()):
            if sold is None or key not in sold or not span.sale.goes_on_as(sold[key]):
                self._closed.append(replace(self._open.pop(key), ends_at=at))
        if sold is None:
            return
        due = self._due
        self._due = {}
        for key, sale in sold.items():
            place = (key, sale.phase, root)
            if key not in self._open:
                charged = due.get(place, 0) if sale.card.is_one_time else 0
                quantity = max(0, sale.quantity - charged)
                self._open[key] = Span(
                    key=key, sale=sale, quantity=quantity, starts_at=at, ends_at=None
                )
            if sale.card.is_one_time:
                self._due[place] = sale.quantity

    def closed(self, ends_at: datetime | None) -> list[Span]:
        """Return all spans in order; those still open end with the subscription, if it does."""
        going_on = (replace(span, ends_at=ends_at) for span in self._open.values())
        spans = [*self._closed, *going_on]
        return sorted(spans, key=lambda span: (span.starts_at, span.key))
