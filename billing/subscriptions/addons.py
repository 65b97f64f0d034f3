"""Add-ons of a subscription: how many, from when on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Unpack

from django.db import transaction

from billing.models import AddonVersion, Subscription, SubscriptionAddon
from billing.subscriptions import choosing, documents
from billing.subscriptions.changes import IMMEDIATE, Desk, Note, Timing, make, sit_down
from billing.subscriptions.history import Kind
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
