"""
The book of ``make demo``: some months of language-model tokens and API calls, from a fixed seed.

Companies with business units and teams, prepaid and postpaid; four models of three providers. The
events are the same at every run but for their times: they end when the demo begins. Four customers
subscribe to plans (``offers``); the price list is for all others.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from typing import Final

from billing.management import months, offers
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
from billing.metering.files import Record
from billing.models import Meter, RateCard
from ledger import registry
from ledger.models import Book

EVENTS: Final = 210_000
SEED: Final = 20_261_121
DAYS: Final = 80  # so that the two months that are closed have usage
_LLM: Final = "llm.request"
_API: Final = "api.request"
_TOKENS: Final = "llm-tokens"

PARTIES: Final = (
    Party("aurora", "Aurora Bank", "company", uses=False, credit="900", is_shared=True),
    Party("aurora-retail", "Retail Banking", "business_unit", "aurora", uses=False),
    Party("aurora-assistant", "Assistant Team", "team", "aurora-retail"),
    Party("aurora-fraud", "Fraud Team", "team", "aurora-retail", credit="150"),
    Party("aurora-markets", "Markets", "business_unit", "aurora", uses=False),
    Party("aurora-research", "Research Desk", "team", "aurora-markets"),
    Party("bramble", "Bramble Commerce", "company", limit="2500"),
    Party("bramble-search", "Search Team", "team", "bramble"),
    Party("bramble-support", "Support Team", "team", "bramble", promotion="60"),
    Party("cobalt", "Cobalt Robotics", "company", credit="400", promotion="80"),
    Party("dune", "Dune Media", "company", credit="20", is_credit_only=True),
    Party("ember", "Ember Games", "company", limit="300"),
    Party(
        "fjord",
        "Fjord Health",
        "company",
        credit="250",
        promotion="25",
        promoted_features=(_TOKENS,),
    ),
    Party("grove", "Grove Education", "company", promotion="40"),
)
SUBJECTS: Final = subjects_of(PARTIES, keys_each=4)

# Model, provider, and dollars per million tokens: price of input and output, cost of both.
_MODELS: Final = (
    ("atlas-large", "polaris", "5.00", "20.00", "3.00", "12.00"),
    ("atlas-mini", "polaris", "0.60", "2.40", "0.25", "1.00"),
    ("sonnet-pro", "meridian", "4.00", "16.00", "3.00", "15.00"),
    ("open-70b", "self-hosted", "0.90", "0.90", "0.70", "0.70"),
)
_MODEL_SHARE: Final = 0.45  # of requests that go to a model
_POPULARITY: Final = list(accumulate((15, 50, 20, 15)))
_ROUTES: Final = (("search", "40"), ("embed", "100"), ("rerank", "250"))


def prepare(*, at: datetime) -> Book:
    """Make a book that is not there yet, with customers, meters, prices and credit."""
    key = next(key for key in _keys() if not Book.objects.filter(key=key).exists())
    book = registry.create_book(
        key=key, name="Demo", base_currency="USD", time_zone="Europe/Berlin", at=at
    )
    dollars = registry.currency(code="USD")
    since = at - timedelta(days=400)
    card = default_card(book=book, asset=dollars, at=at)
    _tokens(book, card, since, at)
    _calls(book, card, since, at)
    lives = Lives(since=since, promotions_until=at - timedelta(days=10))
    customers = settle(book=book, parties=PARTIES, asset=dollars, lives=lives, at=at)
    map_keys(book=book, subjects=SUBJECTS, customers=customers, at=at)
    offers.sell(book=book, models=_MODELS, since=since, at=at)
    offers.subscribe(book=book, customers=customers, asset=dollars, at=at)
    months.set_up(book=book, customers=customers, at=at)
    return book


def records(*, until: datetime, events: int = EVENTS) -> Iterator[Record]:
    """
    Write events as they would be sent, in the order of their time, the last just before ``until``.

    A request to a model is two events, for input and output; others are calls of the API.
    """
    rng = random.Random(SEED)  # noqa: S311 - a story, not a secret
    popularity = [rng.paretovariate(1.1) for _ in SUBJECTS]
    callers = list(accumulate(min(weight, 12) for weight in popularity))
    start = until - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / (events + 1)
    line = 0
    while line < events:
        subject = SUBJECTS[bisect(callers, rng.random() * callers[-1])]
        if rng.random() < _MODEL_SHARE:
            written = _model_request(rng, subject)
        else:
            written = [(_API, {"route": rng.choice(_ROUTES)[0], "status": 200})]
        for kind, data in written[: events - line]:
            line += 1
            yield Record(line, _event(line, kind, subject, start + step * line, data))


def _model_request(rng: random.Random, subject: str) -> list[tuple[str, dict[str, object]]]:
    model, provider, *_ = _MODELS[bisect(_POPULARITY, rng.random() * _POPULARITY[-1])]
    about = {"model": model, "provider": provider, "agent": f"{subject}-{rng.randrange(6)}"}
    sent = min(int(rng.lognormvariate(6.9, 1.0)), 32_000)
    received = min(int(rng.lognormvariate(5.4, 0.9)), 8_000)
    return [
        (_LLM, {"tokens": sent, "type": "input", **about}),
        (_LLM, {"tokens": received, "type": "output", **about}),
    ]


def _event(number: int, kind: str, subject: str, at: datetime, data: dict[str, object]) -> bytes:
    members = ",".join(
        f'"{name}":{held}' if isinstance(held, int) else f'"{name}":"{held}"'
        for name, held in data.items()
    )
    return (
        f'{{"specversion":"1.0","id":"demo-{number}","source":"demo-gateway","type":"{kind}",'
        f'"subject":"{subject}","time":"{at.astimezone(UTC).isoformat()}","data":{{{members}}}}}'
    ).encode()


def _keys() -> Iterator[str]:
    yield "demo"
    for number in count(2):
        yield f"demo-{number}"


def _tokens(book: Book, card: RateCard, since: datetime, at: datetime) -> None:
    tokens = meter(
        book=book,
        key=_TOKENS,
        event_type=_LLM,
        aggregation=Meter.Aggregation.SUM,
        unit=unit("token"),
        path="$.tokens",
        dimensions={"model": "$.model", "type": "$.type", "provider": "$.provider"},
        at=at,
    )
    meter(
        book=book,
        key="active-agents",
        event_type=_LLM,
        aggregation=Meter.Aggregation.UNIQUE_COUNT,
        unit=unit("agent"),
        path="$.agent",
        at=at,
    )
    for model, provider, *figures in _MODELS:
        for place, kind in enumerate(("input", "output")):
            per_million(
                card=card,
                meter=tokens,
                match={"model": model, "type": kind},
                price=figures[place],
                cost=figures[place + 2],
                provider=provider,
                since=since,
                at=at,
            )


def _calls(book: Book, card: RateCard, since: datetime, at: datetime) -> None:
    calls = meter(
        book=book,
        key="api-calls",
        event_type=_API,
        aggregation=Meter.Aggregation.COUNT,
        unit=unit("call"),
        dimensions={"route": "$.route"},
        at=at,
    )
    for route, price in _ROUTES:
        per_million(card=card, meter=calls, match={"route": route}, price=price, since=since, at=at)
