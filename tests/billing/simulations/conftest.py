"""A book with recorded usage, and questions about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing import catalogue
from billing.models import Meter, Rate, RateCard
from billing.simulations import asking, comparing
from billing.simulations.comparing import Row, Totals
from ledger.models import Customer
from ledger.periods import Period
from tests.billing.scene import START, Scene, new_scene

JUNE = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))


@dataclass
class Asked:
    """Rows by (customer, feature), and their totals."""

    rows: dict[tuple[str, str], Row]
    totals: Totals

    @property
    def only(self) -> Row:
        [row] = self.rows.values()
        return row

    def of(self, feature: str) -> Row:
        [row] = [row for (_, name), row in self.rows.items() if name == feature]
        return row


@pytest.fixture
def scene(db) -> Scene:
    return new_scene()


@pytest.fixture
def ask(scene) -> Callable[..., Asked]:
    """Return a function that simulates; June for all customers unless told."""

    def simulate(
        *, span: Period = JUNE, customers: list[Customer] | None = None, **asked: Any
    ) -> Asked:
        asked.setdefault("currency", "USD")
        offer = asking.offer_of(book=scene.book, span=span, asked=asked)
        totals = Totals()
        compared = comparing.simulate(book=scene.book, offer=offer, span=span, customers=customers)
        rows = [totals.take(row) for row in compared]
        found = {(row.customer, row.feature): row for row in rows}
        assert len(found) == len(rows)
        return Asked(found, totals)

    return simulate


@pytest.fixture
def price_list(scene) -> Callable[..., RateCard]:
    """Return a function that makes a price list of prices or terms by meter."""

    def make(key: str, *prices: tuple[Meter, Any], **options: Any) -> RateCard:
        card = catalogue.create_rate_card(
            book=scene.book, key=key, asset=scene.dollars, at=START, **options
        )
        for meter, price in prices:
            list_price(card, meter, price)
        return card

    return make


def list_price(
    card: RateCard,
    meter: Meter,
    price: Any,
    *,
    match: Mapping[str, str] | None = None,
    since: datetime = START,
) -> Rate:
    """Add a price per unit, or terms, to a price list."""
    has_terms = isinstance(price, dict)
    return Rate.objects.create(
        rate_card=card,
        asset=card.asset,
        meter=meter,
        match=dict(match or {}),
        model="terms" if has_terms else "unit",
        unit_price=0 if has_terms else Decimal(price),
        terms=price if has_terms else None,
        effective_from=since,
        created_at=START,
    )
