"""``manage.py ingest``: usage events from files, each taken once however often it is run."""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from billing.management import loading, render
from billing.management.loading import Crew, LoadError, Stop, Tally
from billing.metering import files
from billing.metering.files import Columns, Opened, Record
from ledger.errors import DomainError
from ledger.models import Book

_FORMATS: Final = ("auto", "ndjson", "csv")
_DAMAGED: Final = (EOFError, OSError, zlib.error)
_INTERRUPTED: Final = 130

Load = Callable[..., Tally]


class Command(BaseCommand):
    help = (
        "Take usage events in from files: a CloudEvent a line, or CSV with named columns, plain or"
        " gzip. What was taken before is counted as a duplicate, so a run can be interrupted and"
        " started again. Rows that cannot be taken are kept as dead letters."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_common_arguments(parser)
        parser.add_argument("--format", choices=_FORMATS, default="auto", help="auto: by name")
        csv = parser.add_argument_group("CSV")
        csv.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="ATTRIBUTE=COLUMN",
            help="id, source, type, subject or time; without an id, rows are numbered",
        )
        csv.add_argument(
            "--data",
            action="append",
            default=[],
            metavar="NAME=COLUMN",
            help="a member of the data; without any, all other columns are the data",
        )
        csv.add_argument("--source", help="of all rows; by default the file's name")
        csv.add_argument("--type", help="of all rows")
        csv.add_argument("--subject", help="of all rows")
        csv.add_argument("--time-format", default="", help="as strptime's, unix or unix_ms")
        csv.add_argument("--zone", default="UTC", help="of times that name none, as Europe/Berlin")
        csv.add_argument("--delimiter", default=",")

    def add_common_arguments(self, parser: CommandParser) -> None:
        """Add what all commands that read files understand."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
        parser.add_argument(
            "--strict", action="store_true", help="exit with 1 if any row was refused"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        book = book_named(options["book"])
        for path in options["files"]:
            if not path.is_file():
                raise CommandError(f"{path} is not a file.")
        try:
            loaded = self.load(book, options)
        except (DomainError, LoadError) as error:
            raise CommandError(f"{error} What was taken stays: run it again.") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped at once; run it again.", returncode=_INTERRUPTED) from None
        self._report(loaded, options["files"])
        if loaded.is_interrupted:
            where = f"after line {loaded.line:,} of {loaded.path}"
            raise CommandError(
                f"Interrupted {where}; run it again to go on.", returncode=_INTERRUPTED
            )
        if loaded.damage:
            raise CommandError(f"{loaded.damage} What is before that has been taken.")
        if options["strict"] and loaded.tally.refusals:
            raise CommandError(f"{loaded.tally.refusals:,} rows were refused.")

    def load(self, book: Book, options: dict[str, Any]) -> "Loaded":
        """Take the files in."""
        return load_files(
            book=book,
            paths=options["files"],
            columns_of=lambda path: _columns(path, options),
            workers=max(1, options["workers"]),
            console=Console(stderr=True),
        )

    def _report(self, loaded: "Loaded", paths: list[Path]) -> None:
        console = render.console_on(self.stdout)
        console.print(summary(loaded))
        for path, tally in loaded.by_file:
            for row in tally.refused:
                console.print(f"{path.name}:{row.index}: {row.reason}: {row.detail}", markup=False)
            hidden = tally.refusals - len(tally.refused)
            if hidden > 0:
                console.print(f"{path.name}: … and {hidden:,} more; see the dead letters")


@dataclass(slots=True)
class Loaded:
    """What a run did."""

    by_file: list[tuple[Path, Tally]]
    seconds: float = 0
    line: int = 0  # the last that was read, of ``path``
    path: Path | None = None
    is_interrupted: bool = False
    damage: str = ""  # why a file could not be read to its end

    @property
    def tally(self) -> Tally:
        """All files together."""
        whole = Tally()
        for _, tally in self.by_file:
            whole.join(tally)
        return whole


def book_named(key: str | None) -> Book:
    """Return the book of that key; without one, the only one there is."""
    books = list(Book.objects.filter(key=key) if key else Book.objects.all()[:2])
    if len(books) == 1:
        return books[0]
    known = ", ".join(Book.objects.values_list("key", flat=True)[:20]) or "none yet"
    raise CommandError(f"Name one book with --book; there are: {known}.")


def load_files(
    *,
    book: Book,
    paths: list[Path],
    columns_of: Callable[[Path], Columns | None],
    workers: int,
    console: Console,
    change: Callable[[Record], Record] | None = None,
) -> Loaded:
    """
    Take files in, one after the other, with a progress bar by bytes.

    ``change`` may rewrite each record that is read.

    Raises:
        LoadError: a worker failed or was killed.
    """
    crew = Crew(book=book, workers=workers) if workers > 1 else None
    load: Load = crew.load if crew else partial(loading.load, book=book)
    loaded = Loaded([])
    started = time.monotonic()
    total = sum(path.stat().st_size for path in paths)
    try:
        with loading.stoppable() as stop, _bar(console) as progress:
            task = progress.add_task("", total=total, rate="")
            before = 0
            for path in paths:
                show = partial(_show, progress, task, loaded, started, before)
                _load_file(load, path, columns_of(path), stop, loaded, show, change)
                before += path.stat().st_size
                if stop.is_asked:
                    break
    finally:
        if crew:
            crew.close()
    loaded.seconds = time.monotonic() - started
    return loaded


def summary(loaded: Loaded) -> Table:
    """Return the table of a run."""
    tally = loaded.tally
    table = Table(title="Ingest", title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("accepted", f"{tally.accepted:,}")
    for name in ("duplicate", "conflicting", "unattributed", "rejected"):
        if count := getattr(tally, name):
            table.add_row(name, f"{count:,}")
    if tally.unmetered:
        table.add_row("accepted, counted by no meter", f"{tally.unmetered:,}")
    table.add_section()
    table.add_row("rows", f"{tally.records:,}", style="bold")
    table.add_row("seconds", f"{loaded.seconds:.1f}")
    table.add_row("rows per second", f"{tally.records / max(loaded.seconds, 0.001):,.0f}")
    return table


def _load_file(
    load: Load,
    path: Path,
    columns: Columns | None,
    stop: Stop,
    loaded: Loaded,
    show: Callable[[Opened, Tally], None],
    change: Callable[[Record], Record] | None,
) -> None:
    opened = Opened(path)
    loaded.path = path
    try:
        records = _watched(opened, columns, loaded, change)
        tally = load(records=records, stop=stop, each=partial(show, opened))
        loaded.by_file.append((path, tally))
        show(opened, Tally())
    finally:
        opened.close()
    loaded.is_interrupted = stop.is_asked


def _watched(
    opened: Opened,
    columns: Columns | None,
    loaded: Loaded,
    change: Callable[[Record], Record] | None,
) -> Iterator[Record]:
    """Read a file, note how far it was, and end where it is damaged."""
    loaded.line = 0
    try:
        for record in files.read(opened.content, columns):
            loaded.line = record.line
            yield change(record) if change else record
    except _DAMAGED as error:
        loaded.damage = f"{opened.path} is damaged after line {loaded.line:,}: {error}."


def _show(
    progress: Progress,
    task: TaskID,
    loaded: Loaded,
    started: float,
    before: int,
    opened: Opened,
    tally: Tally,
) -> None:
    records = loaded.tally.records + tally.records
    rate = f"{records:,} rows, {records / max(time.monotonic() - started, 0.001):,.0f}/s"
    progress.update(task, completed=before + opened.done, description=opened.path.name, rate=rate)


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _columns(path: Path, options: dict[str, Any]) -> Columns | None:
    form = options["format"]
    if form == "ndjson" or (form == "auto" and ".csv" not in path.suffixes[-2:]):
        return None
    named = pairs("--map", options["map"])
    if unknown := sorted(named.keys() - set(files.ATTRIBUTES)):
        known = ", ".join(files.ATTRIBUTES)
        raise CommandError(f"--map {unknown[0]}=…: an event has no such attribute, but {known}.")
    fixed = {"source": path.name}
    fixed |= {name: options[name] for name in ("source", "type", "subject") if options[name]}
    for name in ("type", "subject"):
        if name not in named and name not in fixed:
            raise CommandError(f"Say where the {name} is: --{name} NAME or --map {name}=COLUMN.")
    if len(options["delimiter"]) != 1:
        raise CommandError("--delimiter is one character.")
    return Columns(
        named=named,
        fixed=fixed,
        data=pairs("--data", options["data"]),
        time_format=options["time_format"],
        zone=zone(options["zone"]),
        delimiter=options["delimiter"],
    )


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """Read NAME=COLUMN, given several times."""
    found: dict[str, str] = {}
    for pair in given:
        name, equals, column = pair.partition("=")
        if not (name and equals and column) or name in found:
            raise CommandError(f"{option} {pair}: write NAME=COLUMN, each name once.")
        found[name] = column
    return found


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"--zone {name}: there is no such time zone.") from error
