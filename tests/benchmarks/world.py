"""What benchmarks work on: a book of 1,000 customers, half prepaid, and events of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from billing import catalogue
from billing.metering import decode
from billing.metering.facts import Sent
from billing.models import Meter, RateCard, Subject
from ledger import registry
from ledger.models import Asset, Book, Customer
from tests.benchmarks.events import CUSTOMERS, MODELS, START, raw_events
from wallets import grants

BOOK: Final = "bench"
LATER: Final = START + timedelta(days=120)  # when events are received: no event is after it


def per_unit(meter: Meter, card: RateCard, at: datetime) -> None:
    """Price each model by the unit."""
    for place, model in enumerate(MODELS, 1):
        catalogue.add_rate(
            rate_card=card,
            meter=meter,
            match={"model": model},
            unit_price=Decimal("0.0000015") * place,
            effective_from=at,
            at=at,
        )


def make(
    *,
    key: str = BOOK,
    customers: int = CUSTOMERS,
    at: datetime = START,
    price: Callable[[Meter, RateCard, datetime], None] = per_unit,
) -> Book:
    """Make a book with customers, subjects, one meter, its prices, and wallets for every other."""
    book = registry.create_book(
        key=key, name="Benchmark", base_currency="USD", time_zone="UTC", at=at
    )
    usd = registry.currency(code="USD")
    meter = catalogue.create_meter(
        book=book,
        key="llm_tokens",
        event_type="llm.request",
        aggregation="sum",
        value_path="$.tokens",
        dimensions={"model": "$.model"},
        unit=Asset.objects.filter(code="tokens").first()
        or registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0),
        at=at,
    )
    card = catalogue.create_rate_card(book=book, key="standard", asset=usd, is_default=True, at=at)
    price(meter, card, at)
    made = Customer.objects.bulk_create(
        [
            Customer(book=book, key=f"c{i}", name=f"Customer {i}", created_at=at)
            for i in range(customers)
        ]
    )
    Subject.objects.bulk_create(
        [Subject(book=book, key=f"s{i}", customer=c, created_at=at) for i, c in enumerate(made)]
    )
    for customer in made[::2]:
        wallet = grants.open_wallet(customer=customer, asset=usd, key="main", at=at)
        grants.issue(
            wallet=wallet,
            key="first",
            amount=Decimal(1_000_000),
            funding="paid",
            effective_at=at,
            at=at,
        )
    return book


def empty(key: str) -> Book:
    """Make a book with nothing in it."""
    return registry.create_book(key=key, name=key, base_currency="USD", time_zone="UTC", at=START)


def stream(**options: int) -> Iterator[Sent]:
    """Decode events one by one; the options are those of ``raw_events``."""
    return (decode.one(raw, index) for index, raw in enumerate(raw_events(**options)))


def facts(**options: int) -> list[Sent]:
    """Decode events ahead, so that what is measured is the operation."""
    return list(stream(**options))
