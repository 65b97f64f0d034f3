"""A month's invoices: by one process, then by two, over few events and over ten times more."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from billing.invoicing import checks, running
from billing.models import Run, RunPart
from ledger.models import Book
from tests.benchmarks import counting, database, invoice_world
from tests.benchmarks.invoice_world import MONTHS
from tests.benchmarks.progress import bar, say
from tests.benchmarks.table import Line, rate

LANES: Final = 2
FEWER: Final = 10  # times fewer events in the first month
_LEAST: Final = 300  # invoices a second
_ALIKE: Final = 0.9
_TOGETHER: Final = 1.2
_BEAT: Final = 0.5  # seconds between looks
_AFTER: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Speed:
    """Invoices a second: drafted, issued and posted."""

    alone: float
    together: float


def fill(*, customers: int, events: int) -> None:
    """Make the customers, and their usage of two months: of few events, then of ten times more."""
    say(f"invoices of {customers:,} customers")
    invoice_world.make(customers)
    with _lanes() as lanes:
        for month, many in enumerate((events // FEWER, events)):
            _use(lanes, month, many, customers)


def measure(*, customers: int, events: int) -> list[Line]:
    """Make the invoices of two months, as they were filled."""
    book = Book.objects.get(key=invoice_world.BOOK)
    months = []
    with _lanes() as lanes:
        _sweep(lanes, MONTHS[0], customers)
        _run(lanes, book, MONTHS[0])
        for until in MONTHS[1:]:
            _sweep(lanes, until, customers)
            database.settle()
            months.append(Speed(*_run(lanes, book, until)))
    say("  holding what was billed against the journal")
    for check in checks.ALL:
        assert not list(check(book_id=book.pk)), check.__name__
    few, many_events = months
    return _lines(few, many_events, customers, events)


def _lines(few: Speed, many: Speed, customers: int, events: int) -> list[Line]:
    what = f"invoices of {customers:,} customers with 5 items"
    fewer = f"{events // FEWER:,} events"
    more = f"{events:,} events"
    wanted: dict[str, Any] = {"beside": _LEAST, "called": "wanted", "least": 1}
    alike: dict[str, Any] = {"beside": few.alone, "called": f"over {fewer}", "least": _ALIKE}
    together: dict[str, Any] = {"beside": many.alone, "called": "one", "least": _TOGETHER}
    return [
        rate(f"{what}, {fewer}", few.alone, **wanted),
        rate(f"{what}, {more}", many.alone, **wanted),
        rate("  beside a tenth of the events", many.alone, **alike),
        rate("  by two workers", many.together, **together),
    ]


class _Lanes:
    """Processes attached to the database, and what they have counted."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.count: Any = context.Value("q", 0)
        self._pool = ProcessPoolExecutor(
            LANES,
            mp_context=context,
            initializer=counting.attach,
            initargs=(database.NAME, self.count),
        )

    def __enter__(self) -> _Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def each(self, what: str, total: int, do: Callable[..., int], **terms: Any) -> float:
        """Have each process do its part; return how many it does a second."""
        self.count.value = 0
        began = time.monotonic()
        jobs = [self._pool.submit(do, lane=lane, lanes=LANES, **terms) for lane in range(LANES)]
        with bar(what, total) as show:
            while wait(jobs, _BEAT).not_done:
                show(self.count.value)
            show(self.count.value)
        done = sum(job.result() for job in jobs)
        return done / (time.monotonic() - began) / LANES

    def work(self, run: Run, *, workers: int, most: int | None = None) -> tuple[int, float]:
        """Have processes work on a run, and return how many invoices they issued a second."""
        before = running.progress(run)
        jobs = [self._pool.submit(_work, run.pk, most) for _ in range(workers)]
        with bar(f"{before.payers:,} payers", before.payers) as show:
            while wait(jobs, _BEAT).not_done:
                show(running.progress(run).payers_done)
        seconds = max(job.result() for job in jobs)
        issued = running.progress(run).issued - before.issued
        return issued, issued / seconds


def _lanes() -> _Lanes:
    return _Lanes()


def _use(lanes: _Lanes, month: int, events: int, customers: int) -> None:
    lanes.each(
        f"{events:,} events",
        events,
        invoice_world.use,
        month=month,
        events=events,
        customers=customers,
    )


def _sweep(lanes: _Lanes, until: datetime, customers: int) -> None:
    speed = lanes.each("charged", customers, invoice_world.sweep, until=until)
    say(f"  {speed:,.0f} customers charged a second by each process")


def _run(lanes: _Lanes, book: Book, until: datetime) -> tuple[float, float]:
    """Make a month's invoices: half by one process, paused, the rest by two."""
    key = f"{until:%Y-%m-%d}"
    run = running.start(book=book, key=key, until=until, at=until + _AFTER, by="bench")
    parts = RunPart.objects.filter(run=run).count()
    _, alone = lanes.work(run, workers=1, most=max(1, parts // 2))
    running.pause(run=run)
    assert running.progress(run).state == Run.State.PAUSED
    running.resume(run=run)
    _, together = lanes.work(run, workers=LANES)
    assert running.progress(run).state == Run.State.DONE
    say(f"  {alone:,.0f} invoices a second, {together:,.0f} by two")
    return alone, together


def _work(run_id: int, most: int | None) -> float:
    run = Run.objects.select_related("book").get(pk=run_id)
    began = time.monotonic()
    running.work(run=run, at=run.until + _AFTER, most=most)
    return time.monotonic() - began
