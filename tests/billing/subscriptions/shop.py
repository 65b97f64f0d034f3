"""A small shop with plans, and what customers' subscriptions to them come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.models import (
    Addon,
    AddonVersion,
    Feature,
    Meter,
    Plan,
    PlanAddon,
    PlanPhase,
    PlanRateCard,
    PlanVersion,
    Subscription,
    SubscriptionItem,
)
from billing.subscriptions import creation
from ledger.models import Asset, Book, Customer
from tests import factories

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def day(text: str) -> datetime:
    """Return an instant of the year 2024: "02-15" or "02-15T12:00"."""
    return datetime.fromisoformat(f"2024-{text}").replace(tzinfo=UTC)


def flat(amount: str, *, key: str = "base", cadence: str = "P1M", **others: Any) -> dict[str, Any]:
    return {
        "key": key,
        "price": {"type": "flat", "amount": amount},
        "billing_cadence": cadence,
        "payment_term": "in_advance",
        **others,
    }


def usage(amount: str, *, feature: str = "tokens", key: str = "", **others: Any) -> dict[str, Any]:
    return {
        "key": key or feature,
        "price": {"type": "unit", "amount": amount},
        "billing_cadence": "P1M",
        "payment_term": "in_arrears",
        "feature": feature,
        **others,
    }


def stage(key: str, *cards: Mapping[str, Any], duration: str = "") -> dict[str, Any]:
    return {"key": key, "duration": duration, "cards": cards}


@dataclass
class Shop:
    """A book with features, plans and customers."""

    book: Book
    dollars: Asset
    features: dict[str, Feature] = field(default_factory=dict)

    def feature(self, key: str) -> Feature:
        """Return a metered feature, made on first use."""
        if key not in self.features:
            meter = Meter.objects.create(
                book=self.book,
                key=key,
                event_type=key,
                aggregation="sum",
                value_path="$.n",
                unit=factories.asset(code=f"{key}-units", kind=Asset.Kind.UNIT, scale=0),
                feature_key=key,
                created_at=JANUARY,
            )
            self.features[key] = Feature.objects.create(
                book=self.book, key=key, name=key, meter=meter, created_at=JANUARY
            )
        return self.features[key]

    def plan(
        self,
        *stages: Mapping[str, Any],
        key: str = "pro",
        cadence: str = "P1M",
        is_published: bool = True,
        asset: Asset | None = None,
        **others: Any,
    ) -> PlanVersion:
        """Return the next version of a plan."""
        plan, _ = Plan.objects.get_or_create(
            book=self.book, key=key, defaults={"created_at": JANUARY}
        )
        version = PlanVersion.objects.create(
            plan=plan,
            version=plan.versions.count() + 1,
            name=key,
            asset=asset or self.dollars,
            billing_cadence=cadence,
            created_at=JANUARY,
            updated_at=JANUARY,
            **others,
        )
        for position, wanted in enumerate(stages):
            phase = PlanPhase.objects.create(
                plan_version=version,
                position=position,
                key=wanted["key"],
                name=wanted["key"],
                duration=wanted["duration"],
            )
            self._cards(wanted["cards"], phase=phase)
        if is_published:
            self.publish(version)
        return version

    def simple(self, amount: str, *, key: str = "pro", **others: Any) -> PlanVersion:
        """Return a plan of one monthly fee in advance."""
        return self.plan(stage("main", flat(amount)), key=key, **others)

    def addon(
        self,
        plan: PlanVersion,
        *cards: Mapping[str, Any],
        key: str = "seats",
        from_phase: str = "main",
        most: int | None = None,
        instances: str = "multiple",
        asset: Asset | None = None,
    ) -> AddonVersion:
        """Return an add-on's next version, offered with a plan."""
        addon, _ = Addon.objects.get_or_create(
            book=self.book, key=key, defaults={"created_at": JANUARY}
        )
        version = AddonVersion.objects.create(
            addon=addon,
            version=addon.versions.count() + 1,
            name=key,
            asset=asset or self.dollars,
            instance_type=instances,
            created_at=JANUARY,
            updated_at=JANUARY,
        )
        self._cards(cards, addon_version=version)
        self.publish(version)
        PlanAddon.objects.create(
            plan_version=plan,
            addon_version=version,
            name=key,
            from_plan_phase=from_phase,
            max_quantity=most,
            created_at=JANUARY,
        )
        return version

    def publish(self, version: PlanVersion | AddonVersion, at: datetime | None = None) -> None:
        """Put a version on offer."""
        version.effective_from = at or JANUARY - 365 * DAY
        version.save(update_fields=["effective_from"])

    def customer(self) -> Customer:
        """Return a new customer."""
        return factories.customer(book=self.book)

    def subscribe(
        self, plan: PlanVersion, *, customer: Customer | None = None, **others: Any
    ) -> Subscription:
        """Subscribe a customer on 1 January, unless told."""
        others.setdefault("at", JANUARY)
        return creation.create(customer=customer or self.customer(), plan=plan, **others)

    def _cards(self, cards: Sequence[Mapping[str, Any]], **owner: Any) -> None:
        for position, card in enumerate(cards):
            feature = card.get("feature")
            PlanRateCard.objects.create(
                position=position,
                name=card["key"],
                **{**card, "feature": self.feature(feature) if feature else None},
                **owner,
            )


def new_shop(**book: Any) -> Shop:
    """Return a shop that sells in dollars."""
    return Shop(book=factories.book(**book), dollars=factories.asset())


def items(subscription: Subscription, *, at: datetime | None = None) -> list[str]:
    """Return what is sold: "base 10 01-01 → 02-01", in order; at one instant, if named."""
    rows = SubscriptionItem.objects.filter(subscription=subscription).order_by("starts_at", "key")
    return [
        _shown(row)
        for row in rows
        if at is None or (row.starts_at <= at and (row.ends_at is None or at < row.ends_at))
    ]


def _shown(row: SubscriptionItem) -> str:
    amount = row.terms["price"].get("amount", row.terms["price"]["type"])
    times = f" ×{row.quantity}" if row.quantity != 1 else ""
    return f"{row.key} {amount}{times} {_date(row.starts_at)} → {_date(row.ends_at)}".strip()


def _date(instant: datetime | None) -> str:
    if instant is None:
        return ""
    local = instant.astimezone(UTC)
    return f"{local:%m-%d}" if local.time() == JANUARY.time() else f"{local:%m-%dT%H:%M}"
