"""Writing drafts as rows: a version, its phases, its rate cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from billing.models import AddonVersion, PlanPhase, PlanRateCard, PlanVersion
from billing.models.plans import Version
from billing.plans.documents import TERMS, Document
from billing.plans.references import Found


def save_plan(draft: PlanVersion, document: Mapping[str, Any], found: Found, at: datetime) -> None:
    """Write a plan's draft, which has no phases yet."""
    draft.billing_cadence = document["billing_cadence"]
    draft.settlement_mode = document["settlement_mode"]
    draft.is_prorated = document["pro_rating_enabled"]
    _save_version(draft, document, found, at)
    phases = PlanPhase.objects.bulk_create(
        PlanPhase(plan_version=draft, position=place, duration=phase["duration"], **_title(phase))
        for place, phase in enumerate(document["phases"])
    )
    PlanRateCard.objects.bulk_create(
        card
        for phase, held in zip(phases, document["phases"], strict=True)
        for card in _cards(held["rate_cards"], found, phase=phase)
    )


def save_addon(
    draft: AddonVersion, document: Mapping[str, Any], found: Found, at: datetime
) -> None:
    """Write an add-on's draft, which has no rate cards yet."""
    draft.instance_type = document["instance_type"]
    _save_version(draft, document, found, at)
    PlanRateCard.objects.bulk_create(_cards(document["rate_cards"], found, addon_version=draft))


def _save_version(draft: Version, document: Mapping[str, Any], found: Found, at: datetime) -> None:
    draft.name = document["name"]
    draft.description = document["description"]
    draft.metadata = document["metadata"]
    draft.asset = found.asset
    draft.updated_at = at
    draft.save()


def _cards(cards: Iterable[Document], found: Found, **owner: Any) -> Iterable[PlanRateCard]:
    for place, card in enumerate(cards):
        yield PlanRateCard(
            position=place,
            feature=found.feature(card["feature"]),
            billing_cadence=card["billing_cadence"],
            payment_term=card["payment_term"],
            entitlement=card["entitlement"],
            tax_config=found.tax_config(card["tax_config"]),
            **{name: card[name] for name in TERMS},
            **_title(card),
            **owner,
        )


def _title(document: Document) -> Document:
    return {name: document[name] for name in ("key", "name", "description", "metadata")}
