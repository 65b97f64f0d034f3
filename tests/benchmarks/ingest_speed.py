"""How fast usage becomes postings, beside COPY of the same rows, in turns within one run."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from threading import Barrier
from typing import NamedTuple

from billing.metering import ingest, pace
from billing.metering.facts import Outcome, Sent
from billing.metering.lanes import ingest_in_lanes
from ledger.models import Book
from tests.benchmarks import baseline, database, world
from tests.benchmarks.table import Line, rate

BATCH = pace.MANY
TURN = 10 * BATCH


class Speeds(NamedTuple):
    """Events per second."""

    copied: float
    one_worker: float
    two_workers: float

    def lines(self) -> list[Line]:
        """Compare them with each other and with what is expected of two cores."""
        beside = {"beside": self.copied, "called": "COPY"}
        ratio = self.one_worker / self.copied
        return [
            rate("ingest, one worker", self.one_worker, **beside, least=0.25),
            rate("ingest, two workers", self.two_workers, **beside, least=ratio),
            rate(
                "ingest, two workers, on two cores",
                self.two_workers,
                beside=25_000,
                called="expected",
                least=1,
            ),
        ]


def measure(book: Book, *, events: int, seed: int) -> Speeds:
    """Take turns between COPY and ingest, then let two processes ingest at once."""
    baseline.make()
    timed_ingest(book, world.facts(count=TURN, seed=seed + 2))  # opens the customers' accounts
    copied = ingested = 0.0
    facts = world.facts(count=events, seed=seed)
    for start in range(0, events, TURN):
        turn = facts[start : start + TURN]
        copied += timed_copy(turn)
        ingested += timed_ingest(book, turn, take=ingest_in_lanes)
    return Speeds(events / copied, events / ingested, two_workers(book.key, events, seed + 1))


def timed_ingest(
    book: Book, facts: Sequence[Sent], take: Callable[..., Outcome] = ingest.ingest
) -> float:
    """Ingest, durably, and return the seconds it took."""
    began = time.perf_counter()
    outcome = take(book=book, sent=facts, received_at=world.LATER)
    seconds = time.perf_counter() - began
    assert outcome.accepted == len(facts), outcome.rows[:3]
    return seconds


def timed_copy(facts: Sequence[Sent]) -> float:
    """Write the same rows into the plain tables, and return the seconds it took."""
    began = time.perf_counter()
    for start in range(0, len(facts), BATCH):
        baseline.copy(facts[start : start + BATCH])
    return time.perf_counter() - began


def two_workers(book_key: str, events: int, seed: int) -> float:
    """Return the events per second of two processes, each with customers of its own."""
    context = multiprocessing.get_context("spawn")
    with (
        multiprocessing.Manager() as manager,
        ProcessPoolExecutor(2, mp_context=context, initializer=database.attach) as pool,
    ):
        ready = manager.Barrier(2)
        jobs = [pool.submit(_lane, book_key, events // 2, seed, lane, ready) for lane in range(2)]
        return sum(job.result() for job in jobs)


def _lane(book_key: str, events: int, seed: int, lane: int, ready: Barrier) -> float:
    book = Book.objects.get(key=book_key)
    facts = world.facts(count=events, seed=seed, lane=lane, lanes=2)
    ready.wait()
    return events / timed_ingest(book, facts)
