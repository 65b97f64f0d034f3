"""Runs of invoices from the terminal: with a bar, by several processes, interruptible."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import now  # noqa: TID251 - a part of the commands
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from billing.invoicing import drafting, running
from billing.invoicing.running import Progress
from billing.management import loading, render
from billing.management.commands.ingest import book_named
from billing.models import Run
from ledger.errors import DomainError
from ledger.models import Asset, Book
from ledger.money import ZERO, add

_BEAT: Final = 0.3  # seconds between looks at the workers
_INTERRUPTED: Final = 130
_CAUSE: Final = "command"


class RunCommand(BaseCommand):
    """What ``draft_invoices`` and ``issue_invoices`` have in common."""

    issues: ClassVar[bool]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument(
            "--until",
            help="what is due up to here: a date (its beginning) or a time; now unless given",
        )
        parser.add_argument("--key", default="", help="your own name of the run, once")
        parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on with the last run, and try again what failed",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be drafted, and write nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        book = book_named(options["book"])
        console = render.console_on(self.stdout)
        try:
            if options["dry_run"]:
                console.print(_expected(foresee(book, _until(book, options["until"]))))
                return
            run = self._run(book, options)
            with loading.stoppable() as stop:
                found = carry_out(run, workers=max(1, options["workers"]), stop=stop)
        except DomainError as error:
            raise CommandError(str(error)) from error
        console.print(_summary(run, found))
        if found.state == Run.State.PAUSED:
            raise CommandError("Interrupted: --resume goes on.", returncode=_INTERRUPTED)
        if found.payers_failed:
            raise CommandError(f"{found.payers_failed:,} payers failed: --resume tries them again.")

    def _run(self, book: Book, options: dict[str, Any]) -> Run:
        if options["resume"]:
            last = Run.objects.filter(book=book, issues=self.issues).order_by("-pk").first()
            if last is None:
                raise CommandError("There is no run to resume.")
            return running.resume(run=last)
        until, at = _until(book, options["until"]), now()
        name = "issue" if self.issues else "draft"
        key = options["key"] or f"{name}:{until.isoformat()}"
        return running.start(book=book, key=key, until=until, at=at, by=_CAUSE, issues=self.issues)


def carry_out(run: Run, *, workers: int, stop: loading.Stop) -> Progress:
    """Work on a run by so many processes until it is over, or somebody asks to stop."""
    with _bar(run) as show:
        if workers == 1:
            _work_here(run, stop, show)
        else:
            _share(run, workers, stop, show)
    if stop.is_asked:
        running.pause(run=run)
    return running.progress(run)


def _work_here(run: Run, stop: loading.Stop, show: Any) -> None:
    before = running.progress(run)
    while not stop.is_asked and before.state == Run.State.RUNNING:
        found = running.work(run=run, at=now(), most=1)
        show(found)
        if found == before:
            time.sleep(_BEAT)  # somebody else is at what is left
        before = found


def _share(run: Run, workers: int, stop: loading.Stop, show: Any) -> None:
    connections.close_all()  # a connection must not be shared with a child
    context = multiprocessing.get_context("fork")
    crew = [context.Process(target=_work, args=(run,), daemon=True) for _ in range(workers)]
    for process in crew:
        process.start()
    while any(process.is_alive() for process in crew):
        for process in crew:
            process.join(_BEAT / workers)
        if stop.is_asked:
            running.pause(run=run)
        show(running.progress(run))
    if failed := [process.exitcode for process in crew if process.exitcode]:
        raise CommandError(f"a worker ended with exit code {failed[0]}: --resume goes on")


def _work(run: Run) -> None:
    """Do parts until none is left; runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever shares the work is asked to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    running.work(run=run, at=now())


@dataclass(slots=True)
class Foreseen:
    """What a run would draft."""

    payers: int = 0
    documents: int = 0
    blocked: int = 0
    due: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # by asset


def foresee(book: Book, until: datetime) -> Foreseen:
    """Compose what would be drafted, of what is charged by now, and write nothing."""
    at, found = now(), Foreseen()
    payers = running.payers_due(book=book, until=until, at=at)
    found.payers = len(payers)
    for start in range(0, len(payers), running.PART):
        chunk = payers[start : start + running.PART]
        desk = drafting.open_desk(book=book, payers=chunk, until=until, at=at, lock=False)
        drafts, _ = drafting.compose(desk)
        found.documents += len(drafts)
        for draft in drafts:
            found.blocked += any(problem.is_critical for problem in draft.problems)
            sign = -1 if draft.kind == "credit_note" else 1
            due = draft.totals.due if sign > 0 else draft.totals.due.copy_negate()
            found.due[draft.asset_id] = add(found.due[draft.asset_id], due)
    return found


def _expected(found: Foreseen) -> Table:
    table = _table("Would be drafted")
    table.add_row("payers", f"{found.payers:,}")
    table.add_row("documents", f"{found.documents:,}")
    if found.blocked:
        table.add_row("of them with critical problems", f"{found.blocked:,}")
    codes = dict(Asset.objects.filter(pk__in=found.due).values_list("pk", "code"))
    for asset_id, due in found.due.items():
        table.add_row(f"due, {codes[asset_id]}", f"{due or ZERO:,.2f}")
    return table


def _summary(run: Run, found: Progress) -> Table:
    table = _table(f"Run {run.key}")
    for name in ("state", "payers", "payers_done", "payers_failed", "drafted", "issued", "lines"):
        value = getattr(found, name)
        table.add_row(name.replace("_", " "), value if name == "state" else f"{value:,}")
    return table


def _table(title: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        show_header=False,
        min_width=len(title),
    )
    table.add_column()
    table.add_column(justify="right")
    return table


@contextmanager
def _bar(run: Run) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(run.key, total=running.progress(run).payers)
        yield lambda found: shown.update(
            task,
            completed=found.payers_done + found.payers_failed,
            description=f"{run.key}: {found.issued or found.drafted:,} documents",
        )


def _until(book: Book, text: str | None) -> datetime:
    if not text:
        return now()
    zone = ZoneInfo(book.time_zone)
    try:
        found = parse_datetime(text) if "T" in text else None
        day = parse_date(text) if found is None else None
    except ValueError:
        found = day = None
    if found is None and day is None:
        raise CommandError(f"--until is {text!r}: write a date or a time, as 2026-03-01")
    if found is None:
        assert day is not None, "one of them was read"
        return datetime(day.year, day.month, day.day, tzinfo=zone)
    return found if found.tzinfo else found.replace(tzinfo=zone)
