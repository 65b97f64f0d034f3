"""How fast usage is priced in tiers, discounted, capped and costed, beside so much per unit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing import catalogue
from billing.metering.lanes import ingest_in_lanes
from billing.models import (
    CostPrice,
    Feature,
    Meter,
    Plan,
    PlanVersion,
    Rate,
    RateCard,
    Subscription,
    SubscriptionItem,
)
from ledger.models import Book, Customer
from tests.benchmarks import world
from tests.benchmarks.events import MODELS, START
from tests.benchmarks.ingest_speed import TURN, timed_ingest
from tests.benchmarks.table import Line, rate

TERMS: Final[dict[str, Any]] = {
    "price": {
        "type": "graduated",
        "tiers": [
            {"up_to_amount": "100000", "unit_price": {"type": "unit", "amount": "0.000002"}},
            {"up_to_amount": "1000000", "unit_price": {"type": "unit", "amount": "0.0000015"}},
            {"unit_price": {"type": "unit", "amount": "0.000001"}},
        ],
    },
    "discounts": {"percentage": "10"},
    "commitments": {"maximum_amount": "1000000"},  # never reached: each event has three entries
}
_ENTRIES: Final = 3  # of an event: units, revenue, cost


def measure(plain: Book, *, events: int, seed: int) -> list[Line]:
    """Take turns between a plain book, one with terms in its list, and one of subscriptions."""
    listed = world.make(key="tiers", price=_in_the_list)
    subscribed = world.make(key="subscribed", price=_costs)
    _subscribe(subscribed)
    books = {plain: 0.0, listed: 0.0, subscribed: 0.0}
    for book in books:  # opens the customers' accounts
        timed_ingest(book, world.facts(count=TURN, seed=seed + 1))
    facts = world.facts(count=events, seed=seed)
    for start in range(0, events, TURN):
        for book in books:
            turn = facts[start : start + TURN]
            books[book] += timed_ingest(book, turn, take=ingest_in_lanes)
    _check(listed, subscribed, events=events + TURN)
    beside = {"beside": events / books[plain], "called": "per unit", "least": 0.6}
    return [
        rate("ingest, tiers, discount, cap and cost", events / books[listed], **beside),
        rate("the same by subscriptions' items", events / books[subscribed], **beside),
    ]


def _in_the_list(meter: Meter, card: RateCard, at: datetime) -> None:
    catalogue.add_rate(rate_card=card, meter=meter, terms=TERMS, effective_from=at, at=at)
    _costs(meter, card, at)


def _costs(meter: Meter, _card: RateCard, at: datetime) -> None:
    """Have the cost of each event looked up by its model."""
    Feature.objects.create(
        book=meter.book,
        key="tokens",
        name="Tokens",
        meter=meter,
        unit_cost={
            "type": "llm",
            "provider": "bench",
            "model_property": "model",
            "token_type": "output",
        },
        created_at=at,
    )
    for place, model in enumerate(MODELS, 1):
        CostPrice.objects.create(
            book=meter.book,
            provider="bench",
            model=model,
            output_per_token=Decimal("0.0000005") * place,
            source="manual",
            effective_from=at,
            created_at=at,
        )


def _subscribe(book: Book) -> None:
    """Give each customer a subscription whose item is priced by the same terms."""
    meter, feature = Meter.objects.get(book=book), Feature.objects.get(book=book)
    asset = RateCard.objects.get(book=book).asset
    made = {"created_at": START}
    plan = Plan.objects.create(book=book, key="pro", **made)
    version = PlanVersion.objects.create(
        plan=plan,
        version=1,
        name="Pro",
        asset=asset,
        billing_cadence="P1M",
        updated_at=START,
        **made,
    )
    customers = list(Customer.objects.filter(book=book))
    subscriptions = Subscription.objects.bulk_create(
        [
            Subscription(
                book=book,
                customer=customer,
                key=customer.key,
                plan_version=version,
                asset=asset,
                billing_anchor=START,
                billing_cadence="P1M",
                time_zone="UTC",
                settlement_mode="credit_then_invoice",
                starts_at=START,
                **made,
            )
            for customer in customers
        ]
    )
    rates = Rate.objects.bulk_create(
        [
            Rate(asset=asset, meter=meter, model="terms", terms=TERMS, effective_from=START, **made)
            for _ in customers
        ]
    )
    SubscriptionItem.objects.bulk_create(
        [
            SubscriptionItem(
                subscription=subscription,
                customer=subscription.customer,
                key="tokens",
                name="Tokens",
                phase_key="main",
                origin="plan",
                feature=feature,
                meter=meter,
                rate=one,
                billing_cadence="P1M",
                payment_term="in_arrears",
                terms=TERMS,
                starts_at=START,
            )
            for subscription, one in zip(subscriptions, rates, strict=True)
        ]
    )


def _check(*books: Book, events: int) -> None:
    """Make sure that what was timed is what is said."""
    with connection.cursor() as cursor:
        for book in books:
            cursor.execute(
                "SELECT count(*) FROM ledger_entry e JOIN ledger_transaction t"
                " ON t.id = e.transaction_id WHERE t.book_id = %s AND t.kind = 'usage'",
                [book.pk],
            )
            assert cursor.fetchone()[0] >= _ENTRIES * events, book.key
