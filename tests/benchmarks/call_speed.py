"""How fast single calls are answered: by the web server of ``make serve``, beside an empty view."""

from __future__ import annotations

import json
import multiprocessing
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from random import sample
from statistics import median
from typing import Final, NamedTuple

from django.utils.timezone import now

from ledger import access
from ledger.models import Book
from tests.benchmarks import call_clients, http_speed, world
from tests.benchmarks.call_clients import Calls, Load
from tests.benchmarks.events import CUSTOMERS, MODELS
from tests.benchmarks.table import Line, rate

CONNECTIONS: Final = 50
TURNS: Final = 5
PREPAID: Final = [f"c{number}" for number in range(0, CUSTOMERS, 2)]
PACE: Final = 500  # calls a second, for who does not call as fast as it can


class Asked(NamedTuple):
    """A call that is measured."""

    what: str
    path: str
    bodies: Sequence[str]
    status: int
    least: float = 0.5  # of the empty view's calls per second


EMPTY: Final = Asked("empty view", "/api/v1/empty", ["{}"], status=200)


def asked(customers: Sequence[str] = PREPAID) -> list[Asked]:
    """Return a reserve and a check for each of some prepaid customers of the benchmark's book."""
    hold = {"key": "b{n}", "amount": "0.01", "asset": "USD"}
    use = {"feature": "llm_tokens", "quantity": "100", "labels": {"model": MODELS[0]}}
    reserves = [json.dumps({"customer": key} | hold) for key in customers]
    checks = [json.dumps({"customer": key} | use) for key in customers]
    return [
        Asked("reserve", "/api/v1/holds", reserves, status=201),
        Asked("access/check", "/api/v1/access/check", checks, status=200),
    ]


def measure(book: Book, *, calls: int) -> list[Line]:
    """Call in turns: the empty view, then each view that is measured, then that at leisure."""
    views = asked()
    _, key = access.issue_key(book=book, name="calls", scopes=["read", "ingest"], at=now())
    took: defaultdict[str, list[Calls]] = defaultdict(list)
    paced: defaultdict[str, list[Calls]] = defaultdict(list)
    numbers = count(step=calls)
    with http_speed.server("tests.benchmarks.web:application") as port, clients() as made:

        def run(one: Asked, per_second: int = 0) -> Calls:
            first = next(numbers)
            load = Load(port, key, one.path, one.bodies, calls, CONNECTIONS, first, one.status)
            return made.submit(call_clients.run, load._replace(per_second=per_second)).result()

        for turn in range(TURNS + 1):
            for one in (EMPTY, *views):
                found = run(one)
                took[one.what] += [found] if turn else []  # the first warms up
        for one in views:
            paced[one.what] = [run(one, PACE)]
    return [line for one in views for line in _lines(one, took, paced)]


def turn(which: str, calls: int, first: int, crowd: int = 0) -> float:
    """
    Start a server, call what is measured, and return the calls per second.

    It is called for the benchmark's customers, or for those of a crowd (``schedule_speed``).
    """
    names = [f"x{number}" for number in sample(range(crowd), min(crowd, len(PREPAID)))]
    [one] = [one for one in asked(names or PREPAID) if one.what == which]
    book = Book.objects.get(key=world.BOOK)
    _, key = access.issue_key(book=book, name="calls", scopes=["read", "ingest"], at=now())
    load = Load(0, key, one.path, one.bodies, calls, CONNECTIONS, first, one.status)
    with http_speed.server() as port, clients() as made:
        warm = load._replace(port=port, first=first + calls)
        made.submit(call_clients.run, warm).result()
        return made.submit(call_clients.run, load._replace(port=port)).result().per_second


def _lines(
    one: Asked, took: Mapping[str, Sequence[Calls]], paced: Mapping[str, Sequence[Calls]]
) -> list[Line]:
    def middle(turns: Sequence[Calls], place: str) -> float:
        return median(getattr(each, place) for each in turns)

    mine, plain = took[one.what], took[EMPTY.what]
    speed, base = middle(mine, "per_second"), middle(plain, "per_second")
    crowded, beside = middle(mine, "p99"), middle(plain, "p99")
    calm = middle(paced[one.what], "p99")
    return [
        rate(one.what, speed, beside=base, called="empty view", least=one.least),
        Line(
            f"{one.what}, p99 of {CONNECTIONS} who never pause",
            f"{crowded:.1f} ms",
            f"empty view {beside:.1f} ms",
            crowded / beside,
            1.0,
            is_most=True,
        ),
        Line(
            f"{one.what}, p99 of {CONNECTIONS} at {PACE:,}/s",
            f"{calm:.1f} ms",
            "25 ms",
            calm / 25,
            1.0,
            is_most=True,
        ),
    ]


@contextmanager
def clients() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
