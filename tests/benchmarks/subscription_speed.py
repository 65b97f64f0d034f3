"""What a change of one subscription costs, in a book with one and in a book with very many."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from billing import catalogue, due, features
from billing.models import Meter, PlanVersion, Subscription
from billing.plans import drafting, publishing
from billing.subscriptions import changing, creation
from ledger import registry
from ledger.models import Book, Customer
from tests.benchmarks.events import START
from tests.benchmarks.table import Line

MANY: Final = 100_000
_TURNS: Final = 40
_MOST: Final = 1.5
_STEP: Final = timedelta(minutes=10)


def measure(*, many: int = MANY, turns: int = _TURNS) -> list[Line]:
    """Change one subscription of each book in turns, with all that falls due by it."""
    small, large = _book("alone", copies=0), _book("crowded", copies=many - 1)
    times: dict[str, list[float]] = {"alone": [], "crowded": []}
    for turn in range(1, turns + 1):
        for name, subscription in (("alone", small), ("crowded", large)):
            began = time.perf_counter()
            _change(subscription, turn)
            times[name].append(time.perf_counter() - began)
    warm = turns // 4
    alone, crowded = (statistics.median(times[name][warm:]) for name in ("alone", "crowded"))
    what = f"change of one subscription of {many:,}"
    figures = f"{crowded * 1000:.1f} ms", f"of one {alone * 1000:.1f} ms"
    return [Line(what, *figures, crowded / alone, _MOST, is_most=True)]


def _change(subscription: Subscription, turn: int) -> None:
    at = START + turn * _STEP
    plan = PlanVersion.objects.get(
        plan__book_id=subscription.book_id, plan__key="first" if turn % 2 == 0 else "second"
    )
    changing.change(subscription=subscription, plan=plan, at=at)
    due.run(customer=subscription.customer, until=at)


def _book(key: str, *, copies: int) -> Subscription:
    at = START - timedelta(days=1)
    book = registry.create_book(key=key, name=key, base_currency="USD", time_zone="UTC", at=at)
    unit = registry.create_asset(code=f"calls-{key}", name="Calls", kind="unit", scale=0)
    meter = catalogue.create_meter(
        book=book,
        key="calls",
        event_type="call",
        aggregation=Meter.Aggregation.COUNT,
        unit=unit,
        at=at,
    )
    features.create(book=book, key="calls", name="Calls", meter=meter, at=at)
    first, _ = (_plan(book, name, fee, at) for name, fee in (("first", "10"), ("second", "20")))
    customer = Customer.objects.create(book=book, key="c", name="Customer", created_at=at)
    made = creation.create(customer=customer, plan=first, starts_at=START, key="it", at=at)
    due.run(customer=customer, until=START)
    _copy(made, copies, at)
    return Subscription.objects.select_related("customer__book", "book").get(pk=made.pk)


def _plan(book: Book, key: str, fee: str, at: datetime) -> PlanVersion:
    usage = {"type": "unit", "amount": "0.01"}
    cards = [
        {
            "key": "platform",
            "name": "Platform",
            "billing_cadence": "P1M",
            "payment_term": "in_advance",
            "price": {"type": "flat", "amount": fee},
        },
        {
            "key": "calls",
            "name": "Calls",
            "feature": {"key": "calls"},
            "billing_cadence": "P1M",
            "price": usage,
        },
    ]
    document = {
        "key": key,
        "name": key,
        "currency": "USD",
        "billing_cadence": "P1M",
        "phases": [{"key": "standard", "name": "Standard", "rate_cards": cards}],
    }
    plan = drafting.create(book=book, document=document, at=at).plan
    return publishing.publish_plan(plan=plan, effective_from=at, at=at)


def _copy(made: Subscription, copies: int, at: datetime) -> None:
    """Give as many other customers the same subscription, at once."""
    customers = Customer.objects.bulk_create(
        [
            Customer(book_id=made.book_id, key=f"c{number}", name="Customer", created_at=at)
            for number in range(copies)
        ],
        batch_size=5000,
    )
    of_others = "JOIN ledger_customer c ON c.book_id = o.book_id AND c.id <> o.customer_id"
    theirs = "JOIN billing_subscription s ON s.book_id = %s AND s.id <> o.subscription_id"
    fee = "WHERE o.rate_id IS NULL AND o.subscription_id = %s"
    used = "WHERE o.rate_id IS NOT NULL AND o.subscription_id = %s"
    named = "o.key || '-' || "
    with connection.cursor() as cursor:
        statement = copied("subscription", customer_id="c.id", key=f"{named} c.id")
        cursor.execute(f"{statement} o {of_others} WHERE o.id = %s", [made.pk])
        book_and_made = [made.book_id, made.pk]
        statement = copied("subscriptionevent", subscription_id="s.id", key=f"{named} s.id")
        cursor.execute(f"{statement} o {theirs} WHERE o.subscription_id = %s", book_and_made)
        own = {"subscription_id": "s.id", "customer_id": "s.customer_id"}
        cursor.execute(f"{copied('subscriptionitem', **own)} o {theirs} {fee}", book_and_made)
        cursor.execute("SELECT coalesce(max(id), 0) FROM billing_rate")
        last = cursor.fetchone()[0]
        rate = made.items.exclude(rate=None).get().rate_id
        statement = f"{copied('rate')} o, generate_series(1, %s) WHERE o.id = %s"
        cursor.execute(statement, [copies, rate])
        numbered = (
            "JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM billing_subscription"
            " WHERE book_id = %s AND id <> %s) s ON true JOIN (SELECT id, row_number() OVER"
            " (ORDER BY id) AS n FROM billing_rate WHERE id > %s) r ON r.n = s.n"
        )
        statement = copied("subscriptionitem", rate_id="r.id", **own)
        cursor.execute(f"{statement} o {numbered} {used}", [*book_and_made, last, made.pk])
        cursor.execute("ANALYZE")
    assert Subscription.objects.filter(book_id=made.book_id).count() == len(customers) + 1


def copied(table: str, **changed: str) -> str:
    """Write INSERT … SELECT … FROM of a table's columns but the id, some of them changed."""
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, f"billing_{table}")
    names = [column.name for column in described if column.name != "id"]
    values = [changed.get(name, f"o.{name}") for name in names]
    into = f"billing_{table} ({', '.join(names)})"
    return f"INSERT INTO {into} SELECT {', '.join(values)} FROM billing_{table}"
