"""A small book to ask about: what is metered, who asks, and what was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.entitlements import check as deciding
from billing.entitlements import rights, sale
from billing.entitlements.check import Answer, Ask
from billing.models import Feature
from ledger.models import Customer
from tests.billing import scene
from tests.billing.scene import Scene
from tests.factories import NOON

Amount = Decimal | int | str | None


@dataclass
class World:
    """A scene with a feature "tokens", and questions about it."""

    scene: Scene
    tokens: Feature

    @property
    def customer(self) -> Customer:
        return self.scene.customer

    def ask(
        self,
        quantity: Amount = None,
        *,
        feature: str = "tokens",
        at: datetime = NOON,
        customer: Customer | None = None,
        cost: Amount = None,
        labels: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Ask about one customer's use of a feature."""
        ask = Ask(
            customer_key=(customer or self.customer).key,
            feature_key=feature,
            quantity=None if quantity is None else Decimal(quantity),
            cost=None if cost is None else Decimal(cost),
            labels=labels or {},
            **more,
        )
        [answer] = deciding.check(book_id=self.scene.book.pk, asks=[ask], at=at)
        return answer

    def use(self, quantity: Decimal | int, *, at: datetime = NOON, **data: Any) -> None:
        """Take usage in."""
        outcome = self.scene.send(scene.event(quantity, at=at, **data), at=at)
        assert outcome.accepted == 1, outcome


def new_world(**options: Any) -> World:
    """Return a book with one customer whose tokens are counted, without a price."""
    rights.forget()
    sale.forget()
    made = scene.new_scene()
    meter = made.meter("sum", key="llm", price=None, dimensions={"model": "$.model"})
    return World(made, made.feature(meter, key="tokens"))


def left(answer: Answer, kind: str) -> list[tuple[str, str, Decimal]]:
    """Return what is left in a dimension, as (key, asset, amount)."""
    return [(one.key, one.asset, one.amount) for one in answer.remaining if one.kind == kind]
