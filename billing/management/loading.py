"""
Taking records in, in this process or in several: what the commands that read files share.

Batches of one customer wait for each other's locks, so several processes share the work by
subject. Nothing is remembered between runs: an event that was taken is a duplicate the next time.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkContext, ForkProcess
from types import FrameType
from typing import Any, Final

from django.db import connections
from django.utils.timezone import now  # noqa: TID251 - a part of the commands

from billing.metering import ingest, pace
from billing.metering.facts import Outcome, Row
from billing.metering.files import Record, chunks, shard
from billing.metering.lanes import Lanes
from ledger.models import Book

MOST_SHOWN: Final = 20
_PARCEL: Final = pace.MANY
_WAITING: Final = 2  # parcels on their way to one worker
_PATIENCE: Final = 0.2  # seconds between looks at the workers
_COUNTED: Final = ("accepted", "duplicate", "conflicting", "unattributed", "rejected", "unmetered")


class LoadError(Exception):
    """A worker could not go on; what it had committed stays, and the same may be run again."""


@dataclass(slots=True)
class Tally:
    """What became of the records so far; the first of those refused, by line."""

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    unattributed: int = 0
    rejected: int = 0
    unmetered: int = 0
    refused: list[Row] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many there were in all."""
        return sum(getattr(self, name) for name in _COUNTED[:-1])

    @property
    def refusals(self) -> int:
        """How many were not taken."""
        return self.conflicting + self.rejected

    def add(self, outcome: Outcome) -> None:
        """Count a batch, and forget it."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        self._show(row for row in outcome.rows if row.status in {"conflict", "rejected"})

    def join(self, other: Tally) -> None:
        """Count what another process counted."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._show(other.refused)

    def _show(self, rows: Iterable[Row]) -> None:
        if found := list(rows):
            self.refused = sorted([*self.refused, *found], key=lambda row: row.index)[:MOST_SHOWN]


@dataclass(slots=True)
class Stop:
    """Says whether somebody asked to stop; once is after the batch at hand, twice is at once."""

    is_asked: bool = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a request to stop."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_asked:
            raise KeyboardInterrupt
        stop.is_asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def load(
    *, book: Book, records: Iterable[Record], stop: Stop, each: Callable[[Tally], None]
) -> Tally:
    """Take records in, in lanes, until they end or somebody asks to stop."""
    tally = Tally()
    with Lanes(book=book, clock=now) as lanes:
        for chunk in chunks(records, _PARCEL):
            lanes.take(record.read() for record in chunk)
            tally.add(lanes.done())
            each(tally)
            if stop.is_asked:
                break
        tally.add(lanes.finish())
    each(tally)
    return tally


def _take(book: Book, chunk: Iterable[Record]) -> Outcome:
    return ingest.ingest(book=book, sent=(record.read() for record in chunk), received_at=now())


class Crew:
    """Several processes, each with a database connection, that take records by their subjects."""

    def __init__(self, *, book: Book, workers: int) -> None:
        """Start them; do so before this process has threads."""
        connections.close_all()  # a connection must not be shared with a child
        context = multiprocessing.get_context("fork")
        self._results: Any = context.Queue()
        self._parcels: list[Any] = [context.Queue(_WAITING) for _ in range(workers)]
        self._processes = [self._start(context, book, parcels) for parcels in self._parcels]
        self.tally = Tally()

    def _start(self, context: ForkContext, book: Book, parcels: Any) -> ForkProcess:
        process = context.Process(target=_work, args=(book, parcels, self._results), daemon=True)
        process.start()
        return process

    def load(
        self, *, records: Iterable[Record], stop: Stop, each: Callable[[Tally], None]
    ) -> Tally:
        """
        Hand out records until they end or somebody asks to stop, and wait until all are taken.

        Raises:
            LoadError: a worker failed or was killed.
        """
        before, self.tally = self.tally, Tally()
        held: list[list[Record]] = [[] for _ in self._parcels]
        for record in records:
            place = shard(record, len(held))
            held[place].append(record)
            if len(held[place]) == _PARCEL:
                self._send(place, held[place])
                held[place] = []
                self._collect()
                each(self.tally)
                if stop.is_asked:
                    break
        else:
            for place, rest in enumerate(held):
                self._send(place, rest)
        self._settle(lambda: each(self.tally))
        done, self.tally = self.tally, before
        return done

    def close(self) -> None:
        """Send the workers home."""
        for process in self._processes:
            process.terminate()
            process.join()
        for parcels in self._parcels:
            parcels.cancel_join_thread()  # what nobody will take must not hold up our end

    def _send(self, place: int, parcel: object) -> None:
        while True:
            try:
                self._parcels[place].put(parcel, timeout=_PATIENCE)
            except queue.Full:
                self._collect()
                self._check()
            else:
                return

    def _settle(self, each: Callable[[], None]) -> None:
        """Wait until every worker has answered the mark behind its last parcel."""
        for place in range(len(self._parcels)):
            self._send(place, None)
        answers = 0
        while answers < len(self._parcels):
            answers += self._collect(wait=True)
            self._check()
            each()

    def _collect(self, *, wait: bool = False) -> int:
        """Count what workers have done; return how many answered a mark."""
        answers = 0
        while True:
            try:
                result = self._results.get(timeout=_PATIENCE if wait else 0)
            except queue.Empty:
                return answers
            wait = False
            if result is None:
                answers += 1
            elif isinstance(result, str):
                raise LoadError(result)
            else:
                self.tally.join(result)

    def _check(self) -> None:
        for process in self._processes:
            if not process.is_alive():
                raise LoadError(f"a worker ended with exit code {process.exitcode}")


def _work(book: Book, parcels: Any, results: Any) -> None:
    """Take parcels in until killed; runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever hands out the work is asked to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        while True:
            parcel = parcels.get()
            if parcel is None:
                results.put(None)
                continue
            tally = Tally()
            tally.add(_take(book, parcel))
            results.put(tally)
    except Exception as error:
        results.put(f"{type(error).__name__}: {error}")
