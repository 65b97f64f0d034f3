"""How fast usage becomes postings, beside COPY of the same rows, in turns within one run."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import NamedTuple

from billing.metering import ingest
from billing.metering.facts import Sent
from ledger.models import Book
from tests.benchmarks import baseline, database, world

BATCH = ingest.CHUNK


class Speeds(NamedTuple):
    """Events per second."""

    copied: float
    one_worker: float
    two_workers: float


def measure(book: Book, *, events: int, seed: int) -> Speeds:
    """Take turns between COPY and ingest, then let two processes ingest at once."""
    baseline.make()
    copied = ingested = 0.0
    facts = world.facts(count=events, seed=seed)
    turns = [facts[start : start + 10 * BATCH] for start in range(0, events, 10 * BATCH)]
    for turn in turns:
        copied += _timed_copy(turn)
        ingested += timed_ingest(book, turn)
    return Speeds(events / copied, events / ingested, two_workers(book.key, events, seed + 1))


def timed_ingest(book: Book, facts: Sequence[Sent]) -> float:
    """Ingest, durably, and return the seconds it took."""
    at = world.START + timedelta(days=31)
    began = time.perf_counter()
    outcome = ingest.ingest(book=book, sent=facts, received_at=at)
    seconds = time.perf_counter() - began
    assert outcome.accepted == len(facts), outcome.rows[:3]
    return seconds


def two_workers(book_key: str, events: int, seed: int) -> float:
    """Return the events per second of two processes, each with customers of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=database.attach) as pool:
        ready = multiprocessing.Manager().Barrier(2)
        jobs = [
            pool.submit(_lane, book_key, events // 2, seed, lane, ready) for lane in range(2)
        ]
        return sum(job.result() for job in jobs)


def _lane(book_key: str, events: int, seed: int, lane: int, ready: object) -> float:
    book = Book.objects.get(key=book_key)
    facts = world.facts(count=events, seed=seed, lane=lane, lanes=2)
    ready.wait()  # type: ignore[attr-defined]  # a proxy of a barrier
    return events / timed_ingest(book, facts)


def _timed_copy(facts: Sequence[Sent]) -> float:
    began = time.perf_counter()
    for start in range(0, len(facts), BATCH):
        baseline.copy(facts[start : start + BATCH])
    return time.perf_counter() - began
