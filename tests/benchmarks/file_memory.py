"""How much memory ``manage.py ingest`` takes for a large file."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from django.db.models import Sum

from billing.models import UsageBatch
from ledger.models import Book
from tests.benchmarks import database
from tests.benchmarks.events import write_file
from tests.benchmarks.progress import bar
from tests.benchmarks.table import Line

MOST: Final = 300  # megabytes, resident
_ROOT: Final = Path(__file__).resolve().parents[2]
_MB: Final = 1024 * 1024
_BEAT: Final = 0.1  # seconds between looks


class Peak(NamedTuple):
    """What a run took."""

    megabytes: float
    seconds: float


def measure(book: Book, *, events: int, seed: int) -> list[Line]:
    """Ingest a generated file with the command, as the application, and watch its memory."""
    with tempfile.TemporaryDirectory(prefix="meterbook-bench-") as folder:
        path = Path(folder) / "events.ndjson.gz"
        _apart(write_file, path, events, seed)
        before = _taken(book)
        peak = _watched(book, path, events, before)
    assert _taken(book) - before == events, "the command has not taken all"
    what = f"file of {events:,} events, {events / peak.seconds:,.0f}/s"
    ratio = peak.megabytes / MOST
    return [Line(what, f"{peak.megabytes:,.0f} MB", f"limit {MOST} MB", ratio, 1, is_most=True)]


def _apart(what: object, *arguments: object) -> None:
    """Do something in a process of its own, so that its memory is nobody else's."""
    process = multiprocessing.get_context("spawn").Process(target=what, args=arguments)  # type: ignore[arg-type]
    process.start()
    process.join()
    assert process.exitcode == 0


def _watched(book: Book, path: Path, events: int, before: int) -> Peak:
    command = [sys.executable, "manage.py", "ingest", str(path), "--book", book.key, "--strict"]
    began, peak = time.monotonic(), 0
    process = subprocess.Popen(
        command, cwd=_ROOT, env=database.as_application(), stdout=subprocess.PIPE, text=True
    )
    with bar("file", events) as show:
        looked = began
        while process.poll() is None:
            peak = max(peak, _resident(process.pid))
            if time.monotonic() - looked > 1:
                looked = time.monotonic()
                show(_taken(book) - before)
            time.sleep(_BEAT)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return Peak(peak / _MB, time.monotonic() - began)


def _resident(pid: int) -> int:
    """Return the most memory that a process has had so far; without Linux, what it has now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _taken(book: Book) -> int:
    found = UsageBatch.objects.filter(book=book).aggregate(events=Sum("events"))
    return int(found["events"] or 0)
