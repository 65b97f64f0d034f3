"""
A book for a public trace of language-model requests, which names no customers.

The trace is one hour of requests with their numbers of tokens. Each request is given to one of a
fixed set of API keys by a hash of its row number, so that every run gives the same books.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

import msgspec

from billing.management.scenery import (
    Lives,
    Party,
    default_card,
    map_keys,
    meter,
    per_million,
    settle,
    subjects_of,
    unit,
)
from billing.metering.files import Columns, Record
from billing.models import Meter
from ledger import registry
from ledger.models import Asset, Book

EVENT_TYPE: Final = "llm.request"
_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MID_TRACE: Final = datetime(2023, 11, 16, 18, 45, tzinfo=UTC)
_LIVES: Final = Lives(since=_LONG_AGO, promotions_until=_MID_TRACE)
_KEYS_EACH: Final = 3  # API keys of a team
_OTHERS: Final = "other"

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

SUBJECTS: Final = subjects_of(PARTIES, keys_each=_KEYS_EACH)

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
    _prices(book, dollars, _meters(book, at), at)
    customers = settle(book=book, parties=PARTIES, asset=dollars, lives=_LIVES, at=at)
    map_keys(book=book, subjects=SUBJECTS, customers=customers, at=at)
    return book


def _meters(book: Book, at: datetime) -> list[Meter]:
    tokens, requests = unit("token"), unit("request")
    counted = (
        ("input-tokens", Meter.Aggregation.SUM, tokens, "$.input"),
        ("output-tokens", Meter.Aggregation.SUM, tokens, "$.output"),
        ("requests", Meter.Aggregation.COUNT, requests, ""),
    )
    return [
        meter(
            book=book,
            key=key,
            event_type=EVENT_TYPE,
            aggregation=aggregation,
            unit=counted_in,
            path=path,
            dimensions={"model": "$.model"},
            at=at,
        )
        for key, aggregation, counted_in, path in counted
    ]


def _prices(book: Book, dollars: Asset, meters: list[Meter], at: datetime) -> None:
    card = default_card(book=book, asset=dollars, at=at)
    for model, figures in _PRICES.items():
        for place, priced in enumerate(meters[:2]):
            per_million(
                card=card,
                meter=priced,
                match={"model": model},
                price=figures[place],
                cost=figures[place + 2],
                provider=_PROVIDERS[model],
                since=_LONG_AGO,
                at=at,
            )
