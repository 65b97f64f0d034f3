"""Add-ons of a subscription: how many, from when on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Unpack

from django.db import transaction

from billing.models import AddonVersion, Subscription, SubscriptionAddon
from billing.subscriptions import choosing, documents
from billing.subscriptions.changes import IMMEDIATE, Desk, Note, Timing, make, read, sit_down
from billing.subscriptions.history import Kind
from billing.subscriptions.timeline import Timeline
from ledger.errors import InvalidInputError

_MOST: Final = 1_000_000


def set_quantity(
    *,
    subscription: Subscription,
    addon: AddonVersion,
    quantity: int,
    timing: Timing = IMMEDIATE,
    **note: Unpack[Note],
) -> SubscriptionAddon:
    """
    Have so many of an add-on from an instant on; nought ends it.

    Raises:
        InvalidInputError: an add-on that is not on offer, not with this plan or not in the phase
            of that instant, in another currency; more than the plan or the add-on allows; another
            version of an add-on that is there.
        SameInstantError, SubscriptionStateError, BegunError, FeatureTakenError,
        PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request: dict[str, Any] = documents.plain(
            {"addon": addon.pk, "quantity": quantity, "timing": timing}
        )
        if desk.is_repeated(Kind.ADDON_SET, request, note):
            return desk.subscription.addons.get(addon_version=addon)
        at = note["at"]
        effective_at = desk.instant(timing, at)
        _check_quantity(quantity)
        bought = _bought(desk, addon, effective_at)
        if quantity:
            if bought is None:
                choosing.check_addon(
                    addon,
                    book=desk.subscription.book,
                    asset=desk.subscription.asset,
                    at=at,
                    from_=effective_at,
                )
            _check_offered(desk, addon, quantity, max(effective_at, desk.timeline.starts_at))
        elif bought is None:
            remedy = "name an add-on that the subscription has"
            raise InvalidInputError(field="addon", value=str(addon), remedy=remedy)
        bought = bought or SubscriptionAddon.objects.create(
            subscription=desk.subscription, addon_version=addon, created_at=at
        )
        make(
            desk,
            kind=Kind.ADDON_SET,
            effective_at=effective_at,
            content={"addon": bought.pk, "addon_version": addon.pk, "quantity": quantity},
            request=request,
            note=note,
        )
        return bought


@dataclass(frozen=True, slots=True)
class Segment:
    """So many of an add-on, from when to when."""

    active_from: datetime
    active_to: datetime | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Bought:
    """An add-on as a subscription has it over time."""

    bought: SubscriptionAddon
    timeline: tuple[Segment, ...]
    items: tuple[int, ...]
    quantity: int
    quantity_at: datetime

    @property
    def active_from(self) -> datetime:
        """Return when the first was bought."""
        return self.timeline[0].active_from

    @property
    def active_to(self) -> datetime | None:
        """Return when the last one ends, if it does."""
        last = self.timeline[-1]
        return last.active_to if last.quantity else last.active_from


def overview(*, subscription: Subscription, at: datetime) -> list[Bought]:
    """Return a subscription's add-ons, with their quantities over time and at an instant."""
    timeline = read(subscription).timeline
    items = defaultdict(list)
    for addon, item in subscription.items.exclude(addon=None).values_list("addon", "pk"):
        items[addon].append(item)
    rows = subscription.addons.select_related("addon_version__addon").order_by("pk")
    found = []
    for row in rows:
        segments = tuple(_segments(timeline, row.pk))
        if not segments:  # what was to be bought has been withdrawn
            continue
        here = (each.quantity for each in segments if _holds(each, at))
        found.append(Bought(row, segments, tuple(items[row.pk]), next(here, 0), at))
    return found


def _segments(timeline: Timeline, addon: int) -> Iterator[Segment]:
    events = [
        event
        for event in timeline.events
        if event.kind is Kind.ADDON_SET and event.content["addon"] == addon
    ]
    for event, following in pairwise([*events, None]):
        assert event is not None
        ends_at = timeline.ends_at if following is None else following.effective_at
        yield Segment(event.effective_at, ends_at, event.content["quantity"])


def _holds(segment: Segment, at: datetime) -> bool:
    return segment.active_from <= at and (segment.active_to is None or at < segment.active_to)


def _bought(desk: Desk, addon: AddonVersion, from_: datetime) -> SubscriptionAddon | None:
    """Return the add-on as the subscription has it."""
    rows = list(
        desk.subscription.addons.select_related("addon_version").filter(
            addon_version__addon=addon.addon_id
        )
    )
    own = next((row for row in rows if row.addon_version_id == addon.pk), None)
    had = {
        span.sale.addon
        for span in desk.timeline.spans
        if span.ends_at is None or span.ends_at > from_
    }
    other = next((row for row in rows if row.pk in had and row is not own), None)
    if other is not None:
        version = other.addon_version.version
        remedy = f"the subscription has version {version}: set that one to nought first"
        raise InvalidInputError(field="addon", value=str(addon), remedy=remedy)
    return own


def _check_quantity(quantity: int) -> None:
    if not 0 <= quantity <= _MOST:
        remedy = f"name a whole number from 0 to {_MOST}"
        raise InvalidInputError(field="quantity", value=quantity, remedy=remedy)


def _check_offered(desk: Desk, addon: AddonVersion, quantity: int, at: datetime) -> None:
    stretch = desk.timeline.stretch_at(at)
    terms = stretch.offer.addons.get(addon.pk)
    if terms is None:
        remedy = f"{stretch.offer.label} does not offer it: name an add-on that it does"
        raise InvalidInputError(field="addon", value=str(addon), remedy=remedy)
    phase = stretch.phase_at(at).key
    if not stretch.offer.sells(addon.pk, phase):
        remedy = f"it can be bought from phase {terms.from_phase} on; {phase} comes before"
        raise InvalidInputError(field="timing", value=at.isoformat(), remedy=remedy)
    is_single = addon.instance_type == AddonVersion.Instances.SINGLE
    most = 1 if is_single else terms.max_quantity
    if most is not None and quantity > most:
        remedy = f"buy at most {most}"
        raise InvalidInputError(field="quantity", value=quantity, remedy=remedy)
