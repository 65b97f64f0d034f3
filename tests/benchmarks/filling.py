"""Filling a ledger with history, through the real operation, in two processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from typing import Final

from django.db import connection
from django.utils.timezone import now

from billing.metering import ingest, pace, rollups
from billing.metering.facts import Sent
from ledger import folding, sealing, totals
from ledger.models import Book
from tests.benchmarks import counting, database, world
from tests.benchmarks.progress import bar, say
from tests.polling import eventually

LANES: Final = 2
SEED: Final = 7
_BEAT: Final = 0.5  # seconds between looks
_PATIENCE: Final = 900  # seconds for others' transactions to end


def fill(name: str, *, events: int, days: int) -> None:
    """Make a database with a ledger of so many events."""
    database.make(name)
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    with ProcessPoolExecutor(
        LANES, mp_context=context, initializer=counting.attach, initargs=(name, done)
    ) as pool:
        pool.submit(world.make).result()
        jobs = [pool.submit(_lane, events // LANES, days, lane) for lane in range(LANES)]
        with bar(f"{events:,} events", events) as show:
            while wait(jobs, _BEAT).not_done:
                show(done.value)
            show(done.value)
        assert sum(job.result() for job in jobs) == events // LANES * LANES


def finish(name: str) -> None:
    """Fold and seal as a worker would have, and bring statistics and files up to date."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        1, mp_context=context, initializer=database.attach, initargs=(name,)
    ) as pool:
        for what in (_fold, _seal, _roll_up, database.settle):
            began = time.monotonic()
            pool.submit(what).result()
            say(f"  {what.__name__.strip('_')}: {time.monotonic() - began:,.1f} s")


def _lane(events: int, days: int, lane: int) -> int:
    book = Book.objects.get(key=world.BOOK)
    facts = _counted(world.stream(count=events, seed=SEED, days=days, lane=lane, lanes=LANES))
    return ingest.ingest(book=book, sent=facts, received_at=world.LATER).accepted


def _counted(facts: Iterator[Sent]) -> Iterator[Sent]:
    for number, fact in enumerate(facts, 1):
        if number % pace.MANY == 0:
            counting.add(pace.MANY)
        yield fact


def _fold() -> None:
    def is_folded() -> bool:
        folding.fold()
        return not _exists(f"WITH {totals.UNFOLDED} SELECT 1 FROM unfolded")

    eventually(is_folded, seconds=_PATIENCE, why=_BLOCKED)


def _seal() -> None:
    def is_sealed() -> bool:
        sealing.seal(at=now())
        return not sealing.lag(now())

    eventually(is_sealed, seconds=_PATIENCE, why=_BLOCKED)


def _roll_up() -> None:
    def is_rolled_up() -> bool:
        rollups.fold()
        return not _exists(_NOT_ROLLED_UP)

    eventually(is_rolled_up, seconds=_PATIENCE, why=_BLOCKED)


def _exists(query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({query})")
        return bool(cursor.fetchone()[0])


# What is final is folded, and nothing is while any transaction on the server is older.
_BLOCKED: Final = "a transaction of somebody else on this server stays open: end it, or use another"
_NOT_ROLLED_UP: Final = """
    SELECT 1 FROM billing_usagebatch b, ledger_watermark w
    WHERE w.name = 'rollups' AND (b.xid, b.id) > (w.xid::text::xid8, w.position)
"""
