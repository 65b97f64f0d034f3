"""A small book whose usage is metered, priced and paid, and what its accounts say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
from django.db import connection

from billing import catalogue
from billing.metering import corrections, decode, history, ingest, snapshot
from billing.metering.facts import Fact, Outcome, Sent
from billing.models import Correction, Feature, Meter, Rate, RateCard, UsageEvent
from ledger import chart
from ledger.models import Asset, Book, Customer
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = datetime(2025, 1, 1, tzinfo=NOON.tzinfo)  # meters and prices exist since
LATER = NOON + 3 * HOUR  # when things are received unless told
CORRECTED = NOON + DAY  # when they are corrected

_numbers = count(1)
_written = msgspec.json.Encoder(decimal_format="number").encode


def event(
    value: Any = None,
    *,
    id: str = "",  # noqa: A002 - as CloudEvents names it
    at: datetime | str | None = NOON,
    subject: str = "api",
    type: str = "call",  # noqa: A002
    source: str = "gateway",
    **data: Any,
) -> bytes:
    """Write an event with a value and other data."""
    said: dict[str, Any] = {
        "specversion": "1.0",
        "id": id or f"e{next(_numbers)}",
        "source": source,
        "type": type,
        "subject": subject,
        "data": data if value is None else {"n": value, **data},
    }
    if at is not None:
        said["time"] = at if isinstance(at, str) else at.isoformat()
    return _written(said)


def read(*written: bytes) -> list[Sent]:
    """Read events as a batch of them is read."""
    return [decode.one(raw, index) for index, raw in enumerate(written)]


@dataclass
class Scene:
    """A book, a customer with the subject "api", and a price list in dollars."""

    book: Book
    customer: Customer
    dollars: Asset
    things: Asset
    card: RateCard
    meters: dict[str, Meter] = field(default_factory=dict)

    def meter(
        self,
        aggregation: str = "sum",
        *,
        key: str = "",
        price: Decimal | int | str | None = 1,
        cost: Decimal | int | str | None = None,
        path: str = "$.n",
        type: str = "call",  # noqa: A002
        dimensions: Mapping[str, str] | None = None,
        feature: str = "",
        at: datetime = START,
    ) -> Meter:
        """Count events of a type, at a price a unit."""
        key = key or aggregation.replace("_", "-")
        made = catalogue.create_meter(
            book=self.book,
            key=key,
            event_type=type,
            aggregation=aggregation,
            unit=self.things,
            value_path="" if aggregation == "count" else path,
            dimensions=dimensions,
            feature_key=feature,
            at=at,
        )
        self.meters[key] = made
        if price is not None:
            self.rate(made, price, cost=cost)
        return made

    def rate(
        self,
        meter: Meter,
        price: Decimal | int | str,
        *,
        cost: Decimal | int | str | None = None,
        match: Mapping[str, str] | None = None,
        since: datetime = START,
        provider: str = "acme",
        card: RateCard | None = None,
    ) -> Rate:
        """Price a meter from an instant on."""
        return catalogue.add_rate(
            rate_card=card or self.card,
            meter=meter,
            unit_price=Decimal(price),
            unit_cost=None if cost is None else Decimal(cost),
            provider="" if cost is None else provider,
            match=match,
            effective_from=since,
            at=START,
        )

    def sell(
        self, aggregation: str, price: Mapping[str, Any], *, path: str = "$.n", **more: Any
    ) -> Meter:
        """Count events, and price what is counted by terms in the price list."""
        dimensions = more.pop("dimensions", None)
        made = self.meter(aggregation, price=None, path=path, dimensions=dimensions)
        self.price(made, price, **more)
        return made

    def price(self, meter: Meter, price: Mapping[str, Any], **more: Any) -> Rate:
        """Price a meter by terms in the price list."""
        costs = {name: more.pop(name) for name in ("unit_cost", "provider") if name in more}
        return catalogue.add_rate(
            rate_card=self.card,
            meter=meter,
            terms={"price": price, **more},
            effective_from=START,
            at=START,
            **costs,
        )

    def feature(
        self, meter: Meter, *, key: str = "", filters: Any = None, unit_cost: Any = None
    ) -> Feature:
        """Name what a meter counts, perhaps with what a unit of it costs us."""
        return Feature.objects.create(
            book=self.book,
            key=key or f"feature-{next(_numbers)}",
            name="Feature",
            meter=meter,
            filters=filters or {},
            unit_cost=unit_cost,
            created_at=START,
        )

    def subject(self, key: str, customer: Customer | None = None) -> None:
        """Map a subject to a customer."""
        catalogue.map_subject(book=self.book, key=key, customer=customer or self.customer, at=START)

    def child(self, subject: str) -> Customer:
        """Return a new customer below the first, with a subject."""
        child = factories.customer(parent=self.customer)
        self.subject(subject, child)
        return child

    def grant(self, amount: Decimal | int | str, *, at: datetime = START, **terms: Any) -> int:
        """Put credit into a wallet, and return the account of its lot."""
        wallet = terms.pop("wallet", None) or factories.wallet(
            customer=terms.pop("customer", self.customer), asset=self.dollars
        )
        return factories.grant(wallet=wallet, amount=amount, at=at, **terms).account_id

    def limit(self, amount: Decimal | int | None) -> None:
        """Let the customer owe so much before it is an overdraft."""
        catalogue.set_profile(
            customer=self.customer, credit_limit=None if amount is None else Decimal(amount)
        )

    def send(self, *written: bytes, at: datetime = LATER, **reach: Any) -> Outcome:
        """Take a batch in."""
        return ingest.ingest(book=self.book, sent=read(*written), received_at=at, **reach)

    def find(self, external_id: str, source: str = "gateway") -> UsageEvent:
        """Return the event that stands for an id."""
        return history.find(book=self.book, source=source, external_id=external_id)

    def void(self, external_id: str, key: str = "") -> Correction:
        """Take an event back."""
        event = self.find(external_id)
        key = key or f"void {external_id} {event.pk}"
        return corrections.void(book=self.book, event=event, key=key, at=CORRECTED)

    def amend(self, written: bytes, key: str = "") -> Correction:
        """Replace the event of the same source and id."""
        fact = decode.one(written, 0)
        assert isinstance(fact, Fact), fact
        event = self.find(fact.external_id, fact.source)
        key = key or f"amend {fact.external_id} {event.pk}"
        return corrections.amend(
            book=self.book, event=event, replacement=fact, key=key, at=CORRECTED
        )

    def holds(
        self, purpose: str, label: str | None = None, customer: Customer | None = None
    ) -> Decimal:
        """Return debits less credits of the accounts of a purpose, by their entries."""
        is_customers = chart.PURPOSES[purpose].is_customers
        owner = (customer or self.customer).pk if is_customers else None
        with connection.cursor() as cursor:
            cursor.execute(_HOLDS, [self.book.pk, purpose, owner, owner, label, label])
            return Decimal(cursor.fetchone()[0])

    def units(self, meter: str, customer: Customer | None = None) -> Decimal:
        """Return what a meter says by the customer's account of units."""
        return self.holds("consumed_units", meter, customer)

    @property
    def revenue(self) -> Decimal:
        return -self.holds("usage_revenue")

    @property
    def unbilled(self) -> Decimal:
        return self.holds("unbilled")

    @property
    def overdraft(self) -> Decimal:
        return self.holds("overdraft")


def new_scene(*, time_zone: str = "UTC") -> Scene:
    """Return a book with one customer, and nothing metered yet."""
    snapshot.forget()
    chart.forget()
    dollars = factories.asset()
    book = factories.book(time_zone=time_zone)
    customer = factories.customer(book=book)
    card = catalogue.create_rate_card(
        book=book, key="list", asset=dollars, at=START, is_default=True
    )
    things = factories.asset(code="thing", kind=Asset.Kind.UNIT, scale=2)
    scene = Scene(book=book, customer=customer, dollars=dollars, things=things, card=card)
    scene.subject("api")
    return scene


def rows(outcome: Outcome) -> list[tuple[int, str, str]]:
    """Return what became of the events that were not simply accepted."""
    return [(row.index, row.status, row.reason) for row in outcome.rows]


def left(account_id: int) -> Decimal:
    """Return what is left in a lot, by its entries."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [account_id, account_id, account_id])
        return Decimal(cursor.fetchone()[0])


def left_in(lots: Sequence[int]) -> list[Decimal]:
    """Return what is left in each lot."""
    return [left(lot) for lot in lots]


def entries(where: str = "true") -> list[tuple[Any, ...]]:
    """Return entries as (purpose debited, purpose credited, amount, effective at), in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.purpose, c.purpose, trim_scale(e.amount), e.effective_at"
            " FROM ledger_entry e JOIN ledger_account d ON d.id = e.debit_account_id"
            f" JOIN ledger_account c ON c.id = e.credit_account_id WHERE {where} ORDER BY e.id"
        )
        return cursor.fetchall()


_SIDES = """
    SELECT debit_account_id AS account_id, amount FROM ledger_entry
    UNION ALL SELECT credit_account_id, -amount FROM ledger_entry
"""
_HOLDS = f"""
    SELECT coalesce(sum(s.amount), 0) FROM ({_SIDES}) s JOIN ledger_account a ON a.id = s.account_id
    WHERE a.book_id = %s AND a.purpose = %s AND (%s::bigint IS NULL OR a.customer_id = %s)
      AND (%s::text IS NULL OR a.discriminator = %s)
"""
_LEFT = """
    SELECT coalesce(sum(CASE WHEN credit_account_id = %s THEN amount ELSE -amount END), 0)
    FROM ledger_entry WHERE debit_account_id = %s OR credit_account_id = %s
"""
