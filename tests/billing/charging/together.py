"""Subscriptions of one book, each of a customer of its own, that are charged together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ledger.models import Customer
from tests import factories
from tests.billing.charging.agreed import Agreed, agreed
from tests.billing.scene import Scene

TIERS = {
    "type": "graduated",
    "tiers": [
        {
            "up_to_amount": "10",
            "flat_price": {"type": "flat", "amount": "3"},
            "unit_price": {"type": "unit", "amount": "1"},
        },
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}


def whose(scene: Scene, *, subject: str = "", parent: Customer | None = None) -> Scene:
    """Return the scene as another customer's."""
    other = replace(scene, customer=factories.customer(book=scene.book, parent=parent))
    if subject:
        other.subject(subject)
    return other


def rich(scene: Scene, *, day: int = 1, **terms: Any) -> Agreed:
    """Sell all that is charged: fees of both terms, a first tier, a minimum, with a coupon."""
    book = agreed(scene=scene, anchor=f"2024-01-{day:02}", **terms)
    book.fee("9.99")
    book.fee(7, key="support", term="in_arrears")
    book.usage(scene.meters["sum"], TIERS, commitments={"minimum_amount": "20"})
    book.coupon(percentage=Decimal("12.5"), redeemed="2024-01-01")
    return book
