"""
A book for a public trace of language-model requests, which names no customers.

The trace is one hour of requests with their numbers of tokens. Each request is given to one of a
fixed set of API keys by a hash of its row number, so that every run gives the same books.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Final

import msgspec

from billing import catalogue
from billing.metering.files import Columns, Record
from billing.models import BillingProfile, Meter, Rate, RateCard, Subject
from ledger import registry
from ledger.models import Asset, Book, Customer
from wallets import grants

EVENT_TYPE: Final = "llm.request"
_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MID_TRACE: Final = datetime(2023, 11, 16, 18, 45, tzinfo=UTC)
_KEYS_EACH: Final = 3  # API keys of a team
_OTHERS: Final = "other"

Settlement = BillingProfile.Settlement


@dataclass(frozen=True, slots=True)
class Party:
    """A customer of the trace, and how it pays; credit in dollars."""

    key: str
    name: str
    kind: str
    parent: str = ""
    uses: bool = True
    credit: str = ""
    is_shared: bool = False
    promotion: str = ""  # ends in the middle of the trace
    limit: str = ""
    is_credit_only: bool = False


PARTIES: Final = (
    Party("harbour", "Harbour Group", "company", uses=False, credit="20", is_shared=True),
    Party("harbour-logistics", "Harbour Logistics", "business_unit", "harbour", uses=False),
    Party("harbour-routing", "Routing", "team", "harbour-logistics"),
    Party("harbour-customs", "Customs", "team", "harbour-logistics"),
    Party("harbour-retail", "Harbour Retail", "business_unit", "harbour", uses=False),
    Party("harbour-search", "Search", "team", "harbour-retail", credit="5"),
    Party("harbour-care", "Customer Care", "team", "harbour-retail", promotion="30"),
    Party("lumen", "Lumen Labs", "company", credit="50"),
    Party("quarry", "Quarry Software", "company", limit="1000"),
    Party("sable", "Sable Studio", "company", credit="3", is_credit_only=True),
    Party("tern", "Tern Analytics", "company", promotion="2", limit="5"),
)

# Dollars per million tokens: price of input and output, and what the provider charges for them.
_PRICES: Final = {
    "code": ("3.00", "15.00", "1.80", "9.00"),
    "conv": ("2.50", "10.00", "1.25", "5.00"),
    _OTHERS: ("1.00", "4.00", "0.60", "2.40"),
}
_PROVIDERS: Final = {"code": "northwind-ai", "conv": "azure", _OTHERS: "azure"}
_MILLION: Final = Decimal(1_000_000)

SUBJECTS: Final = tuple(
    f"key-{party.key}-{number}" for party in PARTIES if party.uses for number in range(_KEYS_EACH)
)

_json: Final = msgspec.json.Decoder(dict[str, object])


def columns(path: PurePath) -> Columns:
    """Return how a row of the trace becomes an event; its id is the number of its row."""
    return Columns(
        named={"time": "TIMESTAMP"},
        fixed={"source": path.name, "type": EVENT_TYPE, "subject": SUBJECTS[0]},
        data={"input": "ContextTokens", "output": "GeneratedTokens"},
    )


def model_of(source: str) -> str:
    """
    Name the model that a file of the trace is about.

    >>> model_of("AzureLLMInferenceTrace_code.csv.gz"), model_of("trace.csv")
    ('code', 'other')
    """
    name = source.partition(".")[0].rpartition("_")[2].lower()
    return name if name in _PRICES else _OTHERS


def assign(record: Record) -> Record:
    """Give a request to an API key, by a hash of its row number, and name its model."""
    if record.problem:
        return record
    event = _json.decode(record.raw)
    row = str(event["id"])
    event["subject"] = SUBJECTS[zlib.crc32(row.encode()) % len(SUBJECTS)]
    data = event["data"]
    assert isinstance(data, dict)
    data["model"] = model_of(str(event["source"]))
    return Record(record.line, msgspec.json.encode(event))


def prepare(*, key: str, at: datetime) -> Book:
    """
    Make the book, its customers, meters, prices and credit, as far as they are missing.

    Raises:
        InvalidInputError: a malformed key.
        IdempotencyConflictError: the book is there and somebody gave its wallets other credit.
    """
    book = Book.objects.filter(key=key).first() or registry.create_book(
        key=key, name="Language model trace", base_currency="USD", at=at
    )
    dollars = registry.currency(code="USD")
    meters = _meters(book, at)
    _prices(book, dollars, meters, at)
    customers: dict[str, Customer] = {}
    for party in PARTIES:
        customers[party.key] = _customer(book, party, customers.get(party.parent), at)
        _credit(party, customers[party.key], dollars, at)
    _subjects(book, customers, at)
    return book


def _meters(book: Book, at: datetime) -> list[Meter]:
    tokens = _unit("token")
    return [
        _meter(book, "input-tokens", Meter.Aggregation.SUM, tokens, at, "$.input"),
        _meter(book, "output-tokens", Meter.Aggregation.SUM, tokens, at, "$.output"),
        _meter(book, "requests", Meter.Aggregation.COUNT, _unit("request"), at),
    ]


def _unit(code: str) -> Asset:
    return Asset.objects.filter(code=code).first() or registry.create_asset(
        code=code, name=code, kind=Asset.Kind.UNIT, scale=0
    )


def _meter(
    book: Book, key: str, aggregation: str, unit: Asset, at: datetime, path: str = ""
) -> Meter:
    return Meter.objects.filter(book=book, key=key).first() or catalogue.create_meter(
        book=book,
        key=key,
        event_type=EVENT_TYPE,
        aggregation=aggregation,
        unit=unit,
        value_path=path,
        dimensions={"model": "$.model"},
        at=at,
    )


def _prices(book: Book, dollars: Asset, meters: list[Meter], at: datetime) -> None:
    card = RateCard.objects.filter(book=book, key="list").first() or catalogue.create_rate_card(
        book=book, key="list", asset=dollars, is_default=True, at=at
    )
    for model, figures in _PRICES.items():
        sold, charged = figures[:2], figures[2:]
        for meter, price, cost in zip(meters, sold, charged, strict=False):
            match = {"model": model}
            if not Rate.objects.filter(rate_card=card, meter=meter, match=match).exists():
                catalogue.add_rate(
                    rate_card=card,
                    meter=meter,
                    match=match,
                    unit_price=Decimal(price) / _MILLION,
                    unit_cost=Decimal(cost) / _MILLION,
                    provider=_PROVIDERS[model],
                    effective_from=_LONG_AGO,
                    at=at,
                )


def _customer(book: Book, party: Party, parent: Customer | None, at: datetime) -> Customer:
    if found := Customer.objects.filter(book=book, key=party.key).first():
        return found
    customer = registry.create_customer(
        book=book, key=party.key, name=party.name, kind=party.kind, parent=parent, at=at
    )
    if party.limit or party.is_credit_only:
        catalogue.set_profile(
            customer=customer,
            settlement=Settlement.CREDIT_ONLY
            if party.is_credit_only
            else Settlement.CREDIT_THEN_INVOICE,
            credit_limit=Decimal(party.limit) if party.limit else None,
        )
    return customer


def _credit(party: Party, customer: Customer, dollars: Asset, at: datetime) -> None:
    if not (party.credit or party.promotion):
        return
    wallet = grants.open_wallet(
        customer=customer, asset=dollars, key="prepaid", is_shared=party.is_shared, at=at
    )
    if party.credit:
        grants.issue(
            wallet=wallet,
            key="bought",
            amount=Decimal(party.credit),
            effective_at=_LONG_AGO,
            at=at,
        )
    if party.promotion:
        grants.issue(
            wallet=wallet,
            key="welcome",
            amount=Decimal(party.promotion),
            funding=grants.Funding.PROMOTIONAL,
            effective_at=_LONG_AGO,
            expires_at=_MID_TRACE,
            at=at,
        )


def _subjects(book: Book, customers: dict[str, Customer], at: datetime) -> None:
    known = set(Subject.objects.filter(book=book).values_list("key", flat=True))
    for subject in SUBJECTS:
        if subject not in known:
            owner = subject.removeprefix("key-").rpartition("-")[0]
            catalogue.map_subject(book=book, key=subject, customer=customers[owner], at=at)
