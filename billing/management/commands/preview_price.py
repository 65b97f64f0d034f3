"""``manage.py preview_price``: what cases would cost, JSON in and out, one a line."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from billing.rating.preview import previews

_AT_ONCE: Final = 500  # cases that a process is given
_AHEAD: Final = 4  # batches read ahead for each process

Batch = tuple[bytes, ...]


class Command(BaseCommand):
    help = (
        "Read cases, a JSON object a line: price, unit_config, discounts, commitments, currency,"
        " quantity (but for free and flat prices), and perhaps prior_quantity. Write for each, in"
        " order, a line with its lines, gross amount, discount, commitment charge and total, or"
        " what is wrong with it. Nothing is recorded; empty lines are skipped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="standard input unless given")
        parser.add_argument(
            "--processes", type=int, default=os.cpu_count() or 1, help="that share the work"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        if path is None:
            self._answer(sys.stdin.buffer, options["processes"])
            return
        try:
            with path.open("rb") as file:
                self._answer(file, options["processes"])
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error

    def _answer(self, file: BinaryIO, processes: int) -> None:
        cases = (line for line in file if not line.isspace())
        columns = (TextColumn("{task.completed:,} previews"), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task("")
            for written in answers(_batches(cases), processes):
                self.stdout.write(written, ending="")
                progress.advance(task, written.count("\n"))


def _batches(cases: Iterator[bytes]) -> Iterator[Batch]:
    while batch := tuple(islice(cases, _AT_ONCE)):
        yield batch


def answers(batches: Iterable[Batch], processes: int) -> Iterator[str]:
    """Yield what the batches' answers are, in order; several batches are shared by processes."""
    coming = iter(batches)
    first = list(islice(coming, 2))
    if len(first) < 2 or processes <= 1:  # noqa: PLR2004 - one batch is not worth a process
        yield from map(previews, chain(first, coming))
        return
    waiting: deque[Future[str]] = deque()
    with ProcessPoolExecutor(processes) as pool:
        for batch in chain(first, coming):
            waiting.append(pool.submit(previews, batch))
            if len(waiting) > _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
