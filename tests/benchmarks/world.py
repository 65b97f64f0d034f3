"""What benchmarks work on: a book of 1,000 customers, half prepaid, and events of theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from billing import catalogue
from billing.metering import decode
from billing.metering.facts import Sent
from billing.models import Subject
from ledger import registry
from ledger.models import Book, Customer
from wallets import grants

CUSTOMERS: Final = 1000
START: Final = datetime(2026, 10, 1, tzinfo=UTC)
_MODELS: Final = ("gpt-5", "gpt-5-mini", "claude-4", "llama-4")


def make(*, key: str, customers: int = CUSTOMERS, at: datetime = START) -> Book:
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
        unit=registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0),
        at=at,
    )
    card = catalogue.create_rate_card(book=book, key="standard", asset=usd, is_default=True, at=at)
    for place, model in enumerate(_MODELS, 1):
        catalogue.add_rate(
            rate_card=card,
            meter=meter,
            match={"model": model},
            unit_price=Decimal("0.0000015") * place,
            effective_from=at,
            at=at,
        )
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


def raw_events(
    *, count: int, seed: int, days: int = 1, lane: int = 0, lanes: int = 1
) -> Iterator[bytes]:
    """
    Write events in the order of their time, evenly over ``days``.

    Of several lanes each has the subjects whose number is its own modulo the lanes: batches of
    different lanes never wait for each other.
    """
    rng = random.Random(seed)
    step = timedelta(days=days) / count
    for number in range(count):
        subject = rng.randrange(lane, CUSTOMERS, lanes)
        happened = START + step * number
        yield (
            b'{"specversion":"1.0","id":"%d-%d-%d","source":"bench","type":"llm.request",'
            b'"subject":"s%d","time":"%s","data":{"tokens":%d,"model":"%s","provider":"bench",'
            b'"route":"chat"}}'
            % (
                seed,
                lane,
                number,
                subject,
                happened.isoformat().encode(),
                rng.randrange(1, 5000),
                _MODELS[subject % len(_MODELS)].encode(),
            )
        )


def facts(**options: int) -> list[Sent]:
    """Decode events ahead, so that what is measured is the operation."""
    return [decode.one(raw, index) for index, raw in enumerate(raw_events(**options))]
