"""What subscriptions came to: usage, fees, minimums, coupons."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from billing.models import Accrual, Charge, Subscription, SubscriptionItem
from ledger.models import Book
from ledger.money import ZERO, add


@dataclass(slots=True, kw_only=True)
class SubscriptionRow:
    """One subscription; ``charges`` are posted amounts by ``Charge.Kind``."""

    customer: str
    plan: str
    asset: str
    phase: str = "–"  # in force at the instant asked for
    usage: Decimal = ZERO
    charges: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    due_at: datetime | None = None

    @property
    def total(self) -> Decimal:
        """Return usage and charges together."""
        total = self.usage
        for amount in self.charges.values():
            total = add(total, amount)
        return total


def of_book(*, book: Book, at: datetime) -> list[SubscriptionRow]:
    """Return a row for each of a book's subscriptions, by customer; five queries in all."""
    rows = {
        subscription.pk: SubscriptionRow(
            customer=subscription.customer.key,
            plan=str(subscription.plan_version),
            asset=subscription.asset.code,
            due_at=subscription.due_at,
        )
        for subscription in Subscription.objects.filter(book=book)
        .select_related("customer", "plan_version__plan", "asset")
        .order_by("customer__key", "pk")
    }
    items = SubscriptionItem.objects.filter(subscription__book=book)
    for number, phase in (
        items.filter(starts_at__lte=at)
        .order_by("starts_at")
        .values_list("subscription_id", "phase_key")
    ):
        rows[number].phase = phase
    owner = dict(items.exclude(rate=None).values_list("rate_id", "subscription_id"))
    used = Accrual.objects.filter(rate_id__in=list(owner)).values_list("rate_id")
    for rate_id, amount in used.annotate(amount=Sum("amount")):
        row = rows[owner[rate_id]]
        row.usage = add(row.usage, amount)
    posted = Charge.objects.filter(subscription__book=book).values_list("subscription_id", "kind")
    for number, kind, amount in posted.annotate(amount=Sum("posted")):
        if number is not None:
            rows[number].charges[kind] = amount
    return list(rows.values())
