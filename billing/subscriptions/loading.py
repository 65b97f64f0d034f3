"""Published plans and add-ons as the plain values that timelines are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from billing.models import (
    AddonVersion,
    Feature,
    Meter,
    PlanAddon,
    PlanPhase,
    PlanRateCard,
    PlanVersion,
)
from billing.subscriptions.history import PLANS, Event, Kind
from billing.subscriptions.offers import TERMS, AddonTerms, Card, Extra, Offer, Phase
from ledger import durations


@dataclass
class Catalogue:
    """The versions that a history names, and the meters that their prices count."""

    offers: dict[int, Offer] = field(default_factory=dict)
    extras: dict[int, Extra] = field(default_factory=dict)
    meters: dict[int, Meter] = field(default_factory=dict)

    def know(self, events: Iterable[Event]) -> None:
        """Load what events name and is not known yet."""
        events = list(events)
        plans = {e.content["plan_version"] for e in events if e.kind in PLANS}
        addons = {e.content["addon_version"] for e in events if e.kind is Kind.ADDON_SET}
        added = {
            entry["meter_id"]
            for event in events
            if event.kind is Kind.EDITED
            for entry in event.content.get("add", ())
        }
        self.know_offers(plans - self.offers.keys())
        self.know_extras(addons - self.extras.keys())
        if missing := added - self.meters.keys() - {None}:
            meters = Meter.objects.select_related("unit").in_bulk(missing)
            self.meters |= meters

    def know_offers(self, ids: Iterable[int]) -> None:
        """Load plan versions."""
        if not (wanted := list(ids)):
            return
        versions = PlanVersion.objects.filter(pk__in=wanted).select_related("plan")
        phases = PlanPhase.objects.filter(plan_version__in=wanted).order_by("position")
        cards = self._cards(Q(phase__plan_version__in=wanted))
        addons = PlanAddon.objects.filter(plan_version__in=wanted)
        phases_of: dict[int, list[PlanPhase]] = defaultdict(list)
        addons_of: dict[int, dict[int, AddonTerms]] = defaultdict(dict)
        for phase in phases:
            phases_of[phase.plan_version_id].append(phase)
        for addon in addons:
            addons_of[addon.plan_version_id][addon.addon_version_id] = AddonTerms(
                from_phase=addon.from_plan_phase, max_quantity=addon.max_quantity
            )
        for version in versions:
            self.offers[version.pk] = Offer(
                id=version.pk,
                label=f"{version.plan.key} v{version.version}",
                billing_cadence=durations.parse("billing_cadence", version.billing_cadence),
                phases=tuple(
                    _phase(phase, version, cards.get(("phase", phase.pk), ()))
                    for phase in phases_of[version.pk]
                ),
                addons=addons_of[version.pk],
            )

    def know_extras(self, ids: Iterable[int]) -> None:
        """Load add-on versions."""
        if not (wanted := list(ids)):
            return
        cards = self._cards(Q(addon_version__in=wanted))
        for version in AddonVersion.objects.filter(pk__in=wanted).select_related("addon"):
            self.extras[version.pk] = Extra(
                id=version.pk,
                key=version.addon.key,
                is_single=version.instance_type == AddonVersion.Instances.SINGLE,
                cards=tuple(card_of(row) for row in cards.get(("addon", version.pk), ())),
            )

    def _cards(self, owned: Q) -> dict[tuple[str, int], list[PlanRateCard]]:
        found: dict[tuple[str, int], list[PlanRateCard]] = defaultdict(list)
        rows = PlanRateCard.objects.filter(owned).select_related("feature__meter__unit")
        for row in rows.order_by("position", "pk"):
            owner = ("phase", row.phase_id) if row.phase_id else ("addon", row.addon_version_id)
            found[owner[0], owner[1] or 0].append(row)
            if row.feature is not None:
                self.know_feature(row.feature)
        return found

    def know_feature(self, feature: Feature) -> None:
        """Remember a feature's meter; its unit has been read."""
        if feature.meter is not None:
            self.meters[feature.meter.pk] = feature.meter


def _phase(phase: PlanPhase, version: PlanVersion, cards: Sequence[PlanRateCard]) -> Phase:
    duration = phase.duration and durations.parse("duration", phase.duration)
    return Phase(
        key=phase.key,
        duration=duration or None,
        cards=tuple(card_of(row).paced(version.billing_cadence) for row in cards),
    )


def card_of(row: PlanRateCard) -> Card:
    """Return what a rate card sells."""
    return Card(
        key=row.key,
        name=row.name,
        terms=terms_of({name: getattr(row, name) for name in TERMS}),
        payment_term=row.payment_term,
        billing_cadence=row.billing_cadence,
        rate_card_id=row.pk,
        feature_id=row.feature_id,
        feature_key=row.feature.key if row.feature is not None else "",
        meter_id=row.feature.meter_id if row.feature is not None else None,
        entitlement=row.entitlement,
        tax_config=row.tax_config,
    )


def terms_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return terms with all their parts, so that what says the same compares the same."""
    return {name: document.get(name) for name in TERMS}
