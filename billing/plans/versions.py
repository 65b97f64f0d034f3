"""
Versions of plans and add-ons as they are kept: their status, their documents, what they lack.

``plans`` and ``addons`` read a version with everything in it, in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from billing.models import (
    AddonVersion,
    Feature,
    Meter,
    PlanAddon,
    PlanPhase,
    PlanRateCard,
    PlanVersion,
)
from billing.models.plans import Version
from billing.plans import validation
from billing.plans.documents import TERMS, Document
from billing.plans.facts import Facts, FeatureFacts, MeterFacts
from billing.rating.problems import Problem
from ledger.models import Asset, Book


def status_of(version: Version, at: datetime) -> Version.Status:
    """Return what a version is at an instant: it follows from when it is published and archived."""
    if version.effective_from is None:
        return Version.Status.DRAFT
    ends_at = version.effective_to
    if ends_at is not None and (ends_at <= at or ends_at <= version.effective_from):
        return Version.Status.ARCHIVED
    return Version.Status.SCHEDULED if at < version.effective_from else Version.Status.ACTIVE


def plans(book: Book) -> QuerySet[PlanVersion]:
    """Return the versions of a book's plans, each with its phases, rate cards and add-ons."""
    cards = _cards()
    phases = PlanPhase.objects.order_by("position").prefetch_related(Prefetch("rate_cards", cards))
    attached = PlanAddon.objects.select_related(
        "addon_version__addon", "addon_version__asset"
    ).prefetch_related(Prefetch("addon_version__rate_cards", _cards()))
    return (
        PlanVersion.objects.filter(plan__book=book)
        .select_related("plan__book", "asset")
        .prefetch_related(Prefetch("phases", phases), Prefetch("addons", attached))
        .order_by("plan__key", "version")
    )


def addons(book: Book) -> QuerySet[AddonVersion]:
    """Return the versions of a book's add-ons, each with its rate cards."""
    return (
        AddonVersion.objects.filter(addon__book=book)
        .select_related("addon__book", "asset")
        .prefetch_related(Prefetch("rate_cards", _cards()))
        .order_by("addon__key", "version")
    )


def _cards() -> QuerySet[PlanRateCard]:
    return PlanRateCard.objects.order_by("position").select_related("feature__meter__unit")


def latest(versions: Iterable[Version]) -> Version | None:
    """Return the version of the highest number; None if there is none."""
    return max(versions, key=lambda version: version.version, default=None)


def plan_document(version: PlanVersion) -> Document:
    """Return a plan's version as a document in its full form."""
    return {
        "key": version.plan.key,
        "name": version.name,
        "description": version.description,
        "metadata": version.metadata,
        "currency": version.asset.code,
        "billing_cadence": version.billing_cadence,
        "pro_rating_enabled": version.is_prorated,
        "settlement_mode": version.settlement_mode,
        "phases": [_phase_document(phase) for phase in version.phases.all()],
    }


def addon_document(version: AddonVersion) -> Document:
    """Return an add-on's version as a document in its full form."""
    return {
        "key": version.addon.key,
        "name": version.name,
        "description": version.description,
        "metadata": version.metadata,
        "currency": version.asset.code,
        "instance_type": version.instance_type,
        "rate_cards": [card_document(card) for card in version.rate_cards.all()],
    }


def _phase_document(phase: PlanPhase) -> Document:
    return {
        "key": phase.key,
        "name": phase.name,
        "description": phase.description,
        "metadata": phase.metadata,
        "duration": phase.duration,
        "rate_cards": [card_document(card) for card in phase.rate_cards.all()],
    }


def card_document(card: PlanRateCard) -> Document:
    """Return a rate card as a document in its full form."""
    feature = card.feature
    return {
        "key": card.key,
        "name": card.name,
        "description": card.description,
        "metadata": card.metadata,
        "feature": None if feature is None else {"id": str(feature.pk), "key": feature.key},
        "billing_cadence": card.billing_cadence,
        "payment_term": card.payment_term,
        **{name: getattr(card, name) for name in TERMS},
        "entitlement": card.entitlement,
        "tax_config": card.tax_config,
    }


def plan_problems(version: PlanVersion) -> list[Problem]:
    """Return every rule that a plan's version breaks; none if it may be published."""
    document = plan_document(version)
    cards = [card for phase in version.phases.all() for card in phase.rate_cards.all()]
    found = validation.plan_problems(document, facts_of(version.plan.book, version.asset, cards))
    for place, attached in enumerate(version.addons.all()):
        addon = addon_document(attached.addon_version)
        found += validation.attachment_problems(
            addon, document, from_phase=attached.from_plan_phase, path=f"addons[{place}]."
        )
    return found


def addon_problems(version: AddonVersion) -> list[Problem]:
    """Return every rule that an add-on's version breaks; none if it may be published."""
    facts = facts_of(version.addon.book, version.asset, version.rate_cards.all())
    return validation.addon_problems(addon_document(version), facts)


def facts_of(book: Book, asset: Asset, cards: Iterable[PlanRateCard]) -> Facts:
    """Return what the rules look at, of rate cards that were read with their features."""
    features = {card.feature.key: card.feature for card in cards if card.feature is not None}
    return Facts(
        currency_kind=asset.kind,
        currency=asset.code,
        base_currency=book.base_currency,
        kept=asset.scale,
        features={key: feature_facts(feature) for key, feature in features.items()},
    )


def feature_facts(feature: Feature) -> FeatureFacts:
    """Return a feature as the rules see it."""
    meter = feature.meter
    return FeatureFacts(
        key=feature.key,
        meter=None if meter is None else meter_facts(meter),
        is_archived=feature.archived_at is not None,
    )


def meter_facts(meter: Meter) -> MeterFacts:
    """Return a meter as the rules see it."""
    return MeterFacts(
        key=meter.key,
        scale=meter.unit.scale,
        dimensions=tuple(meter.dimensions),
        aggregation=meter.aggregation,
        is_archived=meter.archived_at is not None,
    )


def problem_documents(problems: Sequence[Problem]) -> list[Mapping[str, Any]]:
    """Return problems as JSON, as Konnect's ProductCatalogValidationError."""
    return [
        {
            "code": problem.code,
            "field": problem.field,
            "message": problem.message,
            "attributes": {name: str(value) for name, value in problem.attributes.items()},
        }
        for problem in problems
    ]
