"""
Publishing and archiving versions of plans and add-ons.

A version is on offer from an instant on, and ends the offer of the version before it then. What
customers have subscribed to goes on as it was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from billing.models import Addon, AddonVersion, Plan, PlanVersion
from billing.models.plans import Version
from billing.plans import versions
from billing.plans.errors import NoDraftError, UnpublishableError
from billing.plans.freezing import frozen
from billing.rating.problems import Problem
from ledger.errors import InvalidInputError, NotFoundError


def publish_plan(*, plan: Plan, effective_from: datetime, at: datetime) -> PlanVersion:
    """
    Publish a plan's draft: it never changes again, and is on offer from an instant on.

    The version before it is archived from that instant.

    Raises:
        NoDraftError: all versions are published.
        UnpublishableError: the draft breaks rules of the catalogue, with all of them.
        InvalidInputError: not after the instant from which the version before it is on offer.
    """
    with transaction.atomic(), frozen():
        own = _locked(PlanVersion.objects.filter(plan=plan))
        draft = next((version for version in own if version.effective_from is None), None)
        if draft is None:
            raise NoDraftError(plan=plan.key)
        whole = versions.plans(plan.book).get(pk=draft.pk)
        _publish(whole, own, versions.plan_problems(whole), effective_from, at)
    return whole


def publish_addon(*, addon: Addon, effective_from: datetime, at: datetime) -> AddonVersion:
    """Publish an add-on's draft; as ``publish_plan``."""
    with transaction.atomic(), frozen():
        own = _locked(AddonVersion.objects.filter(addon=addon))
        draft = next((version for version in own if version.effective_from is None), None)
        if draft is None:
            raise NoDraftError(addon=addon.key)
        whole = versions.addons(addon.book).get(pk=draft.pk)
        _publish(whole, own, versions.addon_problems(whole), effective_from, at)
    return whole


def archive_plan(
    *, plan: Plan, effective_to: datetime, at: datetime, version: int | None = None
) -> PlanVersion:
    """
    End the offer of a plan's version (the newest published one, if none is named).

    Nobody can subscribe to it from ``effective_to`` on; an offer that ends earlier stays ended.

    Raises:
        NotFoundError: there is no such version, or it is a draft.
    """
    with transaction.atomic(), frozen():
        own = _locked(PlanVersion.objects.filter(plan=plan))
        found = _published(own, version, plan=plan.key)
        _archive(found, effective_to, at)
    return versions.plans(plan.book).get(pk=found.pk)


def archive_addon(
    *, addon: Addon, effective_to: datetime, at: datetime, version: int | None = None
) -> AddonVersion:
    """End the offer of an add-on's version; as ``archive_plan``."""
    with transaction.atomic(), frozen():
        own = _locked(AddonVersion.objects.filter(addon=addon))
        found = _published(own, version, addon=addon.key)
        _archive(found, effective_to, at)
    return versions.addons(addon.book).get(pk=found.pk)


def _locked(own: QuerySet[PlanVersion] | QuerySet[AddonVersion]) -> Sequence[Version]:
    return list(own.select_for_update().order_by("version"))


def _publish(
    draft: Version,
    own: Sequence[Version],
    problems: Sequence[Problem],
    effective_from: datetime,
    at: datetime,
) -> None:
    if problems:
        raise UnpublishableError(problems=problems)
    before = next((version for version in reversed(own) if version.effective_from), None)
    if before is not None and before.effective_from is not None:
        if effective_from <= before.effective_from:
            remedy = (
                f"name a later instant than {before.effective_from.isoformat()}, from which"
                f" version {before.version} is on offer"
            )
            raise InvalidInputError(
                field="effective_from", value=effective_from.isoformat(), remedy=remedy
            )
        _archive(before, effective_from, at)
    draft.effective_from = effective_from
    draft.updated_at = at
    draft.save(update_fields=["effective_from", "updated_at"])


def _archive(version: Version, effective_to: datetime, at: datetime) -> None:
    assert version.effective_from is not None, "it is published"
    ends_at = max(effective_to, version.effective_from)
    if version.effective_to is None or ends_at < version.effective_to:
        version.effective_to = ends_at
        version.updated_at = at
        version.save(update_fields=["effective_to", "updated_at"])


def _published(own: Sequence[Version], number: int | None, **name: str) -> Version:
    for version in reversed(own):
        if version.effective_from is not None and number in {None, version.version}:
            return version
    raise NotFoundError(version="published" if number is None else number, **name)
