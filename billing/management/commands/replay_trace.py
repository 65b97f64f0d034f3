"""``manage.py replay_trace``: a real trace of language-model requests, from file to balances."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now
from rich.console import Console

from billing.management import render, trace
from billing.management.commands.ingest import load_files, summary
from billing.management.loading import LoadError
from billing.metering import rollups
from ledger import folding, sealing, verification
from ledger.errors import DomainError
from wallets import expiry


class Command(BaseCommand):
    help = (
        "Replay a CSV trace of language-model requests (TIMESTAMP, ContextTokens, GeneratedTokens)"
        " into a book with customers, prices and credit made for it. Requests are given to"
        " customers by a hash of their row number; running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--book", default="trace", help="the key of the book to be used")
        parser.add_argument("--workers", type=int, default=1, help="processes that share the work")

    def handle(self, *_args: Any, **options: Any) -> None:
        for path in options["files"]:
            if not path.is_file():
                raise CommandError(f"{path} is not a file.")
        console = render.console_on(self.stdout)
        try:
            self._replay(options, console)
        except (DomainError, LoadError) as error:
            raise CommandError(str(error)) from error

    def _replay(self, options: dict[str, Any], console: Console) -> None:
        book = trace.prepare(key=options["book"], at=now())
        loaded = load_files(
            book=book,
            paths=options["files"],
            columns_of=trace.columns,
            workers=max(1, options["workers"]),
            console=Console(stderr=True),
            change=trace.assign,
        )
        console.print(summary(loaded))
        if loaded.is_interrupted:
            raise CommandError("Interrupted; run it again to go on.", returncode=130)
        expiry.close_expired(at=now())
        rollups.fold()
        folding.fold()
        sealing.seal(at=now())
        render.render_overview(book, console, at=now())
        report = verification.verify(book=book)
        render.render_verification(report, console)
        if loaded.damage or not report.is_clean:
            raise CommandError(loaded.damage or "The ledger disagrees with itself.")
