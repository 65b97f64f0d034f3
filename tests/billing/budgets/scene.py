"""Budgets in a small book, and what they have come to."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import limit_checks
from billing.budgets import recounting, using
from billing.models import Budget, BudgetUse
from ledger.models import Asset, Customer, Outbox
from tests import factories
from tests.billing.scene import START, Scene
from tests.factories import NOON


@transaction.atomic
def budget(scene: Scene, amount: Decimal | int | str = 100, **terms: Any) -> Budget:
    """Return a budget in dollars a month that counts all usage, unless told."""
    using.wait_for_usage(scene.book.pk)
    customer: Customer = terms.pop("customer", None) or scene.customer
    asset: Asset = terms.pop("asset", None) or scene.dollars
    named = {
        "key": factories.name("budget"),
        "cadence": "P1M",
        "anchor": START,
        "time_zone": "UTC",
        "created_at": NOON,
        "warn_at": [],
    }
    made = Budget.objects.create(
        book=scene.book, customer=customer, asset=asset, amount=Decimal(amount), **named | terms
    )
    recounting.begin(made, at=made.created_at)
    return made


def used(budget: Budget) -> dict[str, Decimal]:
    """Return what a budget's periods have seen used, by the day they start."""
    return {
        f"{use.starts_at:%Y-%m-%d}": use.used
        for use in BudgetUse.objects.filter(budget=budget).order_by("starts_at")
    }


def told(kind: str = "") -> list[tuple[str, str, str]]:
    """Return what was told of budgets: what happened, at which percentage, what was used."""
    rows = Outbox.objects.filter(topic="event", payload__type__startswith=f"budget.{kind}")
    return [
        (row.payload["type"], row.payload["data"]["threshold"], row.payload["data"]["used"])
        for row in rows.order_by("pk")
    ]


def miscounted() -> list[str]:
    """Return what the check of budgets finds, to be nothing."""
    return [found.detail for found in limit_checks.budgets_were_counted(book_id=None)]
