"""Clients of single calls: a process of its own, a thread and a connection for each."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier
from typing import Final, NamedTuple

_PATIENCE: Final = 60  # seconds that a call may take


class Load(NamedTuple):
    """What to call, how often, from how many connections at once."""

    port: int
    key: str
    path: str
    bodies: Sequence[str]  # taken in turns; ``{n}`` is a number of its own for each call
    calls: int
    connections: int
    first: int = 0  # of those numbers
    status: int = 200
    per_second: int = 0  # of all connections together; zero: none ever pauses


class Calls(NamedTuple):
    """How it went."""

    per_second: float
    p50: float  # milliseconds
    p95: float
    p99: float


def run(load: Load) -> Calls:
    """Make all calls, each connection its part, one after the other."""
    ready = Barrier(load.connections + 1)
    with ThreadPoolExecutor(load.connections) as threads:
        jobs = [threads.submit(_call, load, place, ready) for place in range(load.connections)]
        ready.wait()
        began = time.perf_counter()
        took = sorted(one for job in jobs for one in job.result())
        seconds = time.perf_counter() - began
    p50, p95, p99 = (took[int(share * (len(took) - 1))] * 1000 for share in (0.5, 0.95, 0.99))
    return Calls(len(took) / seconds, p50, p95, p99)


def _call(load: Load, place: int, ready: Barrier) -> list[float]:
    numbers = count(load.first + place, load.connections)
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", load.port), timeout=_PATIENCE) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.wait()
        due, pause = time.perf_counter(), 0.0
        if load.per_second:
            pause = load.connections / load.per_second
            due += pause * place / load.connections  # not all at the same moment
        for _ in range(load.calls // load.connections):
            number = next(numbers)
            time.sleep(max(0.0, due - time.perf_counter()))
            due += pause
            body = load.bodies[number % len(load.bodies)].replace("{n}", str(number))
            sent = f"{head}{len(body)}\r\n\r\n{body}".encode()
            began = time.perf_counter()
            line.sendall(sent)
            answer = _answer(line)
            took.append(time.perf_counter() - began)
            assert answer[9:12] == b"%d" % load.status, answer[:1000]
    return took


def _answer(line: socket.socket) -> bytes:
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(line)
    named = answer[:end].lower().partition(b"content-length:")[2]
    length = end + 4 + int(named.partition(b"\r\n")[0])
    while len(answer) < length:
        answer += _more(line)
    return answer


def _more(line: socket.socket) -> bytes:
    more = line.recv(65536)
    assert more, "the server hung up"
    return more
