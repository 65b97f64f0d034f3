"""How fast usage is taken in over HTTP: the web server of ``make serve``, batches of 1,000."""

from __future__ import annotations

import multiprocessing
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final

from django.utils.timezone import now

from ledger import access
from ledger.config.supervision import Program, stop_all
from ledger.management.commands import serve
from ledger.models import Book
from tests.benchmarks import database, http_clients
from tests.benchmarks.http_clients import Load
from tests.benchmarks.ingest_speed import Speeds
from tests.benchmarks.table import Line, rate
from tests.polling import eventually

WORKERS: Final = 2
CONNECTIONS: Final = 4


def measure(book: Book, speeds: Speeds, *, events: int, seed: int) -> list[Line]:
    """Send over several connections, and compare with what was measured inside a process."""
    _, key = access.issue_key(book=book, name="benchmark", scopes=["ingest"], at=now())
    with server() as port, _clients() as clients:
        load = Load(port, key, events, CONNECTIONS, lanes=1, seed=seed)
        warm = load._replace(events=events // 10, seed=seed + 50)
        clients.submit(http_clients.run, warm).result()
        mixed = clients.submit(http_clients.run, load).result()
        own = load._replace(lanes=CONNECTIONS, seed=seed + 100)
        apart = clients.submit(http_clients.run, own).result()
    return [
        rate(
            "HTTP, every batch of all customers",
            mixed,
            beside=speeds.one_worker,
            called="one worker",
            least=0.5,
        ),
        rate(
            "HTTP, connections with customers of their own",
            apart,
            beside=speeds.two_workers,
            called="two workers",
            least=0.5,
        ),
    ]


@contextmanager
def _clients() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def server(application: str = "") -> Iterator[int]:
    """Run the web server on a free port, with the application's rights, and stop it after."""
    port = _free_port()
    options = {"host": "127.0.0.1", "port": port, "web_workers": WORKERS, "web_threads": 4}
    asked = serve.web_program(options)
    quiet = {"METERBOOK_LOG_LEVEL": "WARNING"}  # not a line on the terminal for each request
    env = {**asked.env, **database.as_application(), **quiet}
    command = [*asked.command[:-1], application] if application else asked.command
    web = Program(asked.name, command, env)
    web.keep(time.monotonic())
    try:
        eventually(lambda: _answers(port), why="the web server does not answer")
        yield port
    finally:
        stop_all([web])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
