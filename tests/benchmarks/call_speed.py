"""How fast single calls are answered: by the web server of ``make serve``, beside an empty view."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Final, NamedTuple

from django.utils.timezone import now

from ledger import access
from ledger.models import Book
from tests.benchmarks import call_clients, http_speed
from tests.benchmarks.call_clients import Calls, Load
from tests.benchmarks.events import CUSTOMERS, MODELS
from tests.benchmarks.table import Line, rate

CONNECTIONS: Final = 50
TURNS: Final = 5
EMPTY: Final = "/api/v1/empty"


class Asked(NamedTuple):
    """A call that is measured."""

    what: str
    path: str
    bodies: Sequence[str]
    status: int
    least: float = 0.5  # of the empty view's calls per second


def asked() -> list[Asked]:
    """Return a reserve and a check for each prepaid customer of the benchmark's book."""
    prepaid = range(0, CUSTOMERS, 2)
    hold = {"key": "b{n}", "amount": "0.01", "asset": "USD"}
    use = {"feature": "llm_tokens", "quantity": "100", "labels": {"model": MODELS[0]}}
    reserves = [json.dumps({"customer": f"c{number}"} | hold) for number in prepaid]
    checks = [json.dumps({"customer": f"c{number}"} | use) for number in prepaid]
    return [
        Asked("reserve", "/api/v1/holds", reserves, status=201),
        Asked("access/check", "/api/v1/access/check", checks, status=200),
    ]


def measure(book: Book, *, calls: int) -> list[Line]:
    """Call in turns: the empty view, then each view that is measured."""
    views = asked()
    _, key = access.issue_key(book=book, name="calls", scopes=["read", "ingest"], at=now())
    took: dict[str, list[Calls]] = {one.what: [] for one in views}
    plain: list[Calls] = []
    with http_speed.server("tests.benchmarks.web:application") as port, _clients() as clients:
        for turn in range(TURNS + 1):
            first = turn * calls
            load = Load(port, key, EMPTY, ["{}"], calls, CONNECTIONS)
            found = clients.submit(call_clients.run, load).result()
            plain += [found] if turn else []  # the first warms up
            for one in views:
                load = Load(port, key, one.path, one.bodies, calls, CONNECTIONS, first, one.status)
                found = clients.submit(call_clients.run, load).result()
                took[one.what] += [found] if turn else []
    base = median(turn.per_second for turn in plain)
    return [line for one in views for line in _lines(one, took[one.what], base)]


def _lines(one: Asked, took: Sequence[Calls], base: float) -> list[Line]:
    speed = median(turn.per_second for turn in took)
    p99 = median(turn.p99 for turn in took)
    slow = Line(f"{one.what}, p99", f"{p99:.1f} ms", "25 ms", p99 / 25, 1.0, is_most=True)
    called = "empty view"
    return [rate(one.what, speed, beside=base, called=called, least=one.least), slow]


@contextmanager
def _clients() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
