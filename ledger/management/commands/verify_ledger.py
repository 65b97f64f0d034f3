"""``manage.py verify_ledger``: recompute everything, and name the first thing that disagrees."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ledger import sealing
from ledger.errors import DomainError
from ledger.models import Book
from ledger.verification import Report, verify


class Command(BaseCommand):
    help = (
        "Recompute digests, deltas, buckets, balances and seals from the journal."
        " Exits with 1 when anything disagrees, naming it and what to do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", help="look at this book only")
        parser.add_argument("--head", help="hold the chain to this head: a file, or seq:hash")
        parser.add_argument("--since-seal", type=int, help="trust everything up to this seal")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            report = self._verified(options)
        except DomainError as error:
            raise CommandError(str(error)) from error
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(report), "is_clean": report.is_clean}, indent=2))
        else:
            self._print(report, seconds)
        if not report.is_clean:
            first = report.disagreements[0]
            raise CommandError(f"{first}\n{first.remedy}")

    def _verified(self, options: dict[str, Any]) -> Report:
        book = _book(options["book"]) if options["book"] else None
        head = _head(options["head"]) if options["head"] else None
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)
            return verify(
                book=book,
                head=head,
                since_seal=options["since_seal"],
                progress=lambda stage, done, total: bar.update(
                    task, description=stage, completed=done, total=total
                ),
            )

    def _print(self, report: Report, seconds: float) -> None:
        self.stdout.write(
            f"{report.transactions:,} transactions, {report.entries:,} entries and"
            f" {report.seals:,} seals recomputed in {seconds:.1f} s"
        )
        for found in report.disagreements:
            self.stdout.write(f"{found.check}: {found}")
        if report.is_clean:
            self.stdout.write(self.style.SUCCESS("The ledger agrees with itself."))
        if report.head:
            self.stdout.write(f"head of the chain {report.head}")


def _book(key: str) -> Book:
    book = Book.objects.filter(key=key).first()
    if book is None:
        known = ", ".join(Book.objects.values_list("key", flat=True)) or "none"
        raise CommandError(f"There is no book {key!r}; there are: {known}.")
    return book


def _head(given: str) -> sealing.Head:
    path = Path(given)
    return sealing.parse_head(path.read_text() if path.is_file() else given)
