"""
What a long history costs: a ledger of one day beside one of many, of the same daily usage.

Both are of this run and on one server, each used by a process of its own; they are asked in turns,
so that whatever slows the machine slows both.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from statistics import median
from typing import Any, Final

from ledger.models import Book, Customer
from tests.benchmarks import (
    baseline,
    call_speed,
    database,
    filling,
    ingest_speed,
    reads,
    schedule_speed,
    world,
)
from tests.benchmarks.events import START
from tests.benchmarks.ingest_speed import TURN
from tests.benchmarks.progress import say
from tests.benchmarks.table import Line
from wallets import schedules

SMALL: Final = f"{database.NAME}_small"
LARGE: Final = f"{database.NAME}_large"
ENTRIES: Final = 2  # of an event: a quantity and money
DAILY: Final = 55_000  # events: 10 million entries are three months
CALLS: Final = 200  # of each read, in each turn
CALLED: Final = ("reserve", "access/check")
HTTP_CALLS: Final = 5_000
CALL_TURNS: Final = 5
WARM: Final = 3  # turns of reads that are not counted
# After a checkpoint the first change of a page writes all of it, and a large ledger has more pages:
# it is slower for some 100,000 events, of the 10 million that there may be between checkpoints.
WARM_INGEST: Final = 8


def measure(*, entries: int, turns: int, crowd: int, is_filled: bool = False) -> list[Line]:
    """Fill both, unless a run before has kept the large one, and compare ingest and reads."""
    events = entries // ENTRIES
    days = max(1, round(events / DAILY))
    for name, count, span in ((SMALL, DAILY, 1), (LARGE, events, days)):
        say(f"history of {count:,} events, days: {span}")
        if not (is_filled and name == LARGE):
            filling.fill(name, events=count, days=span)
        if name == LARGE:
            say(f"  {crowd:,} more customers")
            with _Asked(LARGE, days) as large:
                large.ask(_crowd, crowd)
        filling.finish(name)
    with ExitStack() as stack:
        small, large = (stack.enter_context(_Asked(*of)) for of in ((SMALL, 1), (LARGE, days)))
        say("  reads, in turns")
        read = [_compared_reads(kind, small, large, turns) for kind in reads.KINDS]
        say("  ingest, in turns")
        ingested = _compared_ingest(small, large, entries, turns)
        say("  calls over HTTP, in turns")  # last: batches are shorter where callers hold credit
        history = f"{entries / 1e6:,.1f} million entries, {crowd:,} more customers"
        called = [_compared_calls(what, history, small, large, crowd) for what in CALLED]
        return [*ingested, *read, *called]


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


def _compared_reads(kind: str, small: _Asked, large: _Asked, turns: int) -> Line:
    before: list[float] = []
    after: list[float] = []
    for turn in range(WARM + turns):
        before_now, after_now = small.read(kind, turn), large.read(kind, turn)
        if turn >= WARM:
            before += before_now
            after += after_now
    short, long = median(before), median(after)
    figure, beside = f"{long * 1000:.2f} ms", f"small ledger {short * 1000:.2f} ms"
    return Line(f"{kind}, long history", figure, beside, long / short, 1.5, is_most=True)


def _compared_ingest(small: _Asked, large: _Asked, entries: int, turns: int) -> list[Line]:
    small.ask(baseline.make)
    before, after, copied = [], [], []
    first_seed = time.time_ns() // 1_000_000  # another run on the same ledgers sends other events
    warm = min(WARM_INGEST, turns)
    for turn in range(warm + turns):
        seed = first_seed + turn
        taken = small.ask(_turn, small.days, seed), large.ask(_turn, large.days, seed)
        plain = small.ask(_plain, seed)
        if turn >= warm:
            before.append(TURN / taken[0])
            after.append(TURN / taken[1])
            copied.append(TURN / plain)
    what, long = f"ingest after {entries / 1e6:,.1f} million entries", median(after)
    figure, plain, short = f"{long:,.0f}/s", median(copied), median(before)
    return [
        Line(what, figure, f"small ledger {short:,.0f}/s", _paired(after, before), 0.85),
        Line(
            what,
            figure,
            f"COPY {plain:,.0f}/s",
            _paired(after, copied),
            0.85 * _paired(before, copied),
        ),
    ]


def _paired(figures: list[float], baselines: list[float]) -> float:
    """Return the median of the turns' ratios: a turn that somebody disturbed does not count."""
    return median(x / y for x, y in zip(figures, baselines, strict=True))


def _compared_calls(what: str, history: str, small: _Asked, large: _Asked, crowd: int) -> Line:
    before: list[float] = []
    after: list[float] = []
    first = time.time_ns() // 1_000_000  # another run on the same ledgers uses other keys
    for turn in range(CALL_TURNS):
        options = {"which": what, "calls": HTTP_CALLS, "first": first + 2 * turn * HTTP_CALLS}
        before.append(small.ask(call_speed.turn, **options))
        after.append(large.ask(call_speed.turn, crowd=crowd, **options))
    long, short = median(after), median(before)
    figure, beside = f"{long:,.0f}/s", f"small ledger {short:,.0f}/s"
    return Line(f"{what}, {history}", figure, beside, _paired(after, before), 0.85)


def _crowd(many: int) -> None:
    book = Book.objects.get(key=world.BOOK)
    if not Customer.objects.filter(book=book, key="x0").exists():
        schedule_speed.crowd(book, many, at=START - timedelta(days=1))
        schedules.issue(at=START)


def _turn(first_day: int, seed: int) -> float:
    """Ingest one worker's share of the day after the history."""
    book = Book.objects.get(key=world.BOOK)
    facts = world.facts(count=TURN, seed=seed, first_day=first_day)
    return ingest_speed.timed_ingest(book, facts)


def _plain(seed: int) -> float:
    return ingest_speed.timed_copy(world.facts(count=TURN, seed=seed))
