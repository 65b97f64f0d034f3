"""How long a reserve waits on the wallet that everybody uses while usage is taken in."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from django.utils.timezone import now

from ledger import access
from ledger.models import Book
from tests.benchmarks import call_clients, http_clients, http_speed
from tests.benchmarks.table import Line

HOTTEST: Final = "c0"  # every batch has usage of it
_MOST: Final = 60  # milliseconds, for 95 of 100
_CONNECTIONS: Final = 4


def measure(book: Book, *, events: int, calls: int, seed: int) -> list[Line]:
    """Reserve for one customer while batches with its usage are sent."""
    _, key = access.issue_key(book=book, name="hottest", scopes=["ingest"], at=now())
    body = json.dumps({"customer": HOTTEST, "key": "hot{n}", "amount": "0.01", "asset": "USD"})
    spawned = multiprocessing.get_context("spawn")
    with (
        http_speed.server() as port,
        ProcessPoolExecutor(2, mp_context=spawned) as clients,
    ):
        warm = call_clients.Load(port, key, "/api/v1/holds", [body], 200, _CONNECTIONS, 0, 201)
        clients.submit(call_clients.run, warm).result()
        usage = http_clients.Load(port, key, events, _CONNECTIONS, lanes=1, seed=seed)
        sending = clients.submit(http_clients.run, usage)
        load = warm._replace(calls=calls, first=200)
        took = clients.submit(call_clients.run, load).result()
        sending.result()
    called = "reserve, on the hottest wallet during ingest, p95"
    share = took.p95 / _MOST
    return [Line(called, f"{took.p95:.1f} ms", f"{_MOST} ms", share, 1.0, is_most=True)]
