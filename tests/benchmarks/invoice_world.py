"""A book of many customers with five items each: two fees in advance, three meters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from billing import catalogue, due, features
from billing.metering import decode, ingest
from billing.metering.facts import Sent
from billing.models import Meter, PlanVersion, Subject, Subscription
from billing.plans import drafting, publishing
from billing.subscriptions import creation
from ledger import registry
from ledger.models import Book, Customer
from tests.benchmarks import counting
from tests.benchmarks.subscription_speed import copied

BOOK: Final = "invoices"
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
MONTHS: Final = (BEGIN, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
METERS: Final = ("calls", "tokens", "storage")
_SPAN: Final = timedelta(days=28)
_BEAT: Final = 200
_PRICES: Final[dict[str, dict[str, Any]]] = {
    "calls": {"type": "unit", "amount": "0.0013"},
    "tokens": {
        "type": "graduated",
        "tiers": [
            {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.002"}},
            {"up_to_amount": "5000", "unit_price": {"type": "unit", "amount": "0.0015"}},
            {"unit_price": {"type": "unit", "amount": "0.001"}},
        ],
    },
    "storage": {"type": "unit", "amount": "0.0007"},
}


def make(customers: int) -> Book:
    """Make the book; every customer has the same plan since the year began."""
    at = BEGIN - timedelta(days=1)
    book = registry.create_book(
        key=BOOK, name="Invoices", base_currency="USD", time_zone="UTC", at=at
    )
    registry.currency(code="USD")
    for key in METERS:
        _meter(book, key, at)
    first = Customer.objects.create(book=book, key="c0", name="Customer", created_at=at)
    made = creation.create(customer=first, plan=_plan(book, at), starts_at=BEGIN, key="it", at=at)
    Customer.objects.bulk_create(
        [
            Customer(book=book, key=f"c{number}", name="Customer", created_at=at)
            for number in range(1, customers)
        ],
        batch_size=5000,
    )
    _copy(made)
    of_them = Customer.objects.filter(book=book).only("pk", "key")
    Subject.objects.bulk_create(
        [Subject(book=book, key=one.key, customer=one, created_at=at) for one in of_them],
        batch_size=5000,
    )
    return book


def use(*, month: int, events: int, customers: int, lane: int, lanes: int) -> int:
    """Take a month's usage of every so many customers in, through the operation itself."""
    book = Book.objects.get(key=BOOK)
    facts = _facts(month, events, customers, lane, lanes)
    received_at = MONTHS[month] + _SPAN + timedelta(hours=1)
    return ingest.ingest(book=book, sent=facts, received_at=received_at).accepted


def sweep(*, until: datetime, lane: int, lanes: int) -> int:
    """Charge what is due of every so many customers, as the schedule does."""
    everybody = list(Customer.objects.filter(book__key=BOOK).order_by("pk"))
    mine = everybody[lane::lanes]
    for start in range(0, len(mine), _BEAT):
        chunk = mine[start : start + _BEAT]
        assert not due.run_each(customers=chunk, until=until).failures
        counting.add(len(chunk))
    return len(mine)


def _facts(month: int, events: int, customers: int, lane: int, lanes: int) -> Iterator[Sent]:
    start, step = MONTHS[month], _SPAN / max(1, events)
    mine = [number for number in range(customers) if number % lanes == lane]
    for number in range(events // lanes):
        place = number * lanes + lane
        kind = METERS[number % len(METERS)]
        if number % _BEAT == 0:
            counting.add(_BEAT)
        subject = mine[number // len(METERS) % len(mine)]
        written = (
            f'{{"specversion":"1.0","id":"{month}-{place}","source":"bench","type":"{kind}",'
            f'"subject":"c{subject}","time":"{(start + step * place).isoformat()}",'
            f'"data":{{"n":{1 + number % 13}}}}}'
        )
        yield decode.one(written.encode(), number)


def _meter(book: Book, key: str, at: datetime) -> None:
    unit = registry.create_asset(code=f"{key}-unit", name=key, kind="unit", scale=0)
    meter = catalogue.create_meter(
        book=book,
        key=key,
        event_type=key,
        aggregation=Meter.Aggregation.SUM,
        value_path="$.n",
        unit=unit,
        at=at,
    )
    features.create(book=book, key=key, name=key, meter=meter, at=at)


def _plan(book: Book, at: datetime) -> PlanVersion:
    cards: list[dict[str, Any]] = [
        {
            "key": key,
            "name": key.title(),
            "billing_cadence": "P1M",
            "payment_term": "in_advance",
            "price": {"type": "flat", "amount": amount},
        }
        for key, amount in (("platform", "49"), ("support", "19.90"))
    ]
    cards += [
        {
            "key": key,
            "name": key.title(),
            "feature": {"key": key},
            "billing_cadence": "P1M",
            "price": price,
        }
        for key, price in _PRICES.items()
    ]
    document = {
        "key": "plan",
        "name": "Plan",
        "currency": "USD",
        "billing_cadence": "P1M",
        "phases": [{"key": "standard", "name": "Standard", "rate_cards": cards}],
    }
    plan = drafting.create(book=book, document=document, at=at).plan
    return publishing.publish_plan(plan=plan, effective_from=at, at=at)


def _copy(made: Subscription) -> None:
    """Give all other customers the same subscription, at once."""
    others = "JOIN ledger_customer c ON c.book_id = o.book_id AND c.id <> o.customer_id"
    theirs = "JOIN billing_subscription s ON s.book_id = %s AND s.id <> o.subscription_id"
    own = {"subscription_id": "s.id", "customer_id": "s.customer_id"}
    with connection.cursor() as cursor:
        key = "o.key || '-' || c.id"
        statement = copied("subscription", customer_id="c.id", key=key)
        cursor.execute(f"{statement} o {others} WHERE o.id = %s", [made.pk])
        mine = [made.book_id, made.pk]
        key = "o.key || '-' || s.id"
        statement = copied("subscriptionevent", subscription_id="s.id", key=key)
        cursor.execute(f"{statement} o {theirs} WHERE o.subscription_id = %s", mine)
        fees = "WHERE o.rate_id IS NULL AND o.subscription_id = %s"
        cursor.execute(f"{copied('subscriptionitem', **own)} o {theirs} {fees}", mine)
        for item in made.items.exclude(rate=None):
            parameters = {"book": made.book_id, "made": made.pk, "item": item.pk}
            cursor.execute(_with_rates(own), parameters | {"rate": item.rate_id})
        cursor.execute("ANALYZE")


def _with_rates(own: dict[str, str]) -> str:
    """Write the statement that gives each other subscription an item with a rate of its own."""
    rates = copied("rate").replace(" FROM billing_rate", "")
    return f"""
        WITH others AS (
            SELECT s.*, row_number() OVER (ORDER BY s.id) AS n FROM billing_subscription s
            WHERE s.book_id = %(book)s AND s.id <> %(made)s
        ), rate AS (
            {rates} FROM billing_rate o, others WHERE o.id = %(rate)s RETURNING id
        ), numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM rate)
        {copied("subscriptionitem", rate_id="r.id", **own)} o, others s JOIN numbered r USING (n)
        WHERE o.id = %(item)s
    """
