"""Clients of the events endpoint: a process of its own, a thread for each connection."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import islice
from threading import Barrier
from typing import Final, NamedTuple

from tests.benchmarks.events import raw_events

BATCH: Final = 1000
_PATIENCE: Final = 120  # seconds that a request may take


class Load(NamedTuple):
    """What to send, how."""

    port: int
    key: str
    events: int
    connections: int
    lanes: int  # shares of the customers; each connection sends for one of them
    seed: int


def run(load: Load) -> float:
    """Send everything, each connection its part, and return the events per second."""
    parts = [_bodies(load, number) for number in range(load.connections)]
    ready = Barrier(load.connections + 1)
    with ThreadPoolExecutor(load.connections) as threads:
        jobs = [threads.submit(_send, load, bodies, ready) for bodies in parts]
        ready.wait()
        began = time.perf_counter()
        accepted = sum(job.result() for job in jobs)
        return accepted / (time.perf_counter() - began)


def _bodies(load: Load, number: int) -> list[bytes]:
    events = raw_events(
        count=load.events // load.connections,
        seed=load.seed + number,
        lane=number % load.lanes,
        lanes=load.lanes,
    )
    bodies = []
    while batch := list(islice(events, BATCH)):
        bodies.append(b"[" + b",".join(batch) + b"]")
    return bodies


def _send(load: Load, bodies: list[bytes], ready: Barrier) -> int:
    headers = {
        "Authorization": f"Bearer {load.key}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    connection = HTTPConnection("127.0.0.1", load.port, timeout=_PATIENCE)
    connection.connect()
    ready.wait()
    accepted = 0
    for body in bodies:
        connection.request("POST", "/api/v1/events", body, headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, (response.status, content[:500])
        accepted += json.loads(content)["accepted"]
    connection.close()
    return accepted
