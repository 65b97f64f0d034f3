"""A subscription whose items are written down as they are, and what its charges come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from billing import due
from billing.models import (
    Charge,
    Coupon,
    CouponRedemption,
    Feature,
    Meter,
    Plan,
    PlanVersion,
    Rate,
    Subscription,
    SubscriptionItem,
)
from tests import factories
from tests.billing.scene import START, Scene, new_scene

_numbers = count(1)


def on(text: str) -> datetime:
    """Return an instant of UTC: "2024-01-02", or with a time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Agreed:
    """One customer's subscription; items are added and cut as the timeline would do it."""

    scene: Scene
    subscription: Subscription
    items: dict[str, SubscriptionItem] = field(default_factory=dict)

    def fee(
        self,
        amount: str | int = 10,
        *,
        key: str = "base",
        since: str | datetime = "",
        until: str | datetime | None = None,
        term: str = "in_advance",
        cadence: str = "P1M",
        quantity: int = 1,
        feature: Feature | None = None,
    ) -> SubscriptionItem:
        """Sell a flat fee."""
        terms = {"price": {"type": "flat", "amount": str(amount)}}
        return self.item(
            key, terms, since, until, cadence, payment_term=term, quantity=quantity, feature=feature
        )

    def usage(
        self,
        meter: Meter,
        price: dict[str, Any],
        *,
        key: str = "usage",
        since: str | datetime = "",
        until: str | datetime | None = None,
        cadence: str = "P1M",
        feature: Feature | None = None,
        **more: Any,
    ) -> SubscriptionItem:
        """Sell a meter's usage."""
        terms = {"price": price, **more}
        starts_at = self._at(since) if since else self.subscription.starts_at
        rate = Rate.objects.create(
            asset=self.scene.dollars,
            meter=meter,
            model="terms",
            terms=terms,
            effective_from=starts_at,
            created_at=starts_at,
        )
        return self.item(
            key,
            terms,
            since,
            until,
            cadence,
            rate=rate,
            meter=meter,
            feature=feature,
            payment_term="in_arrears",
        )

    def item(
        self,
        key: str,
        terms: dict[str, Any],
        since: str | datetime,
        until: str | datetime | None,
        cadence: str,
        **more: Any,
    ) -> SubscriptionItem:
        starts_at = self._at(since) if since else self.subscription.starts_at
        made = SubscriptionItem.objects.create(
            subscription=self.subscription,
            customer=self.subscription.customer,
            key=key,
            name=key.title(),
            phase_key="main",
            origin="plan",
            billing_cadence=cadence,
            terms=terms,
            starts_at=starts_at,
            ends_at=self._at(until) if until else None,
            **more,
        )
        self.items[key] = made
        self.look_again(starts_at)
        return made

    def cut(self, key: str, at: str | datetime | None) -> None:
        """End an item at an instant, or let it go on."""
        item = self.items[key]
        before, item.ends_at = item.ends_at, self._at(at) if at else None
        item.save(update_fields=["ends_at"])
        differs = [instant for instant in (before, item.ends_at) if instant]
        self.look_again(min(differs))

    def replace(self, key: str, amount: str | int, at: str | datetime, **more: Any) -> None:
        """Sell another fee in place of one from an instant on."""
        old = self.items[key]
        self.cut(key, at)
        more.setdefault("term", old.payment_term)
        more.setdefault("cadence", old.billing_cadence)
        self.fee(amount, key=key, since=at, **more)

    def end(self, at: str | datetime) -> None:
        """End the whole subscription."""
        self.subscription.ends_at = self._at(at)
        self.subscription.save(update_fields=["ends_at"])
        for key, item in self.items.items():
            if item.ends_at is None or item.ends_at > self._at(at):
                self.cut(key, at)

    def look_again(self, at: datetime) -> None:
        self.subscription.refresh_from_db()
        due_at = self.subscription.due_at
        self.subscription.due_at = min(due_at or at, at)
        self.subscription.save(update_fields=["due_at"])

    def run(self, until: str | datetime) -> due.Done:
        """Do what is due for the customer."""
        done = due.run(customer=self.scene.customer, until=self._at(until))
        self.subscription.refresh_from_db()
        return done

    def coupon(self, *, redeemed: str, removed: str = "", **terms: Any) -> CouponRedemption:
        """Redeem a coupon made for it."""
        terms.setdefault("duration", "forever")
        coupon = Coupon.objects.create(
            book=self.scene.book,
            key=f"coupon-{next(_numbers)}",
            name="Coupon",
            kind="percentage" if "percentage" in terms else "amount",
            created_at=START,
            asset=None if "percentage" in terms else self.scene.dollars,
            **terms,
        )
        made = CouponRedemption.objects.create(
            coupon=coupon,
            subscription=self.subscription,
            key=coupon.key,
            redeemed_at=on(redeemed),
            removed_at=on(removed) if removed else None,
        )
        self.look_again(on(redeemed))
        return made

    @property
    def charges(self) -> list[Decimal]:
        """Return what is posted, in the order of the time it is for."""
        rows = Charge.objects.filter(subscription=self.subscription).exclude(posted=0)
        return [row.posted.normalize() for row in rows.order_by("starts_at", "kind", "pk")]

    def charged(self, kind: str) -> list[Decimal]:
        rows = Charge.objects.filter(subscription=self.subscription, kind=kind)
        return [row.posted.normalize() for row in rows.order_by("starts_at", "pk")]

    def holds(self, purpose: str) -> Decimal:
        """Return what accounts of a purpose hold by their entries, credits first."""
        return -self.scene.holds(purpose)

    def _at(self, instant: str | datetime) -> datetime:
        return on(instant) if isinstance(instant, str) else instant


def agreed(
    *,
    since: str = "2024-01-01",
    anchor: str = "",
    cadence: str = "P1M",
    zone: str = "UTC",
    proration: str = "always",
    settlement: str = "credit_then_invoice",
    scene: Scene | None = None,
) -> Agreed:
    """Return a subscription to nothing yet, monthly from 2024 on."""
    scene = scene or new_scene()
    plan = Plan.objects.create(book=scene.book, key=factories.name("plan"), created_at=START)
    version = PlanVersion.objects.create(
        plan=plan,
        version=1,
        name="Plan",
        asset=scene.dollars,
        billing_cadence=cadence,
        created_at=START,
        updated_at=START,
    )
    subscription = Subscription.objects.create(
        book=scene.book,
        customer=scene.customer,
        key=factories.name("subscription"),
        plan_version=version,
        asset=scene.dollars,
        billing_anchor=on(anchor or since),
        billing_cadence=cadence,
        time_zone=zone,
        settlement_mode=settlement,
        proration=proration,
        starts_at=on(since),
        due_at=on(since),
        created_at=START,
    )
    return Agreed(scene=scene, subscription=subscription)
