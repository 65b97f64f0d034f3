"""Changing to another plan, and moving on to a newer version of the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Unpack

from django.db import transaction

from billing.models import PlanVersion, Subscription
from billing.subscriptions import choosing, documents
from billing.subscriptions.changes import IMMEDIATE, Desk, Note, Timing, lock, make, sit_down
from billing.subscriptions.changes import read as read_desk
from billing.subscriptions.history import Event, Kind
from billing.subscriptions.offers import Document
from billing.subscriptions.timeline import Span, Timeline
from ledger.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Difference:
    """How one item differs on two timelines; None where it is not sold."""

    key: str
    phase: str
    before: Document | None
    after: Document | None


@dataclass(frozen=True, slots=True)
class Migration:
    """What moving to a newer version would change, from when on."""

    effective_at: datetime
    before: PlanVersion
    after: PlanVersion
    differences: tuple[Difference, ...]
    dropped: tuple[str, ...]  # items whose negotiated terms have nothing to apply to
    dry_run: bool = True


def change(
    *,
    subscription: Subscription,
    plan: PlanVersion | Document,
    timing: Timing = IMMEDIATE,
    overrides: Sequence[Document] = (),
    starting_phase: str = "",
    **note: Unpack[Note],
) -> Subscription:
    """
    Put a subscription on another plan: now, at its next cycle, or at an instant.

    ``plan`` may be the document of one that is made for this customer alone. Up or down, the rules
    are the same. Edits and negotiated terms of the old plan end with it; add-ons go on where the
    new one offers them. Items that are the same in both go on unbroken.

    Raises:
        InvalidInputError: a plan that is not on offer or in another currency, an unknown item or
            phase, terms that cannot be read.
        InvalidDraftError, UnpublishableError: the document, with all that is wrong.
        SameInstantError, SubscriptionStateError, BegunError, FeatureTakenError,
        PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request = documents.plain(
            {
                "plan": choosing.named(plan),
                "timing": timing,
                "overrides": overrides,
                "starting_phase": starting_phase,
            }
        )
        if desk.is_repeated(Kind.CHANGED, request, note):
            return desk.subscription
        effective_at = desk.instant(timing, note["at"])
        plan = choosing.version_of(
            plan, customer=desk.subscription.customer, at=note["at"], from_=effective_at
        )
        _check(desk, plan, note["at"], effective_at)
        offer = desk.catalogue.offers[plan.pk]
        documents.check_phase("starting_phase", starting_phase, offer)
        return make(
            desk,
            kind=Kind.CHANGED,
            effective_at=effective_at,
            content={
                "plan_version": plan.pk,
                "overrides": documents.overrides("overrides", overrides, offer),
                "starting_phase": starting_phase,
            },
            request=request,
            note=note,
        )


def migrate(
    *,
    subscription: Subscription,
    version: PlanVersion,
    timing: Timing = IMMEDIATE,
    **note: Unpack[Note],
) -> Subscription:
    """
    Move a subscription to a newer version of its plan.

    Phases go on as if the new version had been there from the start; edits and negotiated terms
    stay where the item still exists.

    Raises:
        InvalidInputError: no newer version of the same plan, or one not on offer.
        SameInstantError, SubscriptionStateError, BegunError, FeatureTakenError,
        PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request = {"plan": version.pk, "timing": documents.plain(timing)}
        if desk.is_repeated(Kind.MIGRATED, request, note):
            return desk.subscription
        effective_at, content = _migration(desk, version, timing, note["at"])
        return make(
            desk,
            kind=Kind.MIGRATED,
            effective_at=effective_at,
            content=content,
            request=request,
            note=note,
        )


def try_migration(
    *, subscription: Subscription, version: PlanVersion, timing: Timing = IMMEDIATE, at: datetime
) -> Migration:
    """Say what ``migrate`` would change, and change nothing; errors as ``migrate``."""
    desk = read_desk(subscription)
    effective_at, content = _migration(desk, version, timing, at)
    before = desk.timeline.stretch_at(effective_at)
    event = Event(
        sequence=len(desk.history) + 1,
        kind=Kind.MIGRATED,
        effective_at=effective_at,
        content=content,
    )
    after = desk.comes_to([*desk.history, event])
    old = PlanVersion.objects.select_related("plan", "asset").get(pk=before.offer.id)
    return Migration(
        effective_at=effective_at,
        before=old,
        after=version,
        differences=tuple(differences(desk.timeline, after, effective_at)),
        dropped=_dropped(before.overrides, content["overrides"]),
    )


def migrate_or_try(
    *,
    subscription: Subscription,
    version: PlanVersion,
    timing: Timing = IMMEDIATE,
    is_dry_run: bool = False,
    **note: Unpack[Note],
) -> Migration:
    """Migrate, unless it is a dry run, and say what changes; errors as ``migrate``."""
    with transaction.atomic():
        lock(subscription.customer_id)
        found = try_migration(
            subscription=subscription, version=version, timing=timing, at=note["at"]
        )
        if is_dry_run:
            return found
        migrate(subscription=subscription, version=version, timing=timing, **note)
        return replace(found, dry_run=False)


def differences(before: Timeline, after: Timeline, from_: datetime) -> Iterable[Difference]:
    """Return the items that two timelines sell differently from an instant on."""
    old, new = _sold(before, from_), _sold(after, from_)
    for key, phase in sorted(old.keys() | new.keys()):
        was, is_ = old.get((key, phase)), new.get((key, phase))
        if was != is_:
            yield Difference(key=key, phase=phase, before=was, after=is_)


def _sold(timeline: Timeline, from_: datetime) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (span.key, span.sale.phase): _described(span)
        for span in timeline.spans
        if span.ends_at is None or span.ends_at > from_
    }


def _described(span: Span) -> dict[str, Any]:
    card = span.sale.card
    return {
        **card.terms,
        "billing_cadence": card.billing_cadence or None,
        "payment_term": card.payment_term,
        "quantity": span.sale.quantity,
        "entitlement": card.entitlement,
    }


def _check(desk: Desk, plan: PlanVersion, at: datetime, effective_at: datetime) -> None:
    subscription = desk.subscription
    choosing.check_plan(plan, customer=subscription.customer, at=at, from_=effective_at)
    choosing.check_asset("plan", plan, subscription.asset)
    desk.catalogue.know_offers({plan.pk} - desk.catalogue.offers.keys())


def _migration(
    desk: Desk, version: PlanVersion, timing: Timing, at: datetime
) -> tuple[datetime, dict[str, Any]]:
    effective_at = desk.instant(timing, at)
    stretch = desk.timeline.stretch_at(effective_at)
    current = PlanVersion.objects.get(pk=stretch.offer.id)
    if version.plan_id != current.plan_id or version.version <= current.version:
        remedy = f"name a version of the same plan that is newer than {current.version}"
        raise InvalidInputError(field="plan", value=str(version), remedy=remedy)
    _check(desk, version, at, effective_at)
    offer = desk.catalogue.offers[version.pk]
    first = stretch.phases[0][1].key
    return effective_at, {
        "plan_version": version.pk,
        "overrides": [patch for patch in stretch.overrides if patch["key"] in offer.card_keys],
        "starting_phase": first if offer.position(first) is not None else "",
    }


def _dropped(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    return tuple(sorted({patch["key"] for patch in before if patch not in after}))
