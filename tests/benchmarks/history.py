"""
What a long history costs: a ledger of one day beside one of many, of the same daily usage.

Both are of this run and on one server, each used by a process of its own; they are asked in turns,
so that whatever slows the machine slows both.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import Any, Final

from ledger.models import Book
from tests.benchmarks import baseline, database, filling, ingest_speed, reads, world
from tests.benchmarks.ingest_speed import TURN
from tests.benchmarks.progress import say
from tests.benchmarks.table import Line, rate

SMALL: Final = f"{database.NAME}_small"
LARGE: Final = f"{database.NAME}_large"
ENTRIES: Final = 2  # of an event: a quantity and money
DAILY: Final = 55_000  # events: 10 million entries are three months
WARM: Final = 3  # turns that are not counted
TURNS: Final = 10
CALLS: Final = 200  # of each read, in each turn


def measure(*, entries: int) -> list[Line]:
    """Fill both, then compare the speed of ingest and the time of reads."""
    events = entries // ENTRIES
    days = max(1, round(events / DAILY))
    say(f"history of {DAILY:,} events in one day, for comparison")
    filling.fill(SMALL, events=DAILY, days=1)
    say(f"history of {events:,} events in {days} days")
    filling.fill(LARGE, events=events, days=days)
    with ExitStack() as stack:
        small, large = (stack.enter_context(_Asked(*of)) for of in ((SMALL, 1), (LARGE, days)))
        say("  reads, in turns")
        read = [_compared_reads(kind, small, large) for kind in reads.KINDS]
        say("  ingest, in turns")
        return [*_compared_ingest(small, large, entries), *read]


class _Asked:
    """A process attached to one of the ledgers."""

    def __init__(self, name: str, days: int) -> None:
        self.days = days
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            1, mp_context=context, initializer=database.attach, initargs=(name,)
        )

    def __enter__(self) -> _Asked:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()

    def read(self, kind: str, seed: int) -> list[float]:
        options = {"days": self.days, "calls": CALLS, "seed": seed}
        return self.ask(reads.timed, kind, **options)  # type: ignore[no-any-return]

    def ask(self, what: Any, *arguments: Any, **options: Any) -> Any:
        return self._pool.submit(what, *arguments, **options).result()


def _compared_reads(kind: str, small: _Asked, large: _Asked) -> Line:
    before: list[float] = []
    after: list[float] = []
    for turn in range(WARM + TURNS):
        before_now, after_now = small.read(kind, turn), large.read(kind, turn)
        if turn >= WARM:
            before += before_now
            after += after_now
    short, long = median(before), median(after)
    figure, beside = f"{long * 1000:.2f} ms", f"small ledger {short * 1000:.2f} ms"
    return Line(f"{kind}, long history", figure, beside, long / short, 1.5, is_most=True)


def _compared_ingest(small: _Asked, large: _Asked, entries: int) -> list[Line]:
    small.ask(baseline.make)
    before, after, copied = 0.0, 0.0, 0.0
    for turn in range(WARM + TURNS):
        seed = 1000 + turn
        taken = [small.ask(_turn, small.days, seed), large.ask(_turn, large.days, seed)]
        plain = small.ask(_plain, seed)
        if turn >= WARM:
            before, after, copied = before + taken[0], after + taken[1], copied + plain
    events = TURNS * TURN
    short, long, plain = events / before, events / after, events / copied
    called = f"after {entries / 1e6:,.1f} million entries"
    return [
        rate(f"ingest {called}", long, beside=short, called="small ledger", least=0.85),
        rate(f"ingest {called}", long, beside=plain, called="COPY", least=0.85 * short / plain),
    ]


def _turn(first_day: int, seed: int) -> float:
    """Ingest one worker's share of the day after the history."""
    book = Book.objects.get(key=world.BOOK)
    facts = world.facts(count=TURN, seed=seed, first_day=first_day)
    return ingest_speed.timed_ingest(book, facts)


def _plain(seed: int) -> float:
    return ingest_speed.timed_copy(world.facts(count=TURN, seed=seed))
